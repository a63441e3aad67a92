"""What perception owes the event sink, in order, until the sink has taken it.

A sink's call returns after its commit. When one fails (a full disk, a locked database) the worker starts again after a
while; what was decided meanwhile must not be lost or come out of order, or an event would be extended that was never
opened. So decisions are written down here first, and a call is crossed off only after it has returned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from vidsense_daemon.domain.events import Event, EventStill
from vidsense_daemon.domain.ports import EventSink
from vidsense_daemon.domain.windows import Window


class OwedCalls:
    """An `EventSink` that keeps every call until `settle` has handed it to the real one."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._owed: deque[Callable[[], None]] = deque()

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:
        self._owed.append(lambda: self._sink.opened(event, first, window))

    def extended(self, event: Event) -> None:
        self._owed.append(lambda: self._sink.extended(event))

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        self._owed.append(lambda: self._sink.closed(event, stills, window))

    def observed(self, window: Window, encoder: str) -> None:
        self._owed.append(lambda: self._sink.observed(window, encoder))

    def settle(self) -> None:
        """Make the calls that are owed, oldest first; one that raises stays the oldest."""
        while self._owed:
            self._owed[0]()
            self._owed.popleft()
