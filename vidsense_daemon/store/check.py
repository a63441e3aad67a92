"""`vidsense db check`: does what the database says hold, and does it agree with the media folder?

damaged page       SQLite's own check                             → restore a backup
dangling row       a row refers to one that is gone               → a defect: report it
missing file       a still's or clip's row without its file       → repair: the row goes
changed file       size or checksum differ                        → told, never repaired: it may be evidence
stray file         a file without a row, older than an hour       → repair: the file goes
index out of step  full-text search disagrees with the texts      → repair: rebuilt
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, select

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.base.files import sha256_of
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.faults import DatabaseFaultError, Fault
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.upgrade import integrity

# a still's file is there a moment before its row; whatever is younger may be in the making
_STRAY_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not hold."""

    kind: str  # damaged_page | dangling_row | missing_file | changed_file | stray_file | index_out_of_step
    what: str  # which file, row or page
    repaired: bool = False


def check(database: Database, media: MediaFolder, now: datetime, *, checksums: bool = False) -> list[Problem]:
    """All problems there are; reads the whole database, and with ``checksums`` every still and clip."""
    problems = [Problem("damaged_page", found) for found in _damage(database.path)]
    if problems:
        return problems  # what a damaged file says about the rest is worth nothing
    return [
        *_dangling_rows(database),
        *_media_problems(database, media, checksums=checksums),
        *(Problem("stray_file", path) for path in _strays(database, media, now)),
        *_index_problems(database),
    ]


def repair(database: Database, media: MediaFolder, problems: list[Problem]) -> list[Problem]:
    """Mend what can be mended without a backup; the same problems, with what became of them."""
    return [Problem(problem.kind, problem.what, _mend(database, media, problem)) for problem in problems]


def _mend(database: Database, media: MediaFolder, problem: Problem) -> bool:
    if problem.kind == "missing_file":
        for table in (tables.stills, tables.clips):
            without = delete(table).where(table.c.path == problem.what)
            database.write(lambda connection, without=without: connection.execute(without))  # type: ignore[misc]
        return True
    if problem.kind == "stray_file":
        return bool(media.remove([problem.what]))
    if problem.kind == "index_out_of_step":
        rebuild = "INSERT INTO documents_fts (documents_fts) VALUES ('rebuild')"
        database.write(lambda connection: connection.exec_driver_sql(rebuild))
        return True
    return False


def _damage(path: Path) -> list[str]:
    found = integrity(path)
    return [] if found == "ok" else [found]


def _dangling_rows(database: Database) -> Iterator[Problem]:
    with database.read() as connection:
        for table, row_id, parent, _key in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            yield Problem("dangling_row", f"row {row_id} of {table} refers to a row of {parent} that is gone")


def _media_problems(database: Database, media: MediaFolder, *, checksums: bool) -> Iterator[Problem]:
    with database.read() as connection:
        stills = connection.execute(select(tables.stills).order_by(tables.stills.c.id)).all()
        clips = connection.execute(select(tables.clips).order_by(tables.clips.c.event_id)).all()
    for row in (*stills, *clips):
        kind = _media_problem(row, media.path(row.path), checksums=checksums)
        if kind is not None:
            yield Problem(kind, row.path)


def _media_problem(row: Row[Any], path: Path, *, checksums: bool) -> str | None:
    if not path.is_file():
        return "missing_file"
    if path.stat().st_size != row.bytes:
        return "changed_file"
    if not checksums:
        return None
    return None if sha256_of(path) == row.sha256 else "changed_file"


def _strays(database: Database, media: MediaFolder, now: datetime) -> list[str]:
    # the folder first: a file that is new after the rows were read must not look like a stray
    oldest_ms = to_ms(now - _STRAY_AFTER)
    files = [path for path, status in media.files() if status.st_mtime * 1000 < oldest_ms]
    with database.read() as connection:
        known: set[str] = set()
        for table in (tables.stills, tables.clips, tables.garbage):
            known |= set(connection.execute(select(table.c.path)).scalars())
    return [path for path in files if path not in known]


def _index_problems(database: Database) -> list[Problem]:
    compare = "INSERT INTO documents_fts (documents_fts, rank) VALUES ('integrity-check', 1)"
    try:
        database.write(lambda connection: connection.exec_driver_sql(compare))
    except DatabaseFaultError as error:
        if error.fault is not Fault.CORRUPT:
            raise
        return [Problem("index_out_of_step", "documents_fts")]
    return []
