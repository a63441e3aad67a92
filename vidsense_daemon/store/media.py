"""Stills and clips on disk: `<media>/YYYY/MM/DD/<event id>-<number>.jpg` or `.mp4`, readable by their owner only.

The order makes it safe: file → fsync → rename → fsync of the folder → row. A kill in between leaves a file without
a row, which `check.repair` removes, and never a row without its file. Names are built from ids and numbers alone.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.base.files import fsync_folder, hand_over, replace_file

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what may stand in a file name: no dot, no slash
_SPOOL = "spool"  # clips in the making
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that is on the disk for good."""

    path: str  # relative to the media folder
    size_bytes: int
    sha256: str


class MediaFolder:
    """The folder that holds stills and clips; thread-safe, since no two events share a name."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def save(self, jpeg: bytes, *, event_id: str, number: int, started_at: datetime) -> MediaFile:
        """Write one still; when it returns, a power cut can't take it any more.

        Saving the same number again replaces the file, so a write that is repeated leaves no second copy.

        Raises:
            StoreError: the folder can't be written; nothing half-written stays under the final name.
        """
        if not _PLAIN_ID.fullmatch(event_id):
            raise StoreError(f"{event_id!r} can't name a file: an event id is letters, digits, - and _")
        relative = _day(started_at) / f"{event_id}-{number}.jpg"
        try:
            self._write(self.root / relative, jpeg)
        except OSError as error:
            raise StoreError(f"writing the still {self.root / relative} failed: {error.strerror or error}") from error
        return MediaFile(str(relative), len(jpeg), hashlib.sha256(jpeg).hexdigest())

    def spool(self) -> Path:
        """Where clips grow that are not kept yet; on the same disk, so that they need only be renamed.

        Raises:
            StoreError: it can't be made.
        """
        spool = self.root / _SPOOL
        try:
            self._make_folders(spool)
        except OSError as error:
            raise StoreError(f"making the folder {spool} failed: {error.strerror or error}") from error
        return spool

    def adopt(self, path: Path, *, started_at: datetime) -> MediaFile:
        """Take a file of this folder into the folder of its day; when it returns, a power cut can't take it any more.

        Raises:
            StoreError: it can't be read or moved.
        """
        relative = _day(started_at) / path.name
        target = self.root / relative
        digest = hashlib.sha256()
        try:
            self._make_folders(target.parent)
            with path.open("rb") as file:
                os.fsync(file.fileno())
                while piece := file.read(_READ_BYTES):
                    digest.update(piece)
                size_bytes = file.tell()
            path.rename(target)
            for folder in {target.parent, path.parent}:
                fsync_folder(folder)
        except OSError as error:
            raise StoreError(f"keeping the clip {path} failed: {error.strerror or error}") from error
        return MediaFile(str(relative), size_bytes, digest.hexdigest())

    def clip_files(self) -> Iterator[Path]:
        """Every clip, those in the making included."""
        for pattern in (f"{_SPOOL}/*.mp4", "[0-9]*/*/*/*.mp4"):
            yield from sorted(self.root.glob(pattern))

    def path(self, relative: str) -> Path:
        """Where a row's file lies.

        Raises:
            StoreError: the row points out of the media folder: somebody edited the database.
        """
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root):
            raise StoreError(f"the file {relative!r} would lie outside {self.root}: the database was tampered with")
        return path

    def remove(self, relatives: Iterable[str]) -> list[str]:
        """Remove files; those that are gone now, whoever removed them. One that can't be removed is left out."""
        gone = []
        for relative in relatives:
            path = self.path(relative)
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue  # its row in the garbage table stays, and the next round tries again
            gone.append(relative)
            self._remove_empty_folders(path.parent)
        return gone

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every file below the folder, half-written ones included: relative path and its status."""
        for path in sorted(self.root.glob("**/*")):
            if path.is_file():
                yield str(path.relative_to(self.root)), path.stat()

    def _write(self, path: Path, content: bytes) -> None:
        self._make_folders(path.parent)
        replace_file(path, content)

    def _make_folders(self, folder: Path) -> None:
        """Create what is missing, outermost first, and make each new name durable in the folder above it."""
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            new.mkdir(mode=0o700, exist_ok=True)
            hand_over(new, of=new.parent)
            fsync_folder(new.parent)

    def _remove_empty_folders(self, folder: Path) -> None:
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:
                return  # not empty: other stills of that day
            folder = folder.parent


def _day(moment: datetime) -> Path:
    day = moment.astimezone(UTC)
    return Path(f"{day:%Y}", f"{day:%m}", f"{day:%d}")
