"""The open database: many readers, one writer at a time, and an answer only after the commit.

The writer is a lock and not a thread: whoever writes waits for the commit anyway, so a hop to another thread would
add a queue to stop and lose tracebacks, for nothing (docs/decisions/0002). Other processes (`replay`, the command
line) write to the same file at the same time: SQLite's own lock orders them, and we are patient with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from vidsense_daemon.base.backoff import Backoff
from vidsense_daemon.store.engine import READS_ONLY, database_path, make_engine
from vidsense_daemon.store.faults import DatabaseFaultError, Fault, fault_error, translated
from vidsense_daemon.store.space import SpaceReserve
from vidsense_daemon.store.upgrade import check_is_current, integrity, upgrade

Answer = TypeVar("Answer")

# longer than any transaction of ours or a backup's step; beyond it somebody sits on the lock
_BUSY_LIMIT_S = 15.0
_ASK_AGAIN_S = 1.0  # SQLite waits this long by itself; in between a stop is noticed, and a file that was replaced


class Database:
    """One SQLite file, open; every method is thread-safe."""

    def __init__(self, url: str, *, busy_limit_s: float = _BUSY_LIMIT_S, reserve: SpaceReserve | None = None) -> None:
        self.url = url
        self.path = database_path(url)
        self._busy_limit_s = busy_limit_s
        self._reserve = reserve
        self._engine = make_engine(url, busy_timeout_s=min(_ASK_AGAIN_S, busy_limit_s))
        self._reader = self._engine.execution_options(**{READS_ONLY: True})
        self._writing = threading.Lock()
        self._locked_since_mono_s: float | None = None  # under the lock `_writing`
        self._ending = threading.Event()
        self._log = structlog.get_logger()
        self._identity = self._identity_now()
        self._anchor = self._hold_open()

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run ``work`` in a transaction of its own; its answer once the commit is on the disk.

        ``work`` may run again when another process held the lock or the disk was full, so it touches nothing but its
        connection. Whoever comes when the lock has been held for long is not as patient as the first.

        Raises:
            DatabaseFaultError: nothing of it was stored.
        """
        backoff = Backoff(first_s=0.01, cap_s=0.5)
        with self._writing:
            while True:
                self._check_identity()
                try:
                    with translated("writing to", self.path), self._engine.begin() as connection:
                        self._unlocked()
                        return work(connection)
                except DatabaseFaultError as error:
                    if error.fault is Fault.FULL and self._reserve is not None and self._reserve.release():
                        self._log.error("disk_full_reserve_used", path=str(self.path))
                        continue
                    if error.fault is not Fault.LOCKED or self._locked_too_long(error):
                        raise
                    self._ending.wait(backoff.next_s())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database and holds up nobody."""
        with translated("reading", self.path), self._reader.connect() as connection:
            yield connection

    def shrink(self, pages: int) -> None:
        """Return up to ``pages`` free pages to the disk."""
        with self._writing, translated("shrinking", self.path):
            pooled = self._engine.raw_connection()
            try:
                # the pragma frees one page a step; of the driver's calls only executescript steps to the end
                pooled.cursor().executescript(f"PRAGMA incremental_vacuum({pages})")
            finally:
                pooled.close()

    def hurry(self) -> None:
        """The process ends soon: from now on nobody waits long for another program's lock. From any thread."""
        self._ending.set()

    def close(self) -> None:
        """Close every connection; the last one folds the write-ahead log into the file."""
        self._anchor.close()
        self._engine.dispose()

    def _locked_too_long(self, error: DatabaseFaultError) -> bool:
        now_mono_s = time.monotonic()
        if self._locked_since_mono_s is None:
            self._locked_since_mono_s = now_mono_s
            self._log.warning("database_locked", reason=str(error))
        return self._ending.is_set() or now_mono_s - self._locked_since_mono_s >= self._busy_limit_s

    def _unlocked(self) -> None:
        if self._locked_since_mono_s is not None:
            self._log.info("database_unlocked", after_s=round(time.monotonic() - self._locked_since_mono_s, 1))
            self._locked_since_mono_s = None

    def _hold_open(self) -> Connection:
        """One connection that stays: on a full disk SQLite can't make the WAL's index again, so it must not go."""
        with translated("opening", self.path):
            connection = self._reader.connect()
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
            connection.rollback()  # no transaction stays open: it would keep the WAL from being folded in
        return connection

    def _check_identity(self) -> None:
        """A deleted file goes on taking writes that nobody will ever read: measured, 20 of 20 were acknowledged."""
        if self._identity_now() != self._identity:
            raise fault_error(Fault.GONE, f"writing to {self.path}")

    def _identity_now(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino


def open_database(
    url: str,
    *,
    media_dir: Path | None = None,
    may_upgrade: bool = True,
    after_unclean_exit: bool = False,
    reserve: SpaceReserve | None = None,
    busy_limit_s: float = _BUSY_LIMIT_S,
) -> Database:
    """The database at ``url``, ready to use.

    The daemon and `replay` create and upgrade it; a command that only reads passes ``may_upgrade=False`` and changes
    nothing. After an unclean exit the file is checked first, which reads all of it. ``reserve`` is given up when the
    disk is full, so that the events of the last minutes still find room.

    Raises:
        StoreError: it can't be opened, is damaged, or is gone although ``media_dir`` still holds its stills.
        ConfigError: it is not ours, or of another version.
    """
    path = database_path(url)
    try:
        _prepare(path, url, media_dir, may_upgrade=may_upgrade, read_all=after_unclean_exit)
    except DatabaseFaultError as error:
        if error.fault is not Fault.FULL or reserve is None or not reserve.release():
            raise
        _prepare(path, url, media_dir, may_upgrade=may_upgrade, read_all=after_unclean_exit)
    return Database(url, reserve=reserve, busy_limit_s=busy_limit_s)


def _prepare(path: Path, url: str, media_dir: Path | None, *, may_upgrade: bool, read_all: bool) -> None:
    if read_all and path.exists():
        found = integrity(path)
        if found != "ok":
            raise fault_error(Fault.CORRUPT, f"checking {path} after an unclean exit", found)
    if may_upgrade:
        upgrade(url, media_dir=media_dir)
    else:
        check_is_current(url)
