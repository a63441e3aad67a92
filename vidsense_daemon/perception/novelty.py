"""How unlike its own past a camera's present is: a score for each busy frame, and whether that is an event. Pure.

    b = how much the most changed block differs      s = mean surprise of the three tiles that surprise most
    S = mean over the last second of z(b) + z(s)     z: in standard deviations of this camera's busy frames

Motion alone beats every learned score on the measured footage, surprise alone is level with others, and their sum beats
both (docs/novelty.md); a term for the speed and the look of what moved did not. Only frames at the busy pace are
scored: b and s grow with the time between two frames, and calm frames are seconds apart. What changes with the whole
scene (infrared, a lamp) is no motion and is left out for some seconds.

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
from vidsense_daemon.perception.surprise import SurpriseModel

LEAST_FRAMES = 200  # 40 s of something moving: fewer tell no standard deviation
_MOST_FRAMES = 1024
_CONTEXT_FRAMES = 9  # what surprise models look back on at most, and the frame itself
_TOP_TILES = 3
_LEAST_DEVIATIONS = (0.5, 0.01)  # of b in grey levels and of s: below them is noise
_MEAN_OVER = timedelta(seconds=1)
_LEAST_MEANED = 2
_AFTER_SCENE_CHANGE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Novelty:
    """How unusual one frame is."""

    at: datetime
    score: float  # S
    motion: float  # z(b) of this frame
    surprise: float  # z(s) of this frame; 0 when the encoder tells no tiles


class Scale:
    """A bounded random sample of a camera's (b, s), and their means and deviations."""

    def __init__(self, samples: Iterable[tuple[float, float]] = (), *, seed: int = 0) -> None:
        self._samples = [pair for pair in samples if all(map(math.isfinite, pair))][-_MOST_FRAMES:]
        self._random = random.Random(seed)
        self._measured = 0
        self._mean = self._deviation = np.zeros(2)

    @property
    def samples(self) -> NDArray[np.float32]:
        """(N, 2)."""
        return np.array(self._samples, np.float32).reshape(-1, 2)

    @property
    def is_known(self) -> bool:
        return len(self._samples) >= LEAST_FRAMES

    def learn(self, b: float, s: float) -> None:
        if len(self._samples) < _MOST_FRAMES:
            self._samples.append((b, s))
        else:  # a random one makes room: old seasons fade out instead of being cut off
            self._samples[self._random.randrange(_MOST_FRAMES)] = (b, s)
        self._measured = max(0, self._measured - 1)

    def z(self, b: float, s: float) -> tuple[float, float]:
        """Both in deviations from the mean; only when the scale `is_known`."""
        if not self._measured:
            known = np.array(self._samples)
            self._mean, self._deviation = known.mean(axis=0), np.maximum(known.std(axis=0), _LEAST_DEVIATIONS)
            self._measured = 50  # so many new samples change little
        z = (np.array((b, s)) - self._mean) / self._deviation
        return float(z[0]), float(z[1])


class NoveltyScorer:
    """One camera's frames, in order, to scores; not thread-safe."""

    def __init__(self, model: SurpriseModel, *, busy_every_s: float = 0.2, scale: Scale | None = None) -> None:
        """``busy_every_s`` is the time between two frames while something moves; ``scale`` is what was learned."""
        self.model = model
        self.scale = scale or Scale()
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
        self.scale = Scale()
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
        step = frame.captured_at - self._frames[-1].captured_at if self._frames else None
        self._frames.append(frame)
        if self._quiet_until is not None and frame.captured_at < self._quiet_until:
            return None
        if step is None or step > self._longest_step or not math.isfinite(frame.block_change):
            return None
        return self._score(frame, self._surprise_of(self.model))

    def _score(self, frame: EmbeddedFrame, surprise: float) -> Novelty | None:
        self._warm_up(frame.block_change)
        if not math.isfinite(surprise):
            return None
        known = self.scale.is_known
        motion, strange = self.scale.z(frame.block_change, surprise) if known else (0.0, 0.0)
        self.scale.learn(frame.block_change, surprise)
        if not known:
            return None
        self._recent.append((frame.captured_at, motion + strange))
        while frame.captured_at - self._recent[0][0] >= _MEAN_OVER:
            self._recent.popleft()
        if len(self._recent) < _LEAST_MEANED:
            return None
        score = sum(value for _, value in self._recent) / len(self._recent)
        return Novelty(frame.captured_at, score, motion, strange)

    def _warm_up(self, b: float) -> None:
        if self._next is None:
            return
        model, scale = self._next
        surprise = self._surprise_of(model)
        if math.isfinite(surprise):
            scale.learn(b, surprise)
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
