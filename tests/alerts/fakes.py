"""The fakes of this room: a clock that tests move, an outbox in memory, hooks that follow a script; and one event."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fakes import wait_until

from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import (
    Answer,
    Delivery,
    DeliveryPhase,
    DeliveryStatus,
    Description,
    DescriptionStatus,
    Event,
    EventRecord,
    EventState,
    Severity,
    Source,
    StoredStill,
)
from vidsense_daemon.domain.frames import Box

STARTED_AT = datetime(2026, 5, 4, 17, 42, 3, tzinfo=UTC)
LIMIT_S = 10.0  # how long a test waits for something that should happen at once


class MovedClock:
    """Stands still until a test moves it."""

    def __init__(self, at: datetime = STARTED_AT) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def mono_s(self) -> float:
        return (self._at - STARTED_AT).total_seconds()

    def wait(self, stopping: threading.Event, timeout_s: float) -> bool:
        return stopping.wait(0.001)

    def move(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)

    def run_until(self, condition: Callable[[], bool], *, step_s: float = 1.0) -> None:
        """Let time pass in steps until ``condition`` holds."""

        def moved() -> bool:
            if condition():
                return True
            self.move(step_s)
            return False

        wait_until(moved)


class MemoryOutbox:
    """An outbox that keeps the contract of `domain.ports.Outbox` in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[int, Delivery] = {}
        self.records: dict[str, EventRecord] = {}
        self.errors_to_raise: list[Exception] = []

    def add(self, record: EventRecord, hook: str, phase: DeliveryPhase, at: datetime = STARTED_AT) -> int:
        number = len(self.rows) + 1
        self.records[record.event.id] = record
        self.rows[number] = Delivery(
            number, record.event.id, hook, phase, DeliveryStatus.PENDING, 0, at, next_attempt_at=at, last_error=None
        )
        return number

    def due(self, now: datetime, limit: int, hook: str | None = None) -> list[tuple[Delivery, EventRecord]]:
        found, blocked = [], set()
        for row in list(self.rows.values()):
            if row.status is not DeliveryStatus.PENDING or hook not in (None, row.hook):
                continue
            if row.next_attempt_at <= now and (row.event_id, row.hook) not in blocked:
                found.append((row, self.records[row.event_id]))
            blocked.add((row.event_id, row.hook))
        return found[:limit]

    def sent(self, delivery_id: int, now: datetime) -> None:
        self._change(delivery_id, DeliveryStatus.SENT, None, now)

    def postpone(self, delivery_id: int, error: str, next_attempt_at: datetime) -> None:
        self._change(delivery_id, DeliveryStatus.PENDING, error, next_attempt_at)

    def give_up(self, delivery_id: int, error: str, now: datetime) -> None:
        self._change(delivery_id, DeliveryStatus.DEAD, error, now)

    def _change(self, number: int, status: DeliveryStatus, error: str | None, at: datetime) -> None:
        if self.errors_to_raise:
            raise self.errors_to_raise.pop(0)
        row = self.rows[number]
        self.rows[number] = replace(row, status=status, attempts=row.attempts + 1, last_error=error, next_attempt_at=at)

    def statuses(self) -> list[str]:
        return [row.status.value for row in self.rows.values()]


class ScriptedHook:
    """Raises what the script says, one entry a call, then takes everything."""

    def __init__(self, name: str, script: list[Exception | None] | None = None) -> None:
        self.name = name
        self.script = script or []
        self.called: list[tuple[str, str]] = []
        self.open = threading.Event()  # closed: the hook hangs
        self.open.set()

    def deliver(self, delivery: Delivery, record: EventRecord) -> None:
        self.called.append((record.event.id, delivery.phase.value))
        self.open.wait(LIMIT_S)
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error


@dataclass
class Fatal:
    """What a worker reported as its end."""

    reasons: list[str]

    def __call__(self, status: int, reason: str) -> None:
        self.reasons.append(reason)


@contextmanager
def delivering(delivery: AlertDelivery) -> Iterator[Worker]:
    """The delivery worker as the daemon runs it, stopped at the end."""
    fatal = Fatal([])
    worker = Worker("delivery", delivery.run, on_fatal=fatal)
    worker.start()
    try:
        yield worker
    finally:
        worker.ask_to_stop()
        assert worker.join(LIMIT_S)
        assert fatal.reasons == []


def record(
    event_id: str = "1777916523000-abcdef", *, described: bool = False, camera: str = "front_door"
) -> EventRecord:
    """A person at the front door, twelve seconds long."""
    event = Event(
        id=event_id,
        camera=camera,
        trigger="person_at_door",
        prompt="a person standing at the front door",
        severity=Severity.ALERT,
        source=Source.LIVE,
        state=EventState.CLOSED if described else EventState.OPEN,
        run_id="r1",
        encoder="builtin",
        started_at=STARTED_AT,
        ended_at=STARTED_AT + timedelta(seconds=12),
        started_pts_s=3.0,
        ended_pts_s=15.0,
        score=0.31,
        first_box=Box(0.1, 0.2, 0.3, 0.9),
        last_box=Box(0.5, 0.2, 0.7, 0.9),
        zones=("steps",),
    )
    still = StoredStill("/var/lib/vidsense/a.jpg", "first", STARTED_AT, 1920, 1080, event.first_box, 0.31)
    return EventRecord(event, (still,), description() if described else None)


def description() -> Description:
    return Description(
        backend="ollama",
        model="llava:7b",
        status=DescriptionStatus.DONE,
        summary="A courier leaves a parcel – „Ünïcode“.",
        answers=(Answer("How many people?", "one"),),
        details={"people": 1},
    )


def owed(phase: DeliveryPhase = DeliveryPhase.OPENED, *, attempts: int = 0, hook: str = "test") -> Delivery:
    return Delivery(
        1, "1777916523000-abcdef", hook, phase, DeliveryStatus.PENDING, attempts, STARTED_AT, STARTED_AT, None
    )
