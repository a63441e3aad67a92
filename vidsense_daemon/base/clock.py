"""The only place where the time is read, so that a test can be the clock.

A point in time is an aware UTC datetime (`_at`), or whole milliseconds since the epoch in the database and in JSON
(`_at_ms`). A monotonic reading (`_mono_s`) measures durations and never leaves the process.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

END_OF_TIME_MS = 253_402_300_799_999  # the end of 9999: what lies beyond is a defect (microseconds?), not a moment


class Clock(Protocol):
    """What the daemon asks of time."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""

    def mono_s(self) -> float:
        """Seconds of a clock that never jumps."""

    def wait(self, stopping: threading.Event, timeout_s: float) -> bool:
        """Sleep up to ``timeout_s``, or until ``stopping`` is set; true when it is."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def mono_s(self) -> float:
        return time.monotonic()

    def wait(self, stopping: threading.Event, timeout_s: float) -> bool:
        return stopping.wait(timeout_s)


class LocalZone(tzinfo):
    """The machine's time zone with all its rules: summer's events keep summer's time when they are read in winter.

    What `datetime.astimezone()` carries is the offset of that one moment only, and a daemon outlives it.
    """

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _moment: datetime | None, /) -> None:
        """Not known apart from the offset."""
        return

    def tzname(self, moment: datetime | None, /) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime, /) -> datetime:
        local = moment.replace(tzinfo=UTC).astimezone()
        # the hour that the clocks show twice: the second time is told by `fold`
        first = local.replace(tzinfo=None)
        return first.replace(tzinfo=self, fold=int(first.astimezone().utcoffset() != local.utcoffset()))


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch; ``moment`` must be aware."""
    if moment.tzinfo is None:
        raise ValueError("a point in time must carry its time zone")
    return round((moment - _EPOCH) / timedelta(milliseconds=1))


def from_ms(at_ms: int) -> datetime:
    """The aware UTC datetime of ``at_ms`` milliseconds since the epoch."""
    return _EPOCH + timedelta(milliseconds=at_ms)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
