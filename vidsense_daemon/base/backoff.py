"""How long to wait before the next try: doubling, capped, with jitter so that many never knock together."""

from __future__ import annotations

import random


class Backoff:
    """Delays of one retried thing; not thread-safe, one owner each.

    Attempt n waits ``first_s · 2ⁿ``, at most ``cap_s``, times a factor between 0.8 and 1.2.
    """

    _JITTER_RATIO = 0.2

    def __init__(self, *, first_s: float, cap_s: float, random_source: random.Random | None = None) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._random = random_source or random.Random()
        self.attempts = 0

    def next_s(self) -> float:
        """Seconds to wait before the next attempt; each call counts one failure."""
        delay_s = delay_for(self.attempts, first_s=self._first_s, cap_s=self._cap_s)
        self.attempts += 1
        return delay_s * self._random.uniform(1 - self._JITTER_RATIO, 1 + self._JITTER_RATIO)

    def reset(self) -> None:
        """It worked: the next failure waits ``first_s`` again."""
        self.attempts = 0


def delay_for(attempts: int, *, first_s: float, cap_s: float) -> float:
    """Seconds after ``attempts`` earlier failures, without jitter."""
    # 2**60 is beyond every cap: the bound keeps a long outage from overflowing a float
    return min(cap_s, first_s * 2.0 ** min(attempts, 60))
