"""The descriptions that are owed. Implements `domain.ports.DescriptionQueue`.

pending → running → done | partial | failed | skipped; `postpone` leads back to pending. A claim is one UPDATE under
the write lock, so two processes never describe the same event; the gravest event comes first, then the newest,
because words about the present are worth more than words about last night.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, case, select, update

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.domain.events import (
    DeliveryPhase,
    Description,
    DescriptionStatus,
    EventRecord,
    EventState,
    Source,
)
from vidsense_daemon.store import tables
from vidsense_daemon.store.changes import note_change
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.deliveries import HooksFor, nobody, owe
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.records import load_records

_PENDING = DescriptionStatus.PENDING.value
_FRESH = timedelta(hours=1)  # so long somebody may be waiting for the words


class DescriptionStore:
    """The queue as a describing thread sees it; thread-safe.

    The daemon's describes live events only. A replay passes the ids of its own events as ``among``, a growing
    collection that is read at each claim, so that the two leave each other's work alone.
    """

    def __init__(
        self,
        *,
        database: Database,
        media: MediaFolder,
        hooks_for: HooksFor = nobody,
        among: Collection[str] | None = None,
    ) -> None:
        self._database = database
        self._media = media
        self._hooks_for = hooks_for
        self._among = among

    def claim(self, now: datetime) -> EventRecord | None:
        """The next due event, marked running; none when nothing is due.

        What happened within the last hour goes first, gravest and newest before the rest: somebody may be waiting for
        it. What is older is a backlog, which is worked off from its gravest and oldest.
        """
        e = tables.events.c
        fresh = e.started_at_ms >= to_ms(now - _FRESH)
        order = (
            fresh.desc(),
            tables.severity_rank.desc(),
            case((fresh, -e.started_at_ms), else_=e.started_at_ms),
        )
        claimed = self._take(self._due(now).order_by(*order).limit(1), now)
        return claimed[0] if claimed else None

    def claim_beside(self, record: EventRecord, *, within_s: float, limit: int, now: datetime) -> list[EventRecord]:
        """Due events of the same camera that began within ``within_s`` of it, marked running; oldest first."""
        e, event = tables.events.c, record.event
        within_ms = round(within_s * 1000)
        near = (
            self._due(now)
            .where(e.camera == event.camera, e.source == event.source.value, e.id != event.id)
            .where(e.started_at_ms.between(to_ms(event.started_at) - within_ms, to_ms(event.started_at) + within_ms))
            .order_by(e.started_at_ms)
            .limit(limit)
        )
        return self._take(near, now)

    def _due(self, now: datetime) -> Select[Any]:
        d, e = tables.descriptions.c, tables.events.c
        return (
            select(d.event_id)
            .join(tables.events, e.id == d.event_id)
            .where(d.status == _PENDING, e.state == EventState.CLOSED.value)
            .where(d.next_attempt_at_ms.is_(None) | (d.next_attempt_at_ms <= to_ms(now)))
            .where(e.source == Source.LIVE.value if self._among is None else e.id.in_(list(self._among)))
        )

    def _take(self, due: Select[Any], now: datetime) -> list[EventRecord]:
        """Mark these events running, in one step for all processes, and load them in their order."""
        with self._database.read() as connection:
            if connection.execute(due).first() is None:
                return []  # the usual case: an idle queue takes no write lock

        def take(connection: Connection) -> list[EventRecord]:
            event_ids = list(connection.execute(due).scalars())  # the write lock is held: nobody else sees them pending
            d = tables.descriptions.c
            connection.execute(
                update(tables.descriptions)
                .where(d.event_id.in_(event_ids))
                .values(status=DescriptionStatus.RUNNING.value, attempts=d.attempts + 1, claimed_at_ms=to_ms(now))
            )
            return load_records(connection, event_ids, self._media)

        return self._database.write(take)

    def finish(self, event_id: str, description: Description, now: datetime) -> None:
        """Store the words and the deliveries they cause, in one transaction; without words nobody is told.

        Raises:
            StoreError: the event was deleted meanwhile.
        """
        values = {
            "status": description.status.value,
            "finished_at_ms": to_ms(now),
            "backend": description.backend,
            "model": description.model,
            "summary": description.summary,
            "answers": [[answer.question, answer.answer] for answer in description.answers],
            "details": dict(description.details),
            "error": description.error,
            "duration_s": description.duration_s,
        }

        def store(connection: Connection) -> None:
            statement = update(tables.descriptions).where(tables.descriptions.c.event_id == event_id).values(**values)
            if not connection.execute(statement).rowcount:
                raise StoreError(f"the event {event_id} was deleted while it was being described")
            note_change(connection, event_id, "described", now_ms=to_ms(now))
            if description.summary and description.status is not DescriptionStatus.SKIPPED:
                event = load_records(connection, [event_id], self._media)[0].event
                owe(connection, event, DeliveryPhase.DESCRIBED, self._hooks_for, now_ms=to_ms(now))

        self._database.write(store)

    def postpone(self, event_id: str, error: str, next_attempt_at: datetime) -> None:
        """It did not work now: pending again, not before ``next_attempt_at``."""
        d = tables.descriptions.c
        statement = (
            update(tables.descriptions)
            .where(d.event_id == event_id, d.status == DescriptionStatus.RUNNING.value)
            .values(status=_PENDING, error=error, next_attempt_at_ms=to_ms(next_attempt_at))
        )
        self._database.write(lambda connection: connection.execute(statement))

    def attempts(self, event_id: str) -> int:
        """How often a describer was asked for this event; 0 when none is owed."""
        d = tables.descriptions.c
        with self._database.read() as connection:
            return connection.execute(select(d.attempts).where(d.event_id == event_id)).scalar() or 0
