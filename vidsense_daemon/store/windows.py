"""Windows on disk: what every camera saw, as embeddings, for search, novelty and back-tests. `D` = dimension.

An embedding is kept as float16: half the size, and the rounding (2⁻¹¹) is far below what two windows differ by.
Windows are news that may be lost, unlike events, and they come all day: `WindowStore` gathers them and writes a
bunch at a time, because an fsync for each would wear out an SD card.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.domain.windows import Embedding, Window
from vidsense_daemon.store import tables
from vidsense_daemon.store.complaints import Complaint
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.faults import DatabaseFaultError, DatabaseUnavailableError

_BUNCH = 256  # written by the caller itself when nobody flushed before
_MOST_WAITING = 16_384  # 32 MiB at D = 512: hours of one camera; beyond it the oldest are dropped
_ROWS_A_READ = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class StoredWindow:
    """A window as it was kept: its place and its embeddings, without its frames."""

    id: int
    camera: str
    run_id: str
    frame_index: int  # of its newest frame
    encoder: str
    started_at: datetime
    ended_at: datetime
    pooled: Embedding  # (D,)
    crop_change: NDArray[np.float32] | None  # (D,): newest crop minus the same crop of the background
    moving: bool
    changed_ratio: float
    zones: tuple[str, ...]
    event_id: str | None


class WindowStore:
    """Keeps windows; every method is thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._not_stored = Complaint("windows_not_stored")
        self.dropped = 0  # since the start, because the database took none

    def add(self, window: Window, encoder: str) -> None:
        """Keep a window with the next flush; returns at once unless a whole bunch waits."""
        with self._lock:
            self._waiting.append(window_to_row(window, encoder=encoder, event_id=None))
            bunch_is_full = len(self._waiting) % _BUNCH == 0
        if bunch_is_full:
            self.flush()

    def flush(self) -> None:
        """Write what waits, in one transaction; what the database does not take now waits on.

        Raises:
            DatabaseFaultError: it will never take anything again.
        """
        with self._lock:
            rows, self._waiting = self._waiting, []
        if not rows:
            return
        try:
            self._database.write(lambda connection: insert_windows(connection, rows))
        except DatabaseFaultError as fault:
            self._put_back(rows)
            self._not_stored.say(waiting=len(rows), dropped=self.dropped, reason=str(fault))
            if not isinstance(fault, DatabaseUnavailableError):
                raise

    def between(
        self, since: datetime, until: datetime, *, encoder: str, camera: str | None = None
    ) -> Iterator[StoredWindow]:
        """Windows whose newest frame lies in ``since`` ≤ t < ``until``, oldest first, read a thousand at a time."""
        c = tables.windows.c
        wanted = select(tables.windows).where(c.encoder == encoder, c.ended_at_ms < to_ms(until))
        if camera is not None:
            wanted = wanted.where(c.camera == camera)
        after = (to_ms(since), -1)
        while True:
            page = wanted.where(_later_than(after)).order_by(c.ended_at_ms, c.id).limit(_ROWS_A_READ)
            with self._database.read() as connection:
                rows = connection.execute(page).all()
            if not rows:
                return
            yield from map(window_from_row, rows)
            after = (rows[-1].ended_at_ms, rows[-1].id)

    def count(self) -> int:
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(tables.windows)).scalar_one()

    def _put_back(self, rows: list[dict[str, Any]]) -> None:
        with self._lock:
            together = rows + self._waiting
            self.dropped += max(0, len(together) - _MOST_WAITING)
            self._waiting = together[-_MOST_WAITING:]


def insert_windows(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Store windows; one that is there already only learns which event it belongs to."""
    statement = insert(tables.windows)
    statement = statement.on_conflict_do_update(
        index_elements=["camera", "run_id", "frame_index", "encoder"],
        set_={"event_id": func.coalesce(statement.excluded.event_id, tables.windows.c.event_id)},
    )
    connection.execute(statement, rows)


def window_to_row(window: Window, *, encoder: str, event_id: str | None) -> dict[str, Any]:
    newest = window.frames[-1]
    change = None
    if newest.crop is not None and newest.crop_background is not None:
        change = to_blob(newest.crop - newest.crop_background)
    return {
        "camera": window.camera,
        "run_id": newest.run_id,
        "frame_index": newest.index,
        "encoder": encoder,
        "started_at_ms": to_ms(window.started_at),
        "ended_at_ms": to_ms(window.ended_at),
        "pooled": to_blob(window.pooled),
        "crop_change": change,
        "moving": int(newest.moving),
        "changed_ratio": float(newest.changed_ratio),
        "zones": list(newest.zones),
        "event_id": event_id,
    }


def window_from_row(row: Row[Any]) -> StoredWindow:
    return StoredWindow(
        id=row.id,
        camera=row.camera,
        run_id=row.run_id,
        frame_index=row.frame_index,
        encoder=row.encoder,
        started_at=from_ms(row.started_at_ms),
        ended_at=from_ms(row.ended_at_ms),
        pooled=from_blob(row.pooled),
        crop_change=None if row.crop_change is None else from_blob(row.crop_change),
        moving=bool(row.moving),
        changed_ratio=row.changed_ratio,
        zones=tuple(row.zones),
        event_id=row.event_id,
    )


def to_blob(embedding: NDArray[np.float32]) -> bytes:
    """(D,) → 2·D bytes, little-endian float16 on every machine."""
    return embedding.astype("<f2").tobytes()


def from_blob(blob: bytes) -> NDArray[np.float32]:
    return np.frombuffer(blob, dtype="<f2").astype(np.float32)


def _later_than(after: tuple[int, int]) -> Any:
    at_ms, id_ = after
    c = tables.windows.c
    return (c.ended_at_ms > at_ms) | ((c.ended_at_ms == at_ms) & (c.id > id_))
