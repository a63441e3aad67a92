"""Clips of events: written by the capture processes into a spool, kept here. `<event id>-<start in ms>.mp4` throughout.

    <media>/spool/…  ──fsync──► renamed to <media>/YYYY/MM/DD/… ──fsync of the folders──► row

A capture process that was killed leaves its clip in the spool, playable up to its last whole fragment, and a kill of
the daemon may leave one without its row. `adopt_left` finds both and keeps what belongs to an event: a clip that breaks
off is often the one that matters. The name alone tells whose it is and when it began.
"""

from __future__ import annotations

import contextlib
import re
import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.media import MediaFile, MediaFolder
from vidsense_daemon.store.records import has_event

_NAME = re.compile(r"(?P<event_id>[A-Za-z0-9_-]{1,64})-(?P<started_at_ms>\d{1,15})\.mp4")
# its event may still wait in memory for a database that takes nothing now
_NOBODYS_AFTER = timedelta(hours=1)
_BOX = struct.Struct(">I4s")


class ClipStore:
    """Every method is thread-safe."""

    def __init__(self, *, database: Database, media: MediaFolder) -> None:
        self._database = database
        self._media = media
        self._making: set[str] = set()  # event ids whose clips a capture process may be writing
        self._lock = threading.Lock()
        self._keeping = threading.Lock()  # a clip is kept by its camera's thread, what is left by the scheduler's
        self._log = structlog.get_logger()

    def begin(self, event_id: str) -> Path:
        """The folder that this event's clip is to be written to."""
        with self._lock:
            self._making.add(event_id)
        return self._media.spool()

    def keep(self, event_id: str, *, started_at: datetime, duration_s: float) -> bool:
        """Keep the clip that was written to the spool under these; false when it or its event is not there.

        Raises:
            StoreError: it could not be kept now; it stays where it is, for `adopt_left`.
        """
        with self._lock:
            self._making.discard(event_id)
        path = self._media.spool() / f"{event_id}-{to_ms(started_at)}.mp4"
        with self._keeping:
            return self._has_event(event_id) and path.is_file() and self._keep(path, event_id, started_at, duration_s)

    def lost(self, event_id: str) -> None:
        """Nobody writes this event's clip any more: what is there may be adopted."""
        with self._lock:
            self._making.discard(event_id)

    def adopt_left(self, now: datetime) -> int:
        """Keep what killed processes have left, as far as it can be played and belongs to an event; how many.

        Called at the start and every few minutes. What is nobody's goes after an hour.

        Raises:
            StoreError: the database can't be asked.
        """
        adopted = 0
        with self._keeping:
            for path, event_id, started_at in list(self._left()):
                with contextlib.suppress(FileNotFoundError):  # somebody deletes its event at this moment
                    adopted += self._adopt(path, event_id, started_at, now)
        if adopted:
            self._log.info("clips_adopted", clips=adopted)
        return adopted

    def _adopt(self, path: Path, event_id: str, started_at: datetime, now: datetime) -> bool:
        modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if not self._has_event(event_id):
            if now - modified_at > _NOBODYS_AFTER:
                path.unlink()
            return False
        duration_s = max(0.0, (modified_at - started_at).total_seconds())
        if cut_to_whole_boxes(path):
            return self._keep(path, event_id, started_at, duration_s)
        path.unlink()
        return False

    def _left(self) -> Iterator[tuple[Path, str, datetime]]:
        """Clips without a row that nobody is writing: file, event id, start."""
        with self._lock:
            making = set(self._making)
        with self._database.read() as connection:
            known = set(connection.execute(select(tables.clips.c.path)).scalars())
            known |= set(connection.execute(select(tables.garbage.c.path)).scalars())
        for path in self._media.clip_files():
            found = _NAME.fullmatch(path.name)
            if found is None or found["event_id"] in making or str(path.relative_to(self._media.root)) in known:
                continue
            yield path, found["event_id"], from_ms(int(found["started_at_ms"]))

    def _has_event(self, event_id: str) -> bool:
        with self._database.read() as connection:
            return has_event(connection, event_id)

    def _keep(self, path: Path, event_id: str, started_at: datetime, duration_s: float) -> bool:
        file = self._media.adopt(path, started_at=started_at)
        if self._database.write(lambda connection: _store(connection, file, event_id, started_at, duration_s)):
            return True
        self._media.remove([file.path])  # its event was deleted meanwhile, or has a clip already
        return False


def _store(connection: Connection, file: MediaFile, event_id: str, started_at: datetime, duration_s: float) -> bool:
    if not has_event(connection, event_id):
        return False
    row = {
        "event_id": event_id,
        "path": file.path,
        "started_at_ms": to_ms(started_at),
        "duration_s": duration_s,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
    }
    return connection.execute(insert(tables.clips).on_conflict_do_nothing(), row).rowcount > 0


def cut_to_whole_boxes(path: Path) -> bool:
    """Cut off what a kill has left half-written; whether a picture remains: `moov` tells what, `mdat` holds it."""
    with path.open("r+b") as file:
        kinds, end = _boxes(file, path.stat().st_size)
        file.truncate(end)
    return {b"moov", b"mdat"} <= kinds


def _boxes(file: BinaryIO, size_bytes: int) -> tuple[set[bytes], int]:
    """The kinds of the MP4 boxes (ISO/IEC 14496-12) that are there in whole, and where the last of them ends.

    A fragment is a `moof` and its `mdat`: without the one the other is of no use, so both count or neither.
    """
    kinds: set[bytes] = set()
    position = end = 0
    while position + _BOX.size <= size_bytes:
        file.seek(position)
        length, kind = _BOX.unpack(file.read(_BOX.size))
        position += length
        if length < _BOX.size or position > size_bytes:
            break
        kinds.add(kind)
        if kind != b"moof":
            end = position
    return kinds, end
