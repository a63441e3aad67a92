"""How unlike its own past a camera's present is: a score for each busy frame, and whether that is an event. Pure.

    r = how far a block of the picture changes beyond its own past (`blocks`)
    s = mean surprise of the three tiles that surprise most
    v = how fast what moves moves: of its box's centre, in the picture's sides a second
    S = mean over the last second of z(r) + z(s)/2 + z(v)/4     z: in standard deviations of this camera's busy frames

Motion measured by each place's own past tells odd clips from normal days best, and the sum beats its parts
(docs/novelty.md has the figures; the weights come from held-out normal videos); a term for the look of what moved did
not help. Only frames at the busy pace are scored: r and s grow with the time between two frames, and calm frames are
seconds apart. What changes with the whole scene (infrared, a lamp) is no motion and is left out for some seconds.

D = dimension of the embedding space, 24 tiles a frame.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.perception.blocks import BlocksPast, Standout
from vidsense_daemon.perception.surprise import SurpriseModel

LEAST_FRAMES = 200  # 40 s of something moving: fewer tell no standard deviation
_MOST_FRAMES = 1024
_CONTEXT_FRAMES = 9  # what surprise models look back on at most, and the frame itself
_TOP_TILES = 3
_WEIGHTS = (1.0, 0.5, 0.25)  # of z(r), z(s), z(v)
_LEAST_DEVIATIONS = (0.05, 0.01, 0.05)  # of r, s and v: below them is noise
_MEAN_OVER = timedelta(seconds=1)
_LEAST_MEANED = 2
_AFTER_SCENE_CHANGE = timedelta(seconds=10)
_UNUSUAL, _UNUSUAL_COUNTS = 3.0, 0.1  # above that S, what is seen becomes usual ten times as slowly

Measures = tuple[float, float, float]  # r, s, v


@dataclass(frozen=True, slots=True)
class Novelty:
    """How unusual one frame is; the three parts, of this frame alone, are deviations times their weight."""

    at: datetime
    score: float  # S
    motion: float
    surprise: float  # 0 when the encoder tells no tiles
    speed: float
    place: str  # where the motion stands out most, in words


class Scale:
    """A bounded random sample of a camera's measures, and their means and deviations."""

    def __init__(self, samples: Iterable[Measures] = (), *, seed: int = 0) -> None:
        self._samples = [measures for measures in samples if all(map(math.isfinite, measures))][-_MOST_FRAMES:]
        self._random = random.Random(seed)
        self._measured = 0
        self._mean = self._deviation = np.zeros(len(_WEIGHTS))

    @property
    def samples(self) -> NDArray[np.float32]:
        """(N, 3)."""
        return np.array(self._samples, np.float32).reshape(-1, len(_WEIGHTS))

    @property
    def is_known(self) -> bool:
        return len(self._samples) >= LEAST_FRAMES

    def learn(self, measures: Measures) -> None:
        if len(self._samples) < _MOST_FRAMES:
            self._samples.append(measures)
        else:  # a random one makes room: old seasons fade out instead of being cut off
            self._samples[self._random.randrange(_MOST_FRAMES)] = measures
        self._measured = max(0, self._measured - 1)

    def z(self, measures: Measures) -> NDArray[np.float64]:
        """Each in deviations from its mean; only when the scale `is_known`. (3,)"""
        if not self._measured:
            known = np.array(self._samples)
            self._mean, self._deviation = known.mean(axis=0), np.maximum(known.std(axis=0), _LEAST_DEVIATIONS)
            self._measured = 50  # so many new samples change little
        z: NDArray[np.float64] = (np.array(measures) - self._mean) / self._deviation
        return z


class NoveltyScorer:
    """One camera's frames, in order, to scores; not thread-safe."""

    def __init__(
        self,
        model: SurpriseModel,
        *,
        busy_every_s: float = 0.2,
        scale: Scale | None = None,
        blocks: BlocksPast | None = None,
    ) -> None:
        """``busy_every_s`` is the time between two frames while something moves; the rest is what was learned."""
        self.model = model
        self.scale = scale or Scale()
        self.blocks = blocks or BlocksPast()
        self._next: tuple[SurpriseModel, Scale] | None = None  # warms up beside the present one
        self._longest_step = timedelta(seconds=2.5 * busy_every_s + 0.1)
        self._frames: deque[EmbeddedFrame] = deque(maxlen=_CONTEXT_FRAMES)
        self._recent: deque[tuple[datetime, float]] = deque()
        self._quiet_until: datetime | None = None

    def use(self, model: SurpriseModel) -> None:
        """Predict with another model, as soon as it is known how large its errors usually are."""
        self._next = (model, Scale())

    def forget(self) -> None:
        """The camera looks at something else."""
        self.scale, self.blocks = Scale(), BlocksPast()
        if self._next is not None:
            self._next = (self._next[0], Scale())
        self.end_run()

    def end_run(self) -> None:
        """The stream has ended: nothing may be compared over the gap."""
        self._frames.clear()
        self._recent.clear()

    def see(self, frame: EmbeddedFrame) -> Novelty | None:
        """How unusual the frame is; none when nothing can be told: calm, first ones, another scene, still learning."""
        if frame.scene_changed:
            self._quiet_until = frame.captured_at + _AFTER_SCENE_CHANGE
            self.end_run()
        before = self._frames[-1] if self._frames else None
        self._frames.append(frame)
        if self._quiet_until is not None and frame.captured_at < self._quiet_until:
            return None
        if before is None or frame.captured_at - before.captured_at > self._longest_step:
            return None
        blocks = frame.block_changes
        if blocks is None or not np.isfinite(blocks).all():
            return None
        seen = None
        if self.blocks.is_known:
            seen = self._score(frame, self.blocks.standout(blocks), _speed(before, frame))
        unusual = seen is not None and seen.score > _UNUSUAL
        self.blocks.learn(frame.captured_at, blocks, weight=_UNUSUAL_COUNTS if unusual else 1.0)
        return seen

    def _score(self, frame: EmbeddedFrame, standout: Standout, speed: float) -> Novelty | None:
        self._warm_up(standout.ratio, speed)
        measures = (standout.ratio, self._surprise_of(self.model), speed)
        if not all(map(math.isfinite, measures)):
            return None
        parts = self.scale.z(measures) * _WEIGHTS if self.scale.is_known else None
        self.scale.learn(measures)
        if parts is None:
            return None
        self._recent.append((frame.captured_at, float(parts.sum())))
        while frame.captured_at - self._recent[0][0] >= _MEAN_OVER:
            self._recent.popleft()
        if len(self._recent) < _LEAST_MEANED:
            return None
        score = sum(value for _, value in self._recent) / len(self._recent)
        motion, surprise, fast = map(float, parts)
        return Novelty(frame.captured_at, score, motion, surprise, fast, standout.place)

    def _warm_up(self, ratio: float, speed: float) -> None:
        if self._next is None:
            return
        model, scale = self._next
        surprise = self._surprise_of(model)
        if math.isfinite(surprise):
            scale.learn((ratio, surprise, speed))
        if scale.is_known:
            self.model, self.scale = self._next
            self._next = None

    def _surprise_of(self, model: SurpriseModel) -> float:
        """S of the newest frame; 0 when the encoder tells no tiles, NaN when its tiles are no numbers."""
        if self._frames[-1].tiles is None:
            return 0.0
        tiles: list[EmbeddedFrame] = []
        for frame in reversed(self._frames):
            if frame.tiles is None or len(tiles) > model.context_frames:
                break
            tiles.insert(0, frame)
        errors = model.errors(
            np.stack([frame.tiles for frame in tiles if frame.tiles is not None]),
            np.array([frame.captured_at.timestamp() for frame in tiles]),
        )[-1]
        return float(np.sort(errors)[-_TOP_TILES:].mean())  # NaN sorts last


def _speed(before: EmbeddedFrame, frame: EmbeddedFrame) -> float:
    """Of the centre of what moves, in the picture's sides a second; 0 where something has only begun to move."""
    seconds = (frame.captured_at - before.captured_at).total_seconds()
    if seconds <= 0 or before.box is None or frame.box is None or not (before.moving and frame.moving):
        return 0.0
    return math.dist(before.box.centre, frame.box.centre) / seconds
