"""A painted world: a scripted camera, an encoder that knows colours, and a sink that remembers.

Red is a person, blue a car, green a dog, grey is empty; the share of a colour in a picture is how much of it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.events import Event, EventStill
from vidsense_daemon.domain.frames import BLOCK_COLUMNS, BLOCK_ROWS, Blocks, Box, Frame, Picture, Still, View
from vidsense_daemon.domain.windows import TILE_COLUMNS, TILE_ROWS, EmbeddedFrame, Window

STARTED_AT = datetime(2030, 1, 1, 12, tzinfo=UTC)
SIDE_PX = 16
DIMENSION = 16
COLOURS = {"person": (200, 0, 0), "car": (0, 0, 200), "dog": (0, 200, 0), "empty": (120, 120, 120)}
BROKEN = (255, 0, 255)  # the encoder answers with NaN
_WORDS = {
    "person": ("person", "man", "woman", "people", "visitor"),
    "car": ("car", "truck", "van"),
    "dog": ("dog", "animal"),
}


def painted(thing: str = "empty", share: float = 1.0) -> Picture:
    """A grey picture whose upper ``share`` has the thing's colour."""
    picture = np.full((SIDE_PX, SIDE_PX, 3), COLOURS["empty"], np.uint8)
    picture[: round(SIDE_PX * share)] = COLOURS[thing]
    return picture


def broken() -> Picture:
    return np.full((SIDE_PX, SIDE_PX, 3), BROKEN, np.uint8)


class ColourEncoder:
    """Pictures by their colours, sentences by their nouns."""

    name = "colours"
    dimension = DIMENSION
    picture_px = SIDE_PX

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        self.batches.append(len(pictures))
        return np.stack([self._embed(picture) for picture in pictures])

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Each tile shows what its part of the picture does."""
        rows = [np.array_split(picture, TILE_ROWS) for picture in pictures]
        tiles = [
            [self._embed(part) for row in of_one for part in np.array_split(row, TILE_COLUMNS, 1)] for of_one in rows
        ]
        return self.embed_pictures(pictures), np.asarray(tiles, np.float32)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._embed_text(text) for text in texts])

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full(len(texts), 0.25, np.float32)

    def _embed(self, picture: Picture) -> NDArray[np.float32]:
        if (picture == BROKEN).all():
            return np.full(DIMENSION, np.nan, np.float32)
        vector = np.zeros(DIMENSION, np.float32)
        for place, colour in enumerate(COLOURS.values()):
            vector[place] = (picture == colour).all(axis=-1).mean()
        return vector / np.linalg.norm(vector)

    def _embed_text(self, text: str) -> NDArray[np.float32]:
        if "unspeakable" in text:
            raise ValueError("the sentence has more than 77 tokens")
        vector = np.zeros(DIMENSION, np.float32)
        if "infinite" in text:
            return np.full(DIMENSION, np.nan, np.float32)
        named = [thing for thing, words in _WORDS.items() if set(words) & set(text.split())]
        for thing in named or ["empty"]:
            vector[list(COLOURS).index(thing)] = 1
        return vector / np.linalg.norm(vector)


@dataclass
class Camera:
    """Writes frames of one camera, ``step_s`` apart."""

    name: str = "door"
    run_id: str = "run-1"
    step_s: float = 0.2
    at_s: float = 0.0
    _index: int = 0

    def frame(
        self, thing: str = "empty", *, moving: bool | None = None, still: bool = False, **changes: object
    ) -> Frame:
        """The next frame: ``thing`` in the crop; it moves unless it is empty."""
        moving = thing != "empty" if moving is None else moving
        box = Box(0.4, 0.4, 0.6, 0.6)
        captured_at = STARTED_AT + timedelta(seconds=self.at_s)
        values = {
            "camera": self.name,
            "run_id": self.run_id,
            "index": self._index,
            "captured_at": captured_at,
            "pts_s": self.at_s,
            "whole": View(painted(thing, 0.25), painted()),
            "crop": View(painted(thing, 0.75), painted()),
            "box": box,
            "moving": moving,
            "changed_ratio": 0.1 if moving else 0.0,
            "scene_changed": False,
            "zones": (),
            "still": Still(f"{self._index}".encode(), 640, 480, captured_at, box) if still else None,
        }
        self._index += 1
        self.at_s += self.step_s
        return Frame(**{**values, **changes})  # type: ignore[arg-type]

    def frames(self, thing: str, count: int, **changes: object) -> list[Frame]:
        return [self.frame(thing, **changes) for _ in range(count)]  # type: ignore[arg-type]


@dataclass
class RememberingSink:
    """Keeps every call; raises the errors it was given, one a call, first."""

    opened_events: list[tuple[Event, EventStill | None]] = field(default_factory=list)
    extended_events: list[Event] = field(default_factory=list)
    closed_events: list[tuple[Event, list[EventStill]]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:
        self._call("opened")
        self.opened_events.append((event, first))

    def extended(self, event: Event) -> None:
        self._call("extended")
        self.extended_events.append(event)

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        self._call("closed")
        self.closed_events.append((event, list(stills)))

    def observed(self, window: Window, encoder: str) -> None:
        self._call("observed")
        self.windows.append(window)

    def _call(self, name: str) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.calls.append(name)


def changed_by(levels: float) -> Blocks:
    """Every block differs by so many grey levels from the frame before."""
    return np.full((BLOCK_ROWS, BLOCK_COLUMNS), levels, np.float16)


def embedded(index: int = 0, *, at_s: float | None = None, run_id: str = "run-1", **changes: object) -> EmbeddedFrame:
    """A calm embedded frame whose whole picture points along axis ``index``."""
    at_s = index * 0.2 if at_s is None else at_s
    whole = np.eye(DIMENSION, dtype=np.float32)[index % DIMENSION]
    values = {
        "camera": "door",
        "run_id": run_id,
        "index": index,
        "captured_at": STARTED_AT + timedelta(seconds=at_s),
        "pts_s": at_s,
        "whole": whole,
        "whole_background": np.zeros(DIMENSION, np.float32),
        "crop": None,
        "crop_background": None,
        "box": None,
        "moving": False,
        "changed_ratio": 0.0,
        "scene_changed": False,
        "zones": (),
        "still": None,
    }
    return EmbeddedFrame(**{**values, **changes})  # type: ignore[arg-type]
