"""Fewer, fuller messages: at most so many in so long, and what came meanwhile in one.

message   room in the window           → sent, with all that were held back
          none                         → held back: it stays in the outbox until the window has room again
          sent already within another  → nothing to do

Held-back messages stay rows of the outbox, so a restart loses none of them: at worst they come one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import HeldBackError
from vidsense_daemon.domain.events import Delivery, DeliveryPhase, EventRecord

_REMEMBERED_EVENTS = 10_000  # ids of events told within others; older ones come as messages of their own again


class GroupingHook(Protocol):
    """A hook that can tell of several events in one message."""

    @property
    def name(self) -> str:
        """As `domain.ports.Hook` has it."""

    def deliver(self, delivery: Delivery, record: EventRecord, others: Sequence[EventRecord] = ()) -> None:
        """As `domain.ports.Hook` has it; ``others`` were held back and are told in the same message."""


class PacedHook:
    """Puts a limit before a hook; called by that hook's lane only.

    Args:
        hook: who is told in the end.
        at_most: messages about new events within ``within_s``. What is learned later of an event that was told (its
            end, its description) does not count: the receiver replaces the first message by it.
        within_s: seconds of the window.
    """

    def __init__(self, hook: GroupingHook, *, at_most: int, within_s: float, clock: Clock | None = None) -> None:
        self._hook = hook
        self._at_most = at_most
        self._within_s = within_s
        self._clock = clock or SystemClock()
        self._sent_mono_s: deque[float] = deque(maxlen=at_most)
        self._held: dict[str, EventRecord] = {}  # by event id, oldest first
        self._told_within_others: dict[str, None] = {}  # a set that forgets its oldest

    @property
    def name(self) -> str:
        return self._hook.name

    def deliver(self, delivery: Delivery, record: EventRecord) -> None:
        """Send, hold back or skip.

        Raises:
            HeldBackError: it is due again when the window has room.
        """
        event_id = record.event.id
        if event_id in self._told_within_others:
            return
        if delivery.phase is not DeliveryPhase.OPENED:
            self._hook.deliver(delivery, record)
            return
        wait_s = self._wait_s()
        if wait_s > 0:
            self._held[event_id] = record
            raise HeldBackError(
                f"hook {self.name!r}: {self._at_most} messages were sent within {self._within_s:g} s; "
                "this one follows together with others",
                retry_after_s=wait_s,
            )
        others = [held for key, held in self._held.items() if key != event_id]
        self._hook.deliver(delivery, record, others)
        self._sent_mono_s.append(self._clock.mono_s())
        self._held.clear()
        self._remember(others)

    def _wait_s(self) -> float:
        if len(self._sent_mono_s) < self._at_most:
            return 0.0
        return self._sent_mono_s[0] + self._within_s - self._clock.mono_s()

    def _remember(self, told: Sequence[EventRecord]) -> None:
        for record in told:
            self._told_within_others[record.event.id] = None
        while len(self._told_within_others) > _REMEMBERED_EVENTS:
            del self._told_within_others[next(iter(self._told_within_others))]
