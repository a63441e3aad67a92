"""While the database takes nothing (disk full, locked, read-only): keep events in memory and go on alerting.

    storing    every call goes to the store                                    → a call that is refused: spooling
    spooling   calls are kept in order; hooks are told of openings from here   → all of them stored: storing
    full       more than the limit: a call raises, and perception waits with it

What is spooled is not acknowledged: a kill loses it, and `degraded_since` says so to status pages. That is better than
standing still, since a disk fills up exactly when much happens. Faults that don't pass by themselves (a damaged or a
replaced file) are not spooled: they have to end the daemon, so that its next start can restore a backup.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import (
    Delivery,
    DeliveryPhase,
    DeliveryStatus,
    Event,
    EventRecord,
    EventStill,
    Source,
)
from vidsense_daemon.domain.ports import Outbox
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.store.complaints import Complaint
from vidsense_daemon.store.deliveries import HooksFor, nobody
from vidsense_daemon.store.events import EventStore
from vidsense_daemon.store.faults import DatabaseUnavailableError

_FLUSH_EVERY_S = 1.0  # how much of an event's last stretch a kill may cost
_MOST_CALLS = 1_000  # with stills of 300 kB a few hundred MB at the very most


@dataclass(slots=True)
class _Told:
    """A spooled opening that a hook is owed."""

    delivery: Delivery
    record: EventRecord


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """What the store is still to be told."""

    event_id: str
    make: Callable[[], None]


class EventSpool:
    """An `EventSink` before the store's own; thread-safe."""

    def __init__(
        self, events: EventStore, *, hooks_for: HooksFor = nobody, limit: int = _MOST_CALLS, clock: Clock | None = None
    ) -> None:
        self._events = events
        self._hooks_for = hooks_for
        self._limit = limit
        self._clock = clock or SystemClock()
        self._calls: deque[_Call] = deque()
        self._owed: dict[int, _Told] = {}  # by delivery id; negative, since the outbox's own count up from 1
        self._told: dict[str, set[str]] = {}  # hooks that took a spooled opening, by event id
        self._ids = itertools.count(-1, -1)
        self._lock = threading.Lock()
        self._still_spooled = Complaint("events_still_spooled", clock=self._clock)
        self._log = structlog.get_logger()
        self.degraded_since: datetime | None = None

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:
        """Store a new event, or keep it and tell its hooks from here.

        Raises:
            DatabaseUnavailableError: it was not stored, and the spool is full.
        """
        call = _Call(event.id, lambda: self._events.opened(event, first, window, told=self._told_of(event)))
        self._store_or_keep(call, event)

    def extended(self, event: Event) -> None:
        """Note the event's newest end, score and box; returns at once."""
        self._events.extended(event)

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        """Store the event's end, or keep it."""
        self._store_or_keep(_Call(event.id, lambda: self._events.closed(event, stills, window)))

    def observed(self, window: Window, encoder: str) -> None:
        """Keep a window; returns at once."""
        self._events.observed(window, encoder)

    def write_behind(self, worker: Worker) -> None:
        """Body of the thread `db-writer`: what was gathered, and what was spooled; drains when it stops."""
        while not worker.stopping.wait(_FLUSH_EVERY_S):
            worker.beat()
            self.settle()
        self.settle()

    def settle(self) -> bool:
        """Store what is spooled, oldest first, then what was gathered; whether nothing is spooled any more.

        Called by one thread. The lock is not held while the database is waited for: hooks are told meanwhile.
        """
        while (call := self._oldest_call()) is not None:
            try:
                call.make()
            except DatabaseUnavailableError as error:
                self._still_spooled.say(calls=len(self._calls), reason=str(error))
                return False
            self._cross_off(call)
        self._events.flush()
        return True

    # what hooks are told meanwhile

    def due(self, now: datetime, hook: str | None) -> list[tuple[Delivery, EventRecord]]:
        """Openings that are spooled and owed, oldest first."""
        with self._lock:
            return [
                (told.delivery, told.record)
                for told in self._owed.values()
                if told.delivery.next_attempt_at <= now and hook in (None, told.delivery.hook)
            ]

    def settle_delivery(self, delivery_id: int, *, took: bool) -> None:
        """The hook took it, or never will: it is not due any more."""
        with self._lock:
            told = self._owed.pop(delivery_id, None)
            if told is not None and took:
                self._told.setdefault(told.delivery.event_id, set()).add(told.delivery.hook)

    def postpone_delivery(self, delivery_id: int, error: str, next_attempt_at: datetime) -> None:
        """The hook did not take it now."""
        with self._lock:
            told = self._owed.get(delivery_id)
            if told is not None:
                told.delivery = replace(
                    told.delivery,
                    attempts=told.delivery.attempts + 1,
                    last_error=error,
                    next_attempt_at=next_attempt_at,
                )

    def _store_or_keep(self, call: _Call, opening: Event | None = None) -> None:
        """Store now when nothing waits before it, else keep the call and tell the ``opening``'s hooks from here."""
        with self._lock:
            if 0 < len(self._calls) < self._limit:
                self._keep(call, opening)
                return
        try:
            call.make()
        except DatabaseUnavailableError as error:
            with self._lock:
                if len(self._calls) >= self._limit:
                    raise
                self._keep(call, opening)
                self.degraded_since = self.degraded_since or self._clock.now()
            self._log.error("events_spooled", reason=str(error))

    def _keep(self, call: _Call, opening: Event | None) -> None:
        """Under the lock: else the call could be stored, and the outbox owe it too, before it is owed here."""
        self._calls.append(call)
        if opening is None or opening.source is Source.REPLAY:
            return
        now = self._clock.now()
        for hook in self._hooks_for(opening, DeliveryPhase.OPENED):
            told = _opening(next(self._ids), opening, hook, now)
            self._owed[told.delivery.id] = told

    def _oldest_call(self) -> _Call | None:
        with self._lock:
            return self._calls[0] if self._calls else None

    def _cross_off(self, call: _Call) -> None:
        with self._lock:
            self._calls.popleft()
            # from here on the outbox owes them
            self._owed = {id_: told for id_, told in self._owed.items() if told.delivery.event_id != call.event_id}
            if self._calls or self.degraded_since is None:
                return
            self._log.info("spooled_events_stored", degraded_since=self.degraded_since.isoformat())
            self.degraded_since = None
            self._told.clear()

    def _told_of(self, event: Event) -> set[str]:
        with self._lock:
            return set(self._told.get(event.id, ()))


def _opening(delivery_id: int, event: Event, hook: str, now: datetime) -> _Told:
    delivery = Delivery(
        id=delivery_id,
        event_id=event.id,
        hook=hook,
        phase=DeliveryPhase.OPENED,
        status=DeliveryStatus.PENDING,
        attempts=0,
        created_at=now,
        next_attempt_at=now,
        last_error=None,
    )
    return _Told(delivery, EventRecord(event, stills=(), description=None))


class SpooledOutbox:
    """An `Outbox` that also knows what is owed for spooled events; thread-safe."""

    def __init__(self, outbox: Outbox, spool: EventSpool) -> None:
        self._outbox = outbox
        self._spool = spool

    def due(self, now: datetime, limit: int, hook: str | None = None) -> list[tuple[Delivery, EventRecord]]:
        """Pending deliveries whose time has come: spooled ones first, because they are of this moment."""
        spooled = self._spool.due(now, hook)[:limit]
        return spooled + self._outbox.due(now, limit - len(spooled), hook) if len(spooled) < limit else spooled

    def sent(self, delivery_id: int, now: datetime) -> None:
        """The hook took it."""
        if delivery_id < 0:
            self._spool.settle_delivery(delivery_id, took=True)
        else:
            self._outbox.sent(delivery_id, now)

    def postpone(self, delivery_id: int, error: str, next_attempt_at: datetime) -> None:
        """The hook did not take it now."""
        if delivery_id < 0:
            self._spool.postpone_delivery(delivery_id, error, next_attempt_at)
        else:
            self._outbox.postpone(delivery_id, error, next_attempt_at)

    def give_up(self, delivery_id: int, error: str, now: datetime) -> None:
        """The hook's limit is reached."""
        if delivery_id < 0:
            self._spool.settle_delivery(delivery_id, took=False)
        else:
            self._outbox.give_up(delivery_id, error, now)
