"""How long things take, counted into buckets: what Prometheus calls a histogram, without knowing Prometheus.

One thread observes; any may read, and reads counts that belong together.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Distribution:
    """What was observed so far: for each upper bound, infinity last, how many values were not above it."""

    total: float
    buckets: tuple[tuple[float, int], ...]

    @property
    def count(self) -> int:
        return self.buckets[-1][1]


class Histogram:
    """Values counted below ``bounds``, which rise."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = (*bounds, math.inf)
        self._counts = (0,) * len(self._bounds)
        self._now = self._distribution(0.0)

    def observe(self, value: float) -> None:
        place = bisect.bisect_left(self._bounds, value)
        self._counts = tuple(count + (index == place) for index, count in enumerate(self._counts))
        self._now = self._distribution(self._now.total + value)  # one assignment: a reader sees all of it or nothing

    def read(self) -> Distribution:
        return self._now

    def _distribution(self, total: float) -> Distribution:
        return Distribution(total, tuple(zip(self._bounds, accumulate(self._counts), strict=True)))
