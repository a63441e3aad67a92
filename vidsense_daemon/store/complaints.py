"""What keeps failing is said once a minute: a full disk is tried every second, and its log lies on the same disk.

Held by whoever writes to the database, one for each kind of complaint; every method is thread-safe.
"""

from __future__ import annotations

import threading
from typing import Any

import structlog

from vidsense_daemon.base.clock import Clock, SystemClock

_EVERY_S = 60.0


class Complaint:
    """One kind of log line, at most once a minute."""

    def __init__(self, name: str, *, clock: Clock | None = None) -> None:
        self._name = name
        self._clock = clock or SystemClock()
        self._said_mono_s: float | None = None
        self._unsaid = 0
        self._lock = threading.Lock()
        self._log = structlog.get_logger()

    def said(self) -> None:
        """It was said in other words just now."""
        with self._lock:
            self._said_mono_s = self._clock.mono_s()

    def say(self, **values: Any) -> None:
        """Log it, with how often it was left out since the last time; or leave it out."""
        with self._lock:
            now_mono_s = self._clock.mono_s()
            if self._said_mono_s is not None and now_mono_s - self._said_mono_s < _EVERY_S:
                self._unsaid += 1
                return
            self._said_mono_s, unsaid, self._unsaid = now_mono_s, self._unsaid, 0
        self._log.warning(self._name, **values, **({"unsaid": unsaid} if unsaid else {}))
