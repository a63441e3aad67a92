"""Leave a describer that does not answer alone for a while, and ask it gently before trusting it again.

closed ──failed──► open (5 s … 5 min, doubling, jittered) ──time is up──► half-open ──probe worked──► closed
                     ▲                                                       │
                     └──────────────────────── probe failed ─────────────────┘

It starts half-open: nothing is known of a server before its first probe. One failure is enough to open it, since one
request is in flight at most: what a retry would cost is a probe, and the probe tells a dead server from a bad event.
"""

from __future__ import annotations

import random

from vidsense_daemon.base.backoff import Backoff
from vidsense_daemon.base.clock import Clock

_FIRST_S = 5.0
_CAP_S = 300.0


class Breaker:
    """Used by one thread."""

    def __init__(self, *, clock: Clock, random_source: random.Random | None = None) -> None:
        self._clock = clock
        self._backoff = Backoff(first_s=_FIRST_S, cap_s=_CAP_S, random_source=random_source)
        self._trusted = False
        self._open_until_mono_s = clock.mono_s()
        self.reason = ""  # of the last failure

    def wait_s(self) -> float:
        """Seconds until somebody may try; 0 when now."""
        return 0.0 if self._trusted else max(0.0, self._open_until_mono_s - self._clock.mono_s())

    @property
    def wants_probe(self) -> bool:
        """Whether a probe has to come before real work."""
        return not self._trusted

    def succeeded(self) -> None:
        """It answered as it should."""
        self._trusted = True
        self._backoff.reset()

    def failed(self, reason: str) -> float:
        """It did not; seconds to leave it alone."""
        self._trusted = False
        self.reason = reason
        wait_s = self._backoff.next_s()
        self._open_until_mono_s = self._clock.mono_s() + wait_s
        return wait_s
