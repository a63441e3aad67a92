"""Each camera's own threshold, learned from what it scores while nothing happens. Pure.

Absolute scores don't travel: a camera that looks at a coat stand scores "a person" higher than one that looks at a
lawn. So a trigger's threshold on a camera is what 99 % of the camera's calm looks stay below, plus a margin, and never
less than the shipped default. Calm looks are those without motion, taken at the box where something last moved.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np

_QUANTILE = 0.99
_MARGIN = 0.25  # the recipe's step above the calm quantile, in spreads of the encoder's space
_MOST_ABOVE_FLOOR = 3.0  # someone who stood still for long must not teach the camera to overlook people
_LEAST_SAMPLES = 20  # fewer say nothing of a 99 % quantile
MOST_SAMPLES = 1024  # 17 minutes of a calm camera at one frame a second
_TAIL_QUANTILE = 0.9  # a tenth of the sample is enough to see how fast the scores thin out


class CalmScores:
    """A bounded sample of one trigger's scores on one camera's calm looks."""

    def __init__(self, *, floor: float, scores: Sequence[float] = (), seed: int = 0) -> None:
        """``scores`` are what was learned before."""
        self._floor = floor
        self._ceiling = floor + _MOST_ABOVE_FLOOR
        self._scores = [presence for presence in scores if math.isfinite(presence)][-MOST_SAMPLES:]
        self._random = random.Random(seed)
        self._threshold = self._learned()

    def learn(self, presence: float) -> None:
        """Take in the score of one calm look; one that is no number teaches nothing."""
        if not math.isfinite(presence):
            return
        if len(self._scores) < MOST_SAMPLES:
            self._scores.append(presence)
        else:  # a random one makes room: old light fades out of the sample instead of being cut off
            self._scores[self._random.randrange(MOST_SAMPLES)] = presence
        self._threshold = self._learned()

    @property
    def threshold(self) -> float:
        """δ: a look counts as evidence above this."""
        return self._threshold

    @property
    def scores(self) -> tuple[float, ...]:
        """The sample that δ rests on."""
        return tuple(self._scores)

    def share_above(self, threshold: float) -> float | None:
        """The share of calm looks that score above ``threshold``; none while too little is known.

        A sample of a thousand has seen nothing that comes once in ten thousand looks. So its upper tenth is continued:
        excesses over a high quantile fall off exponentially (generalised Pareto of shape 0; Pickands 1975).
        """
        if len(self._scores) < _LEAST_SAMPLES:
            return None
        scores = np.asarray(self._scores)
        begin = float(np.quantile(scores, _TAIL_QUANTILE))
        tail = scores[scores > begin]
        if threshold <= begin or not tail.size:
            return float((scores > threshold).mean())
        return tail.size / scores.size * math.exp(-(threshold - begin) / float((tail - begin).mean()))

    def _learned(self) -> float:
        if len(self._scores) < _LEAST_SAMPLES:
            return self._floor
        learned = float(np.quantile(self._scores, _QUANTILE)) + _MARGIN
        return min(max(self._floor, learned), self._ceiling)
