"""Time in every room's tests: a clock that a test moves, and waiting for what really takes a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

STARTED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WAIT_LIMIT_S = 15.0


class SimulatedClock:
    """A clock that only moves when somebody waits on it, or when a test moves it; thread-safe."""

    def __init__(self, started_at: datetime = STARTED_AT) -> None:
        self._started_at = started_at
        self.waits_s: list[float] = []
        self._elapsed_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._started_at + timedelta(seconds=self._elapsed_s)

    def mono_s(self) -> float:
        return self._elapsed_s

    def wait(self, stopping: threading.Event, timeout_s: float) -> bool:
        """Nobody really waits: the time is over at once."""
        with self._lock:
            self.waits_s.append(timeout_s)
            self._elapsed_s += timeout_s
        return stopping.is_set()

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed_s += seconds


def wait_until(condition: Callable[[], bool], what: str = "the condition", *, limit_s: float = WAIT_LIMIT_S) -> None:
    """Return as soon as ``condition`` holds; fail the test when it does not within the limit."""
    end_mono_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_mono_s:
            raise AssertionError(f"waited {limit_s:g} s in vain for {what}")
        time.sleep(0.01)
