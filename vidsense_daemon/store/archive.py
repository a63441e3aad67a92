"""Events as they are read back: the command line, the pages and other readers; nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select, tuple_

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.domain.events import (
    DeliveryStatus,
    DescriptionStatus,
    Event,
    EventRecord,
    EventState,
    Severity,
    Source,
    Verdict,
)
from vidsense_daemon.store import tables
from vidsense_daemon.store.changes import Change
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.records import event_from_row, load_records


class EventArchive:
    """What is stored about events; every method is thread-safe and holds up no writer."""

    def __init__(self, *, database: Database, media: MediaFolder) -> None:
        self._database = database
        self._media = media

    def get(self, event_id: str) -> EventRecord | None:
        """One event with all that is stored about it; none when there is no such id."""
        with self._database.read() as connection:
            return next(iter(load_records(connection, [event_id], self._media)), None)

    def find(
        self,
        *,
        camera: str | None = None,
        trigger: str | None = None,
        source: Source | None = None,
        severity: Severity | None = None,
        acknowledged: bool | None = None,
        pinned: bool | None = None,
        verdict: Verdict | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        label: str | None = None,
        limit: int = 50,
        skip: int = 0,
        cursor: str | None = None,
        last: str | None = None,
    ) -> list[EventRecord]:
        """Events that began in ``since`` ≤ t < ``until``, newest first, without the newest ``skip``.

        For the next page pass the last record's `cursor_of` as ``cursor``; events stored meanwhile don't shift it.
        ``label`` is part of what an event shows. No index knows it: ``last``, a cursor too, ends the look there.
        """
        c, new = tables.events.c, tables.unreviewed.c
        fits = [*_equal(camera, trigger, source, severity), *_marked(pinned, verdict)]
        if label is not None:
            fits.append(_shows(label))
        began_at, id_ = c.started_at_ms, c.id
        if acknowledged:
            fits.append(exists().where(tables.acknowledgements.c.event_id == c.id))
        elif acknowledged is False:
            # beginning with the few new ones, by the order they are kept in; a join would begin with all of a camera's
            began_at, id_ = new.started_at_ms, new.event_id
            fits = [exists().where(c.id == new.event_id, *fits)] if fits else []
        wanted = select(id_).where(*fits, *_between(began_at, id_, since, until, cursor, last))
        wanted = wanted.order_by(began_at.desc(), id_.desc()).limit(limit).offset(skip)
        with self._database.read() as connection:
            ids = list(connection.execute(wanted).scalars())
            return load_records(connection, ids, self._media)

    def began_between(self, since: datetime, until: datetime, *, camera: str | None, limit: int) -> list[Event]:
        """The newest events that began in ``since`` ≤ t < ``until``, without stills and words: for a day's picture."""
        c = tables.events.c
        wanted = select(tables.events).where(c.started_at_ms >= to_ms(since), c.started_at_ms < to_ms(until))
        if camera is not None:
            wanted = wanted.where(c.camera == camera)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(c.started_at_ms.desc()).limit(limit)).all()
        return [event_from_row(row) for row in rows]

    def newer_than(self, sequence: int, *, limit: int = 100) -> list[Change]:
        """What changed after the reader's bookmark, in order; events deleted since are left out."""
        c = tables.changes.c
        wanted = select(c.sequence, c.kind, c.event_id).where(c.sequence > sequence).order_by(c.sequence).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
            records = load_records(connection, list({row.event_id: None for row in rows}), self._media)
        by_id = {record.event.id: record for record in records}
        return [Change(row.sequence, row.kind, by_id[row.event_id]) for row in rows if row.event_id in by_id]

    def newest_sequence(self) -> int:
        """The bookmark of now: `newer_than` it is what is still to come."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(tables.changes.c.sequence))).scalar() or 0

    def counts(self) -> dict[str, int]:
        """How many of each thing stand in the database: what `status` and the tests of an operator ask."""
        t = tables
        description, delivery = t.descriptions.c.status, t.deliveries.c.status
        states = select(delivery, func.count().label("many")).group_by(delivery)
        questions = {
            "events": select(func.count()).select_from(t.events),
            "events_open": select(func.count()).where(t.events.c.state == EventState.OPEN.value),
            "stills": select(func.count()).select_from(t.stills),
            "windows": select(func.count()).select_from(t.windows),
            "descriptions_pending": select(func.count()).where(description == DescriptionStatus.PENDING.value),
        }
        with self._database.read() as connection:
            counts = {name: connection.execute(question).scalar_one() for name, question in questions.items()}
            deliveries = {row.status: row.many for row in connection.execute(states)}
        return counts | {f"deliveries_{status.value}": deliveries.get(status.value, 0) for status in DeliveryStatus}


def _equal(
    camera: str | None, trigger: str | None, source: Source | None, severity: Severity | None
) -> Iterator[ColumnElement[bool]]:
    c = tables.events.c
    for column, value in ((c.camera, camera), (c.trigger, trigger), (c.source, source), (c.severity, severity)):
        if value is not None:
            yield column == str(value)


def _marked(pinned: bool | None, verdict: Verdict | None) -> Iterator[ColumnElement[bool]]:
    c = tables.events.c
    if pinned is not None:
        # few are: beginning with them and not with the events is 40 times faster in a large database
        kept = c.id.in_(select(tables.pins.c.event_id))
        yield kept if pinned else ~kept
    if verdict is not None:
        yield c.id.in_(select(tables.feedback.c.event_id).where(tables.feedback.c.verdict == verdict.value))


def _between(
    began_at: ColumnElement[int],
    id_: ColumnElement[str],
    since: datetime | None,
    until: datetime | None,
    cursor: str | None,
    last: str | None,
) -> Iterator[ColumnElement[bool]]:
    place = tuple_(began_at, id_)
    if since is not None:
        yield began_at >= to_ms(since)
    if until is not None:
        yield began_at < to_ms(until)
    if cursor is not None:
        yield place < tuple_(*_read_cursor(cursor))
    if last is not None:
        yield place >= tuple_(*_read_cursor(last))


def _shows(label: str) -> ColumnElement[bool]:
    """Whether it is part of an event's labels or of what the describer saw and saw happen."""
    d = tables.descriptions.c

    def holds(words: ColumnElement[str]) -> ColumnElement[bool]:
        text = func.replace(func.trim(words, '[]"'), '","', " ")  # a JSON list
        # SQLite knows no capitals but ASCII's: a word with others is found as it is written, too
        spellings = [(func.lower(text), label.lower())] + ([] if label.isascii() else [(text, label)])
        return or_(*(func.instr(where, part) > 0 for where, part in spellings))

    seen = (holds(func.json_extract(d.details, path)) for path in ("$.objects", "$.actions"))
    described = exists().where(d.event_id == tables.events.c.id, or_(*seen))
    return holds(tables.events.c.labels) | described


def cursor_of(record: EventRecord) -> str:
    """Where `EventArchive.find` goes on after this record."""
    return f"{to_ms(record.event.started_at)}:{record.event.id}"


def _read_cursor(cursor: str) -> tuple[int, str]:
    at_ms, colon, event_id = cursor.partition(":")
    if not colon or not at_ms.isdecimal():
        raise StoreError(f"{cursor!r} is no cursor of an earlier page: begin again without one")
    return int(at_ms), event_id
