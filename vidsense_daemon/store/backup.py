"""Backups that were read back before they count, and the way back from one: `vidsense db backup|restore`.

A backup copies rows and not pages: every row of every table is read, so damage is found here instead of being carried
along for a year. It runs beside the daemon in one read transaction and holds up no writer. Windows are left out unless
asked for: they are most of the bytes, and search and novelty grow new ones. Stills are files; copy the media folder
with any tool.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.base.files import PART_SUFFIX, hand_over, make_private, settle_file
from vidsense_daemon.store.database import Database, open_database
from vidsense_daemon.store.engine import database_path
from vidsense_daemon.store.faults import DatabaseFaultError, Fault, fault_error, translated
from vidsense_daemon.store.space import SpaceReserve
from vidsense_daemon.store.tables import documents, metadata, unreviewed, windows
from vidsense_daemon.store.upgrade import (
    DatabaseLostError,
    current_revision,
    head_revision,
    integrity,
    is_ours,
    upgrade,
)

# filled by the triggers of the copy while its events are inserted
_MADE_BY_TRIGGERS = {documents.name, unreviewed.name}


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that has passed its check."""

    path: Path
    events: int
    size_bytes: int


def back_up(url: str, to: Path, *, with_windows: bool = False) -> Backup:
    """Copy the database to the file ``to``; it appears under that name only when it is complete and checked.

    Raises:
        StoreError: the database can't be read, or the copy not written, or ``to`` is there and no older backup;
            ``to`` is not touched then.
    """
    _check_may_replace(to, database_path(url))
    part = to.with_name(to.name + PART_SUFFIX)
    part.unlink(missing_ok=True)
    try:
        with translated("backing up to", to):
            _check_is_current(database_path(url))
            upgrade(f"sqlite:///{part.resolve()}")
            _copy_rows(database_path(url), part, with_windows=with_windows)
        events = _check(part)
        settle_file(part, to)
    except OSError as error:
        raise StoreError(f"backing up to {to} failed: {error.strerror or error}") from error
    finally:
        for left_over in part.parent.glob(part.name + "*"):
            left_over.unlink()
    return Backup(to, events, to.stat().st_size)


def back_up_daily(url: str, folder: Path, now: datetime, *, keep: int = 7) -> Backup:
    """One more backup in ``folder``, named by its time; the oldest beyond ``keep`` are removed after it is good."""
    make_private(folder)
    backup = back_up(url, folder / f"vidsense-{now:%Y%m%dT%H%M%SZ}.db")
    for old in backups(folder)[keep:]:
        old.unlink()
    return backup


def backups(folder: Path) -> list[Path]:
    """The backups in ``folder``, newest first."""
    return sorted(folder.glob("vidsense-*.db"), reverse=True)


def restore(backup: Path, url: str, now: datetime) -> Path | None:
    """Put ``backup`` in the database's place; the database that was there is moved aside, never deleted.

    Only for who holds the state folder's lock. Returns where the old one lies now; none when there was none.

    Raises:
        StoreError: the backup is damaged, or can't be copied; the database is untouched then.
    """
    with translated("restoring", backup):
        _check(backup)
    path = database_path(url)
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        shutil.copyfile(backup, part)
        with part.open("rb") as copy:
            os.fchmod(copy.fileno(), 0o600)
            hand_over(copy.fileno(), of=path.parent)
        aside = set_aside(path, now)
        settle_file(part, path)
    except OSError as error:
        raise StoreError(f"restoring {backup} to {path} failed: {error.strerror or error}") from error
    upgrade(url)  # the backup may be of an earlier version; WAL mode comes back too
    return aside


def set_aside(path: Path, now: datetime) -> Path | None:
    """Move a database out of the way, with its WAL, which may hold its newest rows; none when there is none."""
    aside = path.with_name(f"{path.name}.aside-{now:%Y%m%dT%H%M%SZ}")
    for suffix in ("-wal", "-shm"):  # also without their database: SQLite would take them for the next one's
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return path.rename(aside) if path.exists() else None


def heal(url: str, folder: Path, now: datetime) -> Path:
    """Replace a damaged or a lost database by the newest backup in ``folder`` that is good; which one it was.

    Only for who holds the state folder's lock.

    Raises:
        StoreError: there is no good backup; the damaged file stays where it is.
    """
    log = structlog.get_logger()
    for backup in backups(folder):
        try:
            aside = restore(backup, url, now)
        except StoreError as error:
            log.warning("backup_not_usable", path=str(backup), reason=str(error))
            continue
        log.error("database_restored", backup=str(backup), aside=str(aside) if aside else None)
        return backup
    path = database_path(url)
    raise fault_error(
        Fault.CORRUPT,
        f"healing {path} from {folder}",
        f"there is no good backup there; without one of your own, move {path.name} and media/ away to begin anew",
    )


def open_or_heal(
    url: str,
    *,
    backups_dir: Path,
    now: datetime,
    media_dir: Path | None = None,
    after_unclean_exit: bool = False,
    reserve: SpaceReserve | None = None,
) -> Database:
    """The database, ready to use; the newest good backup takes the place of a damaged or a lost one first.

    Only for who holds the state folder's lock. A house that is watched with yesterday's history is better than one that
    is not watched until somebody comes; the damaged file is kept for whoever wants to save more from it.

    Raises:
        StoreError: as `open_database` raises it; a damaged database without any good backup too.
    """
    try:
        return open_database(url, media_dir=media_dir, after_unclean_exit=after_unclean_exit, reserve=reserve)
    except DatabaseLostError:
        if not backups(backups_dir):
            raise
    except DatabaseFaultError as error:
        if error.fault is not Fault.CORRUPT:
            raise
    heal(url, backups_dir, now)
    return open_database(url, media_dir=media_dir, reserve=reserve)


def _check_may_replace(to: Path, database: Path) -> None:
    """A slip of the hand must cost neither the database that runs nor a holiday's film."""
    if not to.exists():
        return
    if database.exists() and to.samefile(database):
        raise StoreError(f"{to} is the database itself: name another file for its backup")
    if not to.is_file() or (to.stat().st_size and not is_ours(to)):
        raise StoreError(f"{to} is there already, and is no backup of vidsense: name another file")


def _check_is_current(path: Path) -> None:
    if not path.exists() or current_revision(path) != head_revision():
        raise StoreError(f"{path} is missing or of another version: run `vidsense db upgrade` first")


def _copy_rows(source: Path, target: Path, *, with_windows: bool) -> None:
    """All rows of one moment of ``source`` into the empty tables of ``target``."""
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS copy", (str(target),))
        connection.execute("BEGIN")
        for table in metadata.sorted_tables:
            if table.name in _MADE_BY_TRIGGERS or (table is windows and not with_windows):
                continue
            columns = ", ".join(f'"{column.name}"' for column in table.c)
            copy = f"INSERT INTO copy.{table.name} ({columns}) SELECT {columns} FROM main.{table.name}"  # noqa: S608
            connection.execute(copy)
        connection.execute(
            "UPDATE copy.documents AS new SET words = old.words FROM main.documents AS old"
            " WHERE old.event_id = new.event_id"
        )
        # numbers that were given once are never given again, deleted rows' included
        connection.execute("DELETE FROM copy.sqlite_sequence")
        connection.execute("INSERT INTO copy.sqlite_sequence SELECT * FROM main.sqlite_sequence")
        connection.execute("COMMIT")


def _check(path: Path) -> int:
    """Read a backup as a start would; how many events it holds.

    Raises:
        StoreError: it is not one of ours, or damaged.
    """
    if not path.exists():
        raise StoreError(f"there is no {path}")
    if not path.is_file() or not is_ours(path):
        raise StoreError(f"{path} is no backup of vidsense")
    found = integrity(path)
    if found != "ok":
        raise StoreError(f"the backup {path} is damaged ({found}): use an older one")
    with closing(sqlite3.connect(path)) as connection:
        (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        if orphans:
            raise StoreError(f"the backup {path} lacks what {len(orphans)} of its rows refer to: use an older one")
        # one plain file, without a WAL beside it that somebody forgets to copy
        connection.execute("PRAGMA journal_mode = DELETE")
    return int(events)
