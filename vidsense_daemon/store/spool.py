"""Between perception and the store: calls are taken at once, stored in their order by the thread `db-writer`.

    storing    each call is stored within milliseconds                       → the store refuses one: spooling
    spooling   hooks are told of openings from here, at once                 → all of them stored: storing
    full       more than the limit: a call raises, and perception waits with it

Perception never waits for the database: another program may hold its lock for seconds before it is refused, and a card
may take as long for one commit. An opening that is not stored within two seconds is told from here, too.

What is spooled is not acknowledged: a kill loses it, and `degraded_since` says so to status pages. That is better than
standing still, since a disk fills up exactly when much happens. Faults that don't pass by themselves (a damaged or a
replaced file) are not waited out: they end the daemon, so that its next start can restore a backup.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import StoreError
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
from vidsense_daemon.store.faults import DatabaseUnavailableError, Fault, fault_error

_MOST_CALLS = 1_000  # with stills of 300 kB a few hundred MB at the very most
_FLUSH_EVERY_S = 1.0  # how much of an event's last stretch a kill may cost
_LOOK_EVERY_S = 0.25  # how soon a stop is noticed
_DRAIN_WITHIN_S = 3.0  # of the ten seconds that the daemon has to end; a backup's step is long over by then
# a commit takes milliseconds, on a bad card a second; an alert from here comes without its picture
_TOLD_FROM_HERE_AFTER = timedelta(seconds=2)


@dataclass(slots=True)
class _Told:
    """A spooled opening that a hook is owed."""

    delivery: Delivery
    record: EventRecord


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """What the store is still to be told."""

    make: Callable[[], None]
    opens: str = ""  # the event that it opens
    settles: int = 0  # the delivery whose outcome it tells


def _who(event: Event) -> dict[str, str]:
    """What a line of the log says of every event."""
    return {"camera": event.camera, "trigger": event.trigger, "event_id": event.id}


class EventSpool:
    """An `EventSink` before the store's own; thread-safe."""

    def __init__(
        self,
        events: EventStore,
        *,
        hooks_for: HooksFor = nobody,
        on_owed: Callable[[], None] = lambda: None,
        limit: int = _MOST_CALLS,
        clock: Clock | None = None,
    ) -> None:
        """``on_owed`` is called when hooks may be owed something from then on."""
        self._events = events
        self._hooks_for = hooks_for
        self._on_owed = on_owed
        self._limit = limit
        self._clock = clock or SystemClock()
        self._calls: deque[_Call] = deque()
        self._owed: dict[int, _Told] = {}  # by delivery id; negative, since the outbox's own count up from 1
        self._told: dict[str, set[str]] = {}  # hooks that took a spooled opening, by event id
        self._ids = itertools.count(-1, -1)
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._still_spooled = Complaint("events_still_spooled", clock=self._clock)
        self._log = structlog.get_logger()
        self._refusal: DatabaseUnavailableError | None = None
        self.degraded_since: datetime | None = None

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:
        """Have a new event stored; its hooks are told from here when that takes long.

        Raises:
            DatabaseUnavailableError: the spool is full.
        """
        told: set[str] = set()  # the store looks into it inside its transaction: hooks may be told until then
        self._keep(_Call(lambda: self._events.opened(event, first, window, told=told), opens=event.id), event, told)
        self._log.info("event_opened", **_who(event), severity=event.severity.value)

    def extended(self, event: Event) -> None:
        """Note the event's newest end, score and box."""
        self._events.extended(event)

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        """Have the event's end stored.

        Raises:
            DatabaseUnavailableError: the spool is full.
        """
        self._keep(_Call(lambda: self._events.closed(event, stills, window)))
        lasted_s = (event.ended_at - event.started_at).total_seconds()
        self._log.info("event_closed", **_who(event), lasted_s=round(lasted_s, 1), score=round(event.score, 2))

    def observed(self, window: Window, encoder: str) -> None:
        """Keep a window."""
        self._events.observed(window, encoder)

    def in_turn(self, work: Callable[[], None]) -> None:
        """Have ``work`` done by the writer, once all that was spooled before is stored.

        Raises:
            DatabaseUnavailableError: the spool is full.
        """
        self._keep(_Call(work))

    def waiting(self) -> int:
        """How many calls are not stored yet."""
        with self._lock:
            return len(self._calls)

    def write_behind(self, worker: Worker) -> None:
        """Body of the thread `db-writer`: what is spooled, and what was gathered; drains when it stops."""
        flushed_mono_s = self._clock.mono_s()
        while not worker.stopping.is_set():
            worker.beat()
            if not self.settle():
                worker.stopping.wait(_FLUSH_EVERY_S)
            elif self._clock.mono_s() - flushed_mono_s >= _FLUSH_EVERY_S:
                self._events.flush()
                flushed_mono_s = self._clock.mono_s()
            else:
                self._news.wait(_LOOK_EVERY_S)
                self._news.clear()
        self._drain()

    def settle(self) -> bool:
        """Store what is spooled, oldest first; whether nothing is spooled any more.

        Called by one thread. The lock is not held while the database is waited for: hooks are told meanwhile.
        """
        while (call := self._oldest_call()) is not None:
            try:
                call.make()
            except DatabaseUnavailableError as error:
                self._refused(error)
                return False
            except StoreError:  # the daemon ends; who is at the door is told before
                self._tell_at_once()
                raise
            self._cross_off(call)
            self._on_owed()
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
                self._told[told.delivery.event_id].add(told.delivery.hook)

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

    def note_outcome(self, delivery_id: int, store: Callable[[], None]) -> None:
        """Have the outcome of one of the outbox's deliveries stored.

        Raises:
            DatabaseUnavailableError: the spool is full.
        """
        self._keep(_Call(store, settles=delivery_id))

    def outcomes_waiting(self) -> set[int]:
        """The outbox's deliveries of which it does not know yet what became of them."""
        with self._lock:
            return {call.settles for call in self._calls if call.settles}

    def _keep(self, call: _Call, opening: Event | None = None, told: set[str] | None = None) -> None:
        with self._lock:
            if len(self._calls) >= self._limit:
                raise self._refusal or fault_error(Fault.LOCKED, "storing an event")
            self._calls.append(call)
            if opening is not None and told is not None and opening.source is not Source.REPLAY:
                self._owe(opening, told)
            tell_now = opening is not None and self.degraded_since is not None
        self._news.set()
        if tell_now:
            self._on_owed()

    def _owe(self, opening: Event, told: set[str]) -> None:
        """Under the lock: else the call could be stored, and the outbox owe it too, before it is owed here."""
        now = self._clock.now()
        due_at = now if self.degraded_since else now + _TOLD_FROM_HERE_AFTER
        self._told[opening.id] = told
        for hook in self._hooks_for(opening, DeliveryPhase.OPENED):
            owed = _opening(next(self._ids), opening, hook, created_at=now, due_at=due_at)
            self._owed[owed.delivery.id] = owed

    def _drain(self) -> None:
        give_up_mono_s = self._clock.mono_s() + _DRAIN_WITHIN_S
        while not self.settle():
            if self._clock.mono_s() >= give_up_mono_s:
                return
            self._news.wait(_LOOK_EVERY_S)
            self._news.clear()
        self._events.flush()

    def _oldest_call(self) -> _Call | None:
        with self._lock:
            return self._calls[0] if self._calls else None

    def _refused(self, error: DatabaseUnavailableError) -> None:
        with self._lock:
            self._refusal = error
            calls, first = len(self._calls), self.degraded_since is None
            self.degraded_since = self.degraded_since or self._clock.now()
        if first:
            self._log.error("events_spooled", calls=calls, reason=str(error))
            self._still_spooled.said()
        else:
            self._still_spooled.say(calls=calls, reason=str(error))

    def _tell_at_once(self) -> None:
        with self._lock:
            for told in self._owed.values():
                told.delivery = replace(told.delivery, next_attempt_at=told.delivery.created_at)
        self._on_owed()

    def _cross_off(self, call: _Call) -> None:
        with self._lock:
            self._calls.popleft()
            if call.opens:  # from here on the outbox owes it
                self._told.pop(call.opens, None)
                self._owed = {id_: told for id_, told in self._owed.items() if told.delivery.event_id != call.opens}
            if self._calls or self.degraded_since is None:
                return
            self._log.info("spooled_events_stored", degraded_since=self.degraded_since.isoformat())
            self.degraded_since = self._refusal = None


def _opening(delivery_id: int, event: Event, hook: str, *, created_at: datetime, due_at: datetime) -> _Told:
    delivery = Delivery(
        id=delivery_id,
        event_id=event.id,
        hook=hook,
        phase=DeliveryPhase.OPENED,
        status=DeliveryStatus.PENDING,
        attempts=0,
        created_at=created_at,
        next_attempt_at=due_at,
        last_error=None,
    )
    return _Told(delivery, EventRecord(event, stills=(), description=None))


class SpooledOutbox:
    """An `Outbox` whose news are stored behind, and which knows what is owed for spooled events; thread-safe.

    The thread that delivers never waits for the database to take something: who is next has to be told meanwhile.
    """

    def __init__(self, outbox: Outbox, spool: EventSpool) -> None:
        self._outbox = outbox
        self._spool = spool

    def due(self, now: datetime, limit: int, hook: str | None = None) -> list[tuple[Delivery, EventRecord]]:
        """Pending deliveries whose time has come: spooled ones first, because they are of this moment."""
        spooled = self._spool.due(now, hook)[:limit]
        if len(spooled) == limit:
            return spooled
        settled = self._spool.outcomes_waiting()  # asked before: what is stored in between is no longer pending
        pending = self._outbox.due(now, limit + len(settled), hook)
        return (spooled + [owed for owed in pending if owed[0].id not in settled])[:limit]

    def sent(self, delivery_id: int, now: datetime) -> None:
        """The hook took it."""
        if delivery_id < 0:
            self._spool.settle_delivery(delivery_id, took=True)
        else:
            self._spool.note_outcome(delivery_id, lambda: self._outbox.sent(delivery_id, now))

    def postpone(self, delivery_id: int, error: str, next_attempt_at: datetime) -> None:
        """The hook did not take it now."""
        if delivery_id < 0:
            self._spool.postpone_delivery(delivery_id, error, next_attempt_at)
        else:
            self._spool.note_outcome(delivery_id, lambda: self._outbox.postpone(delivery_id, error, next_attempt_at))

    def give_up(self, delivery_id: int, error: str, now: datetime) -> None:
        """The hook's limit is reached."""
        if delivery_id < 0:
            self._spool.settle_delivery(delivery_id, took=False)
        else:
            self._spool.note_outcome(delivery_id, lambda: self._outbox.give_up(delivery_id, error, now))
