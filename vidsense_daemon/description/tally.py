"""What became of descriptions since the start, and whether the describer may be asked: for the metrics.

The describing thread counts, others read. It outlives the describer: a reload that brings another one goes on counting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.histogram import Distribution, Histogram
from vidsense_daemon.domain.events import Description, DescriptionStatus

_SETTLED = (DescriptionStatus.DONE, DescriptionStatus.PARTIAL, DescriptionStatus.FAILED, DescriptionStatus.SKIPPED)
# the builtin sentence takes milliseconds, a model on a graphics card seconds, one on a processor minutes
_BOUNDS_S = (0.1, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640)


class BreakerState(StrEnum):
    """closed: it is asked; open: it failed and is left alone; half_open: the next request will tell."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class DescriptionTally:
    """Counts of one daemon's life."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._described = Counter(dict.fromkeys(_SETTLED, 0))
        self._unavailable = 0
        self._postponed = 0
        self._seconds = Histogram(_BOUNDS_S)
        self._failing = False
        self._resume_at_mono_s = self._clock.mono_s()

    def described(self, words: Description) -> None:
        """An event has its words; those that were taken over from an event like it took no time of a describer."""
        self._described[words.status] += 1
        if words.status in (DescriptionStatus.DONE, DescriptionStatus.PARTIAL):
            self._failing = False
            self._seconds.observe(words.duration_s or 0.0)

    def postponed(self) -> None:
        """A describer could not do one event now."""
        self._postponed += 1

    def unavailable(self, *, wait_s: float) -> None:
        """The describer is not there and is left alone for so long."""
        self._unavailable += 1
        self._failing = True
        self._resume_at_mono_s = self._clock.mono_s() + wait_s

    def counts(self) -> Mapping[str, int]:
        """How many events got words of each status."""
        return {status.value: count for status, count in tuple(self._described.items())}

    def failures(self) -> Mapping[str, int]:
        """How many requests were in vain, by reason: the describer was not there, or could not do the event now."""
        return {"unavailable": self._unavailable, "postponed": self._postponed}

    def seconds(self) -> Distribution:
        """How long the describer took for an event."""
        return self._seconds.read()

    def breaker(self) -> BreakerState:
        """Whether the describer may be asked at this moment."""
        if not self._failing:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._clock.mono_s() < self._resume_at_mono_s else BreakerState.HALF_OPEN
