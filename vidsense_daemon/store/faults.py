"""SQLite's error codes in words, so that every caller sees one kind of error with one reason.

LOCKED      another process holds the write lock       → wait, then spool
FULL        no space left for the database             → free space, then spool
READ_ONLY   the file or its folder can't be written    → spool; the operator must act
IO          the disk failed or the file can't be opened
CORRUPT     the file is damaged: any query that says so is fatal for that file
GONE        the file was deleted or replaced while it was open
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError

from vidsense_daemon.base.errors import StoreError, TransientError

_LITTLE_BYTES = 64 * 1024  # one WAL index and one page; less is a full disk
_PRIMARY_CODE = 0xFF  # the low byte of an extended result code: https://www.sqlite.org/rescode.html


class Fault(StrEnum):
    """What is wrong with the database."""

    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read_only"
    IO = "io"
    CORRUPT = "corrupt"
    GONE = "gone"


_FAULTS = {
    sqlite3.SQLITE_BUSY: Fault.LOCKED,
    sqlite3.SQLITE_LOCKED: Fault.LOCKED,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_PERM: Fault.READ_ONLY,
    sqlite3.SQLITE_IOERR: Fault.IO,
    sqlite3.SQLITE_CANTOPEN: Fault.IO,
    sqlite3.SQLITE_CORRUPT: Fault.CORRUPT,
    sqlite3.SQLITE_NOTADB: Fault.CORRUPT,
}

_FATAL = {Fault.CORRUPT, Fault.GONE}

_NEXT_STEPS = {
    Fault.LOCKED: "another program holds its write lock; close it, or wait until it is done",
    Fault.FULL: "the disk is full; free some space or lower the retention",
    Fault.READ_ONLY: "it can't be written; check the owner and the rights of the file and its folder, and the mount",
    Fault.IO: "the disk did not answer; check the disk and the system's log",
    Fault.CORRUPT: "it is damaged; restore the last backup with `vidsense db restore`",
    Fault.GONE: "the file was deleted or replaced while it was in use; restart the daemon",
}


class DatabaseFaultError(StoreError):
    """The database failed for a reason that has a name."""

    def __init__(self, fault: Fault, doing: str, detail: str = "") -> None:
        said = f" ({detail})" if detail else ""
        super().__init__(f"{doing} failed: {_NEXT_STEPS[fault]}{said}")
        self.fault = fault


class DatabaseUnavailableError(DatabaseFaultError, TransientError):
    """It failed now and may work later; a worker that gets it waits and tries again, for as long as it takes."""


def fault_error(fault: Fault, doing: str, detail: str = "") -> DatabaseFaultError:
    """The error of this fault; ``doing`` starts the message, ``detail`` is what SQLite said."""
    kind = DatabaseFaultError if fault in _FATAL else DatabaseUnavailableError
    return kind(fault, doing, detail)


def fault_of(error: BaseException) -> Fault | None:
    """The fault behind a driver's error; none when it is not the database's doing (a constraint, a defect)."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _FAULTS.get(code & _PRIMARY_CODE)


@contextmanager
def translated(doing: str, path: Path) -> Iterator[None]:
    """Turn SQLite's errors inside the block into a `DatabaseFaultError`; "``doing`` ``path``" starts the message."""
    try:
        yield
    except IntegrityError:
        raise  # a row that breaks a rule is a defect of ours, and its traceback is wanted
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        fault = fault_of(cause) if cause is not None else None
        if fault is None:
            raise
        if fault is Fault.IO:
            fault = _io_fault(path.parent)
        raise fault_error(fault, f"{doing} {path}", str(cause)) from error


def _io_fault(folder: Path) -> Fault:
    """What an I/O error is when SQLite could not even make the small files that it works with."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return Fault.IO
    if disk.f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK):
        return Fault.READ_ONLY
    return Fault.FULL if disk.f_bavail * disk.f_frsize < _LITTLE_BYTES else Fault.IO
