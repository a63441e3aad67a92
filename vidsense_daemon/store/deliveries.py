"""The outbox: what each hook is still owed. Implements `domain.ports.Outbox`.

A delivery is a row that was written in the same transaction as the event, or the words, that caused it; so it is
sent at least once, whatever is killed when. Within an event a hook gets its phases in order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, exists, select, update
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.events import Delivery, DeliveryPhase, DeliveryStatus, Event, EventRecord, Source
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.records import load_deliveries

HooksFor = Callable[[Event, DeliveryPhase], Sequence[str]]  # which hooks are owed this phase of an event

_PENDING = DeliveryStatus.PENDING.value


def nobody(_event: Event, _phase: DeliveryPhase) -> Sequence[str]:
    """Owe no hook anything."""
    return ()


def owe(
    connection: Connection,
    event: Event,
    phase: DeliveryPhase,
    hooks_for: HooksFor,
    *,
    now_ms: int,
    told: Collection[str] = (),
) -> None:
    """Put one delivery a hook into the outbox, as sent for hooks that were ``told`` already.

    A replay of old footage alerts nobody.
    """
    if event.source is Source.REPLAY:
        return
    for hook in hooks_for(event, phase):
        row = {
            "event_id": event.id,
            "hook": hook,
            "phase": phase.value,
            "status": DeliveryStatus.SENT.value if hook in told else _PENDING,
            "created_at_ms": now_ms,
            "next_attempt_at_ms": now_ms,
            "finished_at_ms": now_ms if hook in told else None,
        }
        connection.execute(insert(tables.deliveries).on_conflict_do_nothing(), row)


class DeliveryStore:
    """The outbox as the delivery thread sees it; thread-safe."""

    def __init__(self, *, database: Database, media: MediaFolder) -> None:
        self._database = database
        self._media = media

    def due(self, now: datetime, limit: int, hook: str | None = None) -> list[tuple[Delivery, EventRecord]]:
        """Pending deliveries whose time has come, oldest first, of one hook or of all.

        A later phase of an event is not due while an earlier one of the same hook is pending.
        """
        mine, earlier = tables.deliveries, tables.deliveries.alias("earlier")
        waits = exists().where(
            earlier.c.event_id == mine.c.event_id,
            earlier.c.hook == mine.c.hook,
            earlier.c.id + 0 < mine.c.id,  # + 0: found by its event, not by walking through all that the hook is owed
            earlier.c.status == _PENDING,
        )
        wanted = (
            select(mine)
            .where(mine.c.status == _PENDING, mine.c.next_attempt_at_ms <= to_ms(now), ~waits)
            .order_by(mine.c.id)
            .limit(limit)
        )
        if hook is not None:
            wanted = wanted.where(mine.c.hook == hook)
        with self._database.read() as connection:
            return load_deliveries(connection, wanted, self._media)

    def due_at_once(self, now: datetime) -> int:
        """Make every pending delivery due: after a restart nobody shall wait out an old backoff; how many there are."""
        c = tables.deliveries.c
        statement = (
            update(tables.deliveries)
            .where(c.status == _PENDING, c.next_attempt_at_ms > to_ms(now))
            .values(next_attempt_at_ms=to_ms(now))
        )
        return self._database.write(lambda connection: connection.execute(statement).rowcount)

    def sent(self, delivery_id: int, now: datetime) -> None:
        """The hook took it."""
        self._settle(delivery_id, DeliveryStatus.SENT, now, error=None)

    def postpone(self, delivery_id: int, error: str, next_attempt_at: datetime) -> None:
        """The hook did not take it now: one attempt more, not before ``next_attempt_at``."""
        c = tables.deliveries.c
        statement = (
            update(tables.deliveries)
            .where(c.id == delivery_id, c.status == _PENDING)
            .values(attempts=c.attempts + 1, last_error=error, next_attempt_at_ms=to_ms(next_attempt_at))
        )
        self._database.write(lambda connection: connection.execute(statement))

    def give_up(self, delivery_id: int, error: str, now: datetime) -> None:
        """The hook's limit is reached: dead, but kept and shown."""
        self._settle(delivery_id, DeliveryStatus.DEAD, now, error=error)

    def _settle(self, delivery_id: int, status: DeliveryStatus, now: datetime, *, error: str | None) -> None:
        c = tables.deliveries.c
        values = {"status": status.value, "finished_at_ms": to_ms(now), "attempts": c.attempts + 1}
        if error is not None:
            values["last_error"] = error  # what an attempt said before it worked in the end stays readable
        statement = update(tables.deliveries).where(c.id == delivery_id).values(**values)
        self._database.write(lambda connection: connection.execute(statement))
