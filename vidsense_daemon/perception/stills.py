"""Which stills an event keeps: first, middle ones, the peak and the last; at most eight, whatever its length. Pure.

The first one goes out with the alert: of those taken until the event opened it is the one that shows best what for.

Stills come about once a second while things move. An event of two minutes would fill a disk and no one would look at it
all, so the middle ones are thinned as the event grows: always evenly spread, never more than a handful in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidsense_daemon.domain.events import EventStill
from vidsense_daemon.domain.frames import Still

MOST_STILLS = 8
_MOST_MIDDLE = MOST_STILLS - 3  # first, peak and last are sure of their place


class StillChoice:
    """The stills of one event so far."""

    def __init__(self, taken: Sequence[tuple[Still, float]] = ()) -> None:
        """``taken`` are the stills and scores of the looks that opened the event."""
        self._first: EventStill | None = None
        self._peak: EventStill | None = None
        self._last: EventStill | None = None
        self._middle: list[EventStill] = []
        self._every = 1  # one in so many becomes a middle one
        self._count = 0
        best = max(taken, key=lambda one: one[1], default=None)
        for still, score in ([best] if best else []) + [one for one in taken if one is not best]:
            self.add(still, score)

    @property
    def first(self) -> EventStill | None:
        """The event's first still; none while it has none."""
        return self._first

    def add(self, still: Still, score: float) -> None:
        """Offer the event's next still."""
        if self._first is None:
            self._first = EventStill(still, "first", score)
            return
        if self._peak is None or score > self._peak.score:
            self._peak = EventStill(still, "peak", score)
        self._last = EventStill(still, "last", score)
        if self._count % self._every == 0:
            self._middle.append(EventStill(still, "middle", score))
            if len(self._middle) > 2 * _MOST_MIDDLE:
                self._middle = self._middle[::2]
                self._every *= 2
        self._count += 1

    def rest(self) -> list[EventStill]:
        """All but the first, oldest first, each picture once: what is kept when the event closes."""
        chosen = [kept for kept in (self._peak, self._last) if kept is not None]
        if self._peak and self._last and self._peak.still is self._last.still:
            chosen = [self._peak]
        taken = {id(kept.still) for kept in chosen}
        middle = [kept for kept in self._middle if id(kept.still) not in taken]
        stride = max(1, -(-len(middle) // _MOST_MIDDLE))
        return sorted([*chosen, *middle[::stride]], key=lambda kept: kept.still.captured_at)
