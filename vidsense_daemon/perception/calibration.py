"""Each camera's own threshold, learned from what it scores while nothing happens. Pure.

Absolute scores don't travel: a camera that looks at a coat stand scores "a person" higher than one that looks at a
lawn. So a trigger's threshold on a camera is what 99 % of the camera's calm looks stay below, plus a margin, and never
less than the shipped default. Calm looks are those without motion, taken at the box where something last moved.
"""

from __future__ import annotations

import random

import numpy as np

_QUANTILE = 0.99
_MARGIN = 0.25  # the recipe's step above the calm quantile, in spreads of the encoder's space
_MOST_ABOVE_FLOOR = 3.0  # someone who stood still for long must not teach the camera to overlook people
_LEAST_SAMPLES = 20  # fewer say nothing of a 99 % quantile
_MOST_SAMPLES = 1024  # 17 minutes of a calm camera at one frame a second


class CalmScores:
    """A bounded sample of one trigger's scores on one camera's calm looks."""

    def __init__(self, *, floor: float, seed: int = 0) -> None:
        self._floor = floor
        self._ceiling = floor + _MOST_ABOVE_FLOOR
        self._scores: list[float] = []
        self._random = random.Random(seed)
        self._threshold = floor

    def learn(self, presence: float) -> None:
        """Take in the score of one calm look."""
        if len(self._scores) < _MOST_SAMPLES:
            self._scores.append(presence)
        else:  # a random one makes room: old light fades out of the sample instead of being cut off
            self._scores[self._random.randrange(_MOST_SAMPLES)] = presence
        if len(self._scores) >= _LEAST_SAMPLES:
            learned = float(np.quantile(self._scores, _QUANTILE)) + _MARGIN
            self._threshold = min(max(self._floor, learned), self._ceiling)

    @property
    def threshold(self) -> float:
        """δ: a look counts as evidence above this."""
        return self._threshold
