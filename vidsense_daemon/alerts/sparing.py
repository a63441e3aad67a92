"""Messages that people need not get: of what they have seen to, and the first of two when one will do.

    acknowledged       nothing to do: taken as told
    words are there    sent, with them
    not yet            held back: it stays in the outbox, and is looked at again and again
    waited too long    sent, with words made without a model

Both stand before a hook, as `pacing` does; a hook that shows states, such as MQTT, gets everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import HeldBackError
from vidsense_daemon.domain.events import Delivery, DeliveryPhase, Description, DescriptionStatus, EventRecord
from vidsense_daemon.domain.ports import Hook

_LOOK_FIRST_S = 1.0
_LOOK_RATIO = 0.1  # of the time waited so far: a look is a commit, and after minutes some seconds more do not matter
_TO_COME = (DescriptionStatus.PENDING, DescriptionStatus.RUNNING)


class UnacknowledgedHook:
    """Tells nothing of events that somebody has seen to."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    @property
    def name(self) -> str:
        return self._hook.name

    def deliver(self, delivery: Delivery, record: EventRecord) -> None:
        """Send, or skip; raises what the hook raises."""
        if record.acknowledged_at is not None:
            structlog.get_logger().info("acknowledged_not_told", hook=self.name, event_id=record.event.id)
            return
        self._hook.deliver(delivery, record)


class OneMessageHook:
    """Waits with an event's first message until the event is described, so that it can be the only one.

    Args:
        hook: who is told in the end; it must not be owed the phase `described`.
        wait_s: how long at most, from the moment when the message became owed.
        words: what is said of an event that has no description by then.
    """

    def __init__(
        self, hook: Hook, *, wait_s: float, words: Callable[[EventRecord], Description], clock: Clock | None = None
    ) -> None:
        self._hook = hook
        self._wait_s = wait_s
        self._words = words
        self._clock = clock or SystemClock()

    @property
    def name(self) -> str:
        return self._hook.name

    def deliver(self, delivery: Delivery, record: EventRecord) -> None:
        """Send, or hold back.

        Raises:
            HeldBackError: there may be words soon.
        """
        description = record.description
        if delivery.phase is DeliveryPhase.OPENED and not (description and description.summary.strip()):
            if description is None or description.status in _TO_COME:
                self._wait(delivery)
            record = replace(record, description=self._words(record))
        self._hook.deliver(delivery, record)

    def _wait(self, delivery: Delivery) -> None:
        """Raise as long as it is worth waiting."""
        waited_s = (self._clock.now() - delivery.created_at).total_seconds()
        left_s = self._wait_s - waited_s
        if left_s > 0:
            look_s = max(_LOOK_FIRST_S, _LOOK_RATIO * waited_s)
            raise HeldBackError(
                f"hook {self.name!r}: waits for the description, {self._wait_s:g} s at most",
                retry_after_s=min(look_s, left_s),
            )
