"""What people do with stored events: look at them, pin them, delete them, have them described again.

To review an event is to acknowledge it: whoever has looked at it need not be told of it again. The review pages call
this from their threads, other processes may do the same at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, literal, select, update
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.events import Delivery, DescriptionStatus, EventState
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.records import delivery_from_row
from vidsense_daemon.store.retention import delete_events, empty_garbage, pin, unpin


class EventDesk:
    """Thread-safe; unknown ids are passed over."""

    def __init__(self, database: Database, media: MediaFolder) -> None:
        self._database = database
        self._media = media

    def set_reviewed(self, event_ids: Sequence[str], *, reviewed: bool, now: datetime) -> None:
        """Mark these as looked at, or as new again; the first look counts."""
        events, acknowledged = tables.events.c, tables.acknowledgements
        if reviewed:
            wanted = select(events.id, literal(to_ms(now))).where(events.id.in_(event_ids))
            self._database.write(lambda connection: _acknowledge(connection, wanted))
        else:
            statement = delete(acknowledged).where(acknowledged.c.event_id.in_(event_ids))
            self._database.write(lambda connection: connection.execute(statement))

    def set_all_reviewed(self, *, until: datetime, now: datetime) -> None:
        """Mark everything as looked at that began before ``until``."""
        new = tables.unreviewed.c
        wanted = select(new.event_id, literal(to_ms(now))).where(new.started_at_ms < to_ms(until))
        self._database.write(lambda connection: _acknowledge(connection, wanted))

    def pinned(self, event_ids: Sequence[str]) -> Collection[str]:
        """Those of these events that retention never deletes."""
        c = tables.pins.c.event_id
        with self._database.read() as connection:
            return set(connection.execute(select(c).where(c.in_(event_ids))).scalars())

    def set_pinned(self, event_id: str, *, pinned: bool, now: datetime) -> None:
        """Keep it for ever, or let retention have it again."""
        if pinned:
            pin(self._database, event_id, now)
        else:
            unpin(self._database, event_id)

    def delete(self, event_id: str, *, now: datetime) -> bool:
        """Delete an event that is over, pinned or not, with all that belongs to it; false when there is none.

        Its pictures are off the disk when this returns. One that is still open is left: perception writes to it.
        """
        c = tables.events.c
        with self._database.read() as connection:
            wanted = select(c.id).where(c.id == event_id, c.state == EventState.CLOSED.value)
            if connection.execute(wanted).first() is None:
                return False
        delete_events(self._database, [event_id], now)
        empty_garbage(self._database, self._media)
        return True

    def describe_again(self, event_id: str) -> bool:
        """Make its description due now; false when there is none to make, or a describer has it in hand."""
        c, e = tables.descriptions.c, tables.events.c
        closed = select(e.id).where(e.id == event_id, e.state == EventState.CLOSED.value)
        statement = (
            update(tables.descriptions)
            .where(c.event_id.in_(closed), c.status != DescriptionStatus.RUNNING.value)
            .values(status=DescriptionStatus.PENDING.value, next_attempt_at_ms=None, error=None)
        )
        return self._database.write(lambda connection: connection.execute(statement).rowcount) > 0

    def deliveries(self, event_id: str) -> list[Delivery]:
        """What was sent of an event or is owed, oldest first."""
        c = tables.deliveries.c
        with self._database.read() as connection:
            rows = connection.execute(select(tables.deliveries).where(c.event_id == event_id).order_by(c.id)).all()
        return [delivery_from_row(row) for row in rows]


def _acknowledge(connection: Connection, wanted: object) -> None:
    statement = insert(tables.acknowledgements).from_select(["event_id", "acknowledged_at_ms"], wanted)  # type: ignore[arg-type]
    connection.execute(statement.on_conflict_do_nothing())
