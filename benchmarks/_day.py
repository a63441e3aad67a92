"""A simulated camera before which the same videos pass for days, with other noise and at another pace each time.

Used by `novelty`. Prediction errors are computed once and stand in the place of the tiles: a day takes half a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
from _footage import STARTED_AT

from vidsense_daemon.domain.events import Event, EventStill
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.perception.surprise import Errors, Seconds, SurpriseModel, Tiles
from vidsense_daemon.perception.unusual import NoveltyRule, UnusualRules, UnusualWatch

_NOISE_RATIO = 0.03  # of every block's change and of every tile's error
_EVERY_S = 300  # a video

Clip = list[EmbeddedFrame]


@dataclass
class Remembered:
    """A sink that keeps when events began."""

    started: list[Event] = field(default_factory=list)

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:  # noqa: ARG002 - the port's
        self.started.append(event)

    def extended(self, event: Event) -> None: ...
    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None: ...
    def observed(self, window: Window, encoder: str) -> None: ...


class Rehearsed:
    """A model whose errors were computed before and stand in the place of the tiles."""

    context_frames = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def errors(self, tiles: Tiles, seconds: Seconds) -> Errors:  # noqa: ARG002 - the port's
        return tiles[:, :, 0]


def rehearsed(frames: Sequence[EmbeddedFrame], model: SurpriseModel) -> Clip:
    """The same frames with each one's errors in the place of its tiles, for `Rehearsed`."""
    tiles = np.stack([frame.tiles for frame in frames if frame.tiles is not None])
    errors = model.errors(tiles, np.array([frame.pts_s for frame in frames]))  # (T, 24)
    errors[0] = errors[1]
    return [replace(frame, tiles=of[:, None]) for frame, of in zip(frames, errors, strict=True)]


class Day:
    """A camera before which videos pass, faster or slower and with noise; ``folder`` keeps what it learns."""

    def __init__(self, folder: Path, *, model: str, per_week: float, seed: int, at_s: float = 0.0) -> None:
        self._folder, self._model, self._per_week = folder, model, per_week
        self._chance = np.random.default_rng(seed)
        self.sink, self.at_s, self._index = Remembered(), at_s, 0
        self.watch = UnusualWatch(
            {"campus": UnusualRules(NoveltyRule(per_week=per_week))},
            encoder="builtin",
            models={"campus": Rehearsed(model)},
            time_zone=UTC,
            folder=folder,
        )

    def again(self, *, seed: int) -> Day:
        """A camera that knows what this one knows now."""
        self.watch.save()
        return Day(self._folder, model=self._model, per_week=self._per_week, seed=seed, at_s=self.at_s)

    def pass_for(self, hours: float, passing: Sequence[Clip]) -> int:
        """Normal life, a video every five minutes; how many events it made."""
        before, end_s = len(self.sink.started), self.at_s + hours * 3600
        while self.at_s < end_s:
            self.show(passing[int(self._chance.integers(len(passing)))], pace=self._chance.uniform(0.8, 1.25))
            self.at_s += _EVERY_S
        return len(self.sink.started) - before

    def show(self, clip: Clip, *, pace: float = 1.0) -> float | None:
        """Play it; seconds from its first frame to the one at which an event stood, if one did."""
        before, began_s = len(self.sink.started), self.at_s
        told_s = None
        for frame in clip:
            self.at_s = began_s + (frame.pts_s - clip[0].pts_s) / pace
            self._see(frame, self.at_s)
            if told_s is None and len(self.sink.started) > before:
                told_s = self.at_s - began_s
        return told_s

    def _see(self, frame: EmbeddedFrame, at_s: float) -> None:
        self._index += 1
        assert frame.tiles is not None
        blocks = frame.block_changes
        if blocks is not None:
            blocks = (blocks * self._chance.normal(1, _NOISE_RATIO, blocks.shape)).astype(np.float16)
        seen = replace(
            frame,
            index=self._index,
            camera="campus",
            run_id="day",
            captured_at=STARTED_AT + timedelta(seconds=at_s),
            pts_s=at_s,
            tiles=(frame.tiles * self._chance.normal(1, _NOISE_RATIO, frame.tiles.shape)).astype(np.float32),
            block_changes=blocks,
        )
        self.watch.see(Window((seen,), seen.whole[None], seen.whole), self.sink)
