"""An encoder of a few numbers, and an event on disk, for reports that cost no weights."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.events import Event, EventRecord, EventState, Severity, Source, StoredStill
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.windows import TILE_COLUMNS, TILE_ROWS

DIMENSION = 16
SIDE_PX = 48
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
_CELLS = 6


class BlockEncoder:
    """A picture by the colours of its blocks, thrown onto a few directions; a sentence by its letters."""

    name = "blocks"
    dimension = DIMENSION
    picture_px = SIDE_PX

    def __init__(self) -> None:
        self._directions = np.random.default_rng(3).standard_normal((_CELLS * _CELLS * 3, DIMENSION))

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        return np.stack([self._embed(picture) for picture in pictures])

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        tiles = [
            [
                self._embed(part)
                for row in np.array_split(picture, TILE_ROWS)
                for part in np.array_split(row, TILE_COLUMNS, 1)
            ]
            for picture in pictures
        ]
        return self.embed_pictures(pictures), np.asarray(tiles, np.float32)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = (zlib.crc32(text.encode()) for text in texts)
        return np.stack([_unit(np.random.default_rng(seed).standard_normal(DIMENSION)) for seed in seeds])

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full(len(texts), 0.2, np.float32)

    def _embed(self, picture: Picture) -> NDArray[np.float32]:
        blocks = cv2.resize(picture, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float64) / 255 - 0.5
        return _unit(blocks.ravel() @ self._directions + 1e-3)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def stored_event(folder: Path, *, stills: int = 3, event_id: str = "1893499200000-abcdef") -> EventRecord:
    """A closed event with stills that show something move from left to right."""
    kept = []
    for number in range(stills):
        picture = np.full((90, 160, 3), 90, np.uint8)
        picture[30:60, 20 + 30 * number : 40 + 30 * number] = (20, 40, 220)
        path = folder / f"{number}.jpg"
        path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        role = ("first", "peak", "last")[min(number, 2)]
        kept.append(StoredStill(str(path), role, NOON + timedelta(seconds=number), 160, 90, None, 1.0))
    event = Event(
        id=event_id,
        camera="yard",
        trigger="person",
        prompt="a person",
        severity=Severity.ALERT,
        source=Source.LIVE,
        state=EventState.CLOSED,
        run_id="run-1",
        encoder=BlockEncoder.name,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=stills),
        started_pts_s=0.0,
        ended_pts_s=float(stills),
        score=2.0,
    )
    return EventRecord(event, tuple(kept), None)
