"""Room on the disk: what is left, and a little that is kept back for the moment when nothing is.

A full disk would cost events exactly when many things happen. So a file of fixed size waits beside the database;
the first write that finds the disk full gives it up and tries again, which is enough for thousands of events, and
says so. `ensure` takes the room back once retention has freed some.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import structlog

from vidsense_daemon.base.files import PART_SUFFIX

_RESERVE_BYTES = 16 * 1024 * 1024
# taken back only when this many reserves are free: else it would fill the disk that it is there to save
_FREE_FOR_RESERVE = 4


class SpaceReserve:
    """The file that is given up when the disk is full; thread-safe, since the file itself is the state."""

    def __init__(self, path: Path, *, size_bytes: int = _RESERVE_BYTES) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._log = structlog.get_logger()

    def ensure(self) -> bool:
        """Take the room if it is not taken and the disk has plenty; whether the reserve is there now."""
        if self._path.exists():
            return True
        if free_bytes(self._path.parent) < _FREE_FOR_RESERVE * self._size_bytes:
            return False
        part = self._path.with_name(self._path.name + PART_SUFFIX)
        try:
            descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            try:
                # real blocks: a sparse file would keep back nothing
                os.posix_fallocate(descriptor, 0, self._size_bytes)
            finally:
                os.close(descriptor)
            part.rename(self._path)
        except OSError as error:
            part.unlink(missing_ok=True)
            self._log.warning("reserve_not_taken", path=str(self._path), reason=error.strerror)
            return False
        return True

    def release(self) -> bool:
        """Give the room up; whether there was any to give."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write on the folder's disk."""
    return shutil.disk_usage(folder).free
