"""What people say of events, and the lessons in it.

One verdict an event: who changes their mind replaces it. A verdict outlives the event that retention deletes, together
with the event's clearest look; who deletes an event by hand takes the verdict with it (`store/retention.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.events import Lesson, Opinion, Verdict
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.looks import look_from_row
from vidsense_daemon.store.records import has_event, opinion_from_row


@dataclass(frozen=True, slots=True)
class Revision:
    """Changes whenever a verdict or a switch does: what the running daemon looks for."""

    newest_verdict: int
    verdicts: int
    switched_off: frozenset[tuple[str, str]]  # (camera, trigger)


class FeedbackStore:
    """Thread-safe, and for other processes than the daemon's too."""

    def __init__(self, database: Database, *, given_by: str) -> None:
        """``given_by`` is the way that verdicts given here came: cli or review."""
        self._database = database
        self._given_by = given_by

    def give(self, event_id: str, *, verdict: str, note: str, now: datetime) -> bool:
        """Keep a verdict in the place of an earlier one; false when there is no such event.

        Raises:
            ValueError: the verdict is neither good nor bad.
        """
        row = {
            "event_id": event_id,
            "verdict": Verdict(verdict).value,
            "note": note,
            "given_at_ms": to_ms(now),
            "given_by": self._given_by,
        }

        def store(connection: Connection) -> bool:
            if not has_event(connection, event_id):
                return False
            connection.execute(insert(tables.feedback).prefix_with("OR REPLACE"), row)  # with a new id: see Revision
            return True

        return self._database.write(store)

    def clear(self, event_id: str) -> bool:
        """Take the verdict back; false when there is none. The look of an event that is gone goes with it."""
        event, look = tables.events.c.id, tables.looks.c.event_id
        verdict = delete(tables.feedback).where(tables.feedback.c.event_id == event_id)
        left_alone = delete(tables.looks).where(look == event_id, look.not_in(select(event).where(event == event_id)))

        def remove(connection: Connection) -> bool:
            found = connection.execute(verdict).rowcount > 0
            connection.execute(left_alone)
            return found

        return self._database.write(remove)

    def given(self, event_ids: Sequence[str]) -> Mapping[str, Opinion]:
        """The opinions on those of these events that have one."""
        c = tables.feedback.c
        with self._database.read() as connection:
            rows = connection.execute(select(tables.feedback).where(c.event_id.in_(event_ids))).all()
        return {row.event_id: opinion_from_row(row) for row in rows}

    def lessons(self, *, camera: str | None = None, trigger: str | None = None) -> list[Lesson]:
        """Verdicts whose event left a look, oldest event first; those of older databases left none."""
        l, f = tables.looks, tables.feedback  # noqa: E741
        wanted = select(l, f.c.verdict).join(f, f.c.event_id == l.c.event_id).order_by(l.c.captured_at_ms, l.c.event_id)
        for column, value in ((l.c.camera, camera), (l.c.trigger, trigger)):
            if value is not None:
                wanted = wanted.where(column == value)
        with self._database.read() as connection:
            return [_lesson_from_row(row) for row in connection.execute(wanted)]

    def revision(self) -> Revision:
        """Cheap enough to be asked every second."""
        c = tables.feedback.c
        with self._database.read() as connection:
            newest, count = connection.execute(select(func.coalesce(func.max(c.id), 0), func.count(c.id))).one()
            return Revision(newest, count, _switched_off(connection.execute(select(tables.feedback_off))))

    def switch(self, camera: str, trigger: str, *, on: bool, now: datetime) -> None:
        """Let what was learned for a trigger on a camera count, or not; verdicts are kept either way."""
        off = tables.feedback_off
        if on:
            back = delete(off).where(off.c.camera == camera, off.c.trigger == trigger)
            self._database.write(lambda connection: connection.execute(back))
            return
        row = {"camera": camera, "trigger": trigger, "switched_off_at_ms": to_ms(now)}
        self._database.write(lambda connection: connection.execute(insert(off).on_conflict_do_nothing(), row))


def _lesson_from_row(row: Row[Any]) -> Lesson:
    return Lesson(
        event_id=row.event_id,
        camera=row.camera,
        trigger=row.trigger,
        prompt=row.prompt,
        encoder=row.encoder,
        verdict=Verdict(row.verdict),
        look=look_from_row(row),
    )


def _switched_off(rows: Iterable[Row[Any]]) -> frozenset[tuple[str, str]]:
    return frozenset((row.camera, row.trigger) for row in rows)
