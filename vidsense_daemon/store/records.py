"""Rows to domain types and back; nothing outside this folder ever sees a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from vidsense_daemon.base.clock import from_ms, to_ms
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
    Opinion,
    Severity,
    Source,
    StoredClip,
    StoredStill,
    Verdict,
)
from vidsense_daemon.domain.frames import Box
from vidsense_daemon.store import tables
from vidsense_daemon.store.media import MediaFolder

_IDS_A_QUERY = 500  # far below SQLite's limit of 32,766 parameters


def box_to_list(box: Box | None) -> list[float] | None:
    return None if box is None else [box.left, box.top, box.right, box.bottom]


def box_from_list(edges: Sequence[float] | None) -> Box | None:
    return None if edges is None else Box(*edges)


def event_to_row(event: Event, *, stored_at_ms: int) -> dict[str, Any]:
    """All columns of `events`."""
    return {
        "id": event.id,
        "camera": event.camera,
        "trigger": event.trigger,
        "prompt": event.prompt,
        "severity": event.severity.value,
        "source": event.source.value,
        "state": event.state.value,
        "run_id": event.run_id,
        "encoder": event.encoder,
        "started_at_ms": to_ms(event.started_at),
        "first_box": box_to_list(event.first_box),
        "explanation": event.explanation,
        "nearest_at_ms": None if event.nearest_at is None else to_ms(event.nearest_at),
        "started_pts_s": event.started_pts_s,
        **progress_to_row(event, stored_at_ms=stored_at_ms),
    }


def progress_to_row(event: Event, *, stored_at_ms: int) -> dict[str, Any]:
    """The columns of `events` that move while the event goes on."""
    return {
        "ended_at_ms": to_ms(event.ended_at),
        "ended_pts_s": event.ended_pts_s,
        "score": event.score,
        "last_box": box_to_list(event.last_box),
        "zones": list(event.zones),
        "labels": list(event.labels),
        "stored_at_ms": stored_at_ms,
    }


def event_from_row(row: Row[Any]) -> Event:
    return Event(
        id=row.id,
        camera=row.camera,
        trigger=row.trigger,
        prompt=row.prompt,
        severity=Severity(row.severity),
        source=Source(row.source),
        state=EventState(row.state),
        run_id=row.run_id,
        encoder=row.encoder,
        started_at=from_ms(row.started_at_ms),
        ended_at=from_ms(row.ended_at_ms),
        started_pts_s=row.started_pts_s,
        ended_pts_s=row.ended_pts_s,
        score=row.score,
        first_box=box_from_list(row.first_box),
        last_box=box_from_list(row.last_box),
        zones=tuple(row.zones),
        labels=tuple(row.labels),
        explanation=row.explanation,
        nearest_at=None if row.nearest_at_ms is None else from_ms(row.nearest_at_ms),
    )


def description_from_row(row: Row[Any]) -> Description:
    return Description(
        backend=row.backend,
        model=row.model,
        status=DescriptionStatus(row.status),
        summary=row.summary,
        answers=tuple(Answer(question, answer) for question, answer in row.answers),
        details=row.details,
        error=row.error,
        duration_s=row.duration_s,
    )


def opinion_from_row(row: Row[Any]) -> Opinion:
    return Opinion(Verdict(row.verdict), row.note, from_ms(row.given_at_ms), row.given_by)


def delivery_from_row(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        event_id=row.event_id,
        hook=row.hook,
        phase=DeliveryPhase(row.phase),
        status=DeliveryStatus(row.status),
        attempts=row.attempts,
        created_at=from_ms(row.created_at_ms),
        next_attempt_at=from_ms(row.next_attempt_at_ms),
        last_error=row.last_error,
    )


def has_event(connection: Connection, event_id: str) -> bool:
    """Whether there is such an event."""
    c = tables.events.c.id
    return connection.execute(select(c).where(c == event_id)).first() is not None


def load_records(connection: Connection, ids: Sequence[str], media: MediaFolder) -> list[EventRecord]:
    """The events of these ids with all that is stored about them, in the order asked for; unknown ids are left out."""
    records: list[EventRecord] = []
    for start in range(0, len(ids), _IDS_A_QUERY):
        records += _load_few(connection, ids[start : start + _IDS_A_QUERY], media)
    return records


def load_deliveries(
    connection: Connection, wanted: Select[Any], media: MediaFolder
) -> list[tuple[Delivery, EventRecord]]:
    """The rows of `deliveries` that ``wanted`` selects, in its order, each with its event."""
    deliveries = [delivery_from_row(row) for row in connection.execute(wanted)]
    ids = list({delivery.event_id: None for delivery in deliveries})
    records = {record.event.id: record for record in load_records(connection, ids, media)}
    return [(delivery, records[delivery.event_id]) for delivery in deliveries]


def _load_few(connection: Connection, ids: Sequence[str], media: MediaFolder) -> list[EventRecord]:
    events = {row.id: event_from_row(row) for row in _rows_of(connection, tables.events, "id", ids)}
    descriptions = {
        row.event_id: description_from_row(row) for row in _rows_of(connection, tables.descriptions, "event_id", ids)
    }
    acknowledged = {
        row.event_id: from_ms(row.acknowledged_at_ms)
        for row in _rows_of(connection, tables.acknowledgements, "event_id", ids)
    }
    opinions = {row.event_id: opinion_from_row(row) for row in _rows_of(connection, tables.feedback, "event_id", ids)}
    clips = {row.event_id: _clip_from_row(row, media) for row in _rows_of(connection, tables.clips, "event_id", ids)}
    stills: defaultdict[str, list[StoredStill]] = defaultdict(list)
    for row in sorted(_rows_of(connection, tables.stills, "event_id", ids), key=lambda row: row.captured_at_ms):
        stills[row.event_id].append(_still_from_row(row, media))
    return [
        EventRecord(
            events[id_],
            tuple(stills[id_]),
            descriptions.get(id_),
            acknowledged.get(id_),
            opinions.get(id_),
            clips.get(id_),
        )
        for id_ in ids
        if id_ in events
    ]


def _rows_of(connection: Connection, table: Any, key: str, ids: Sequence[str]) -> Iterable[Row[Any]]:
    return connection.execute(select(table).where(table.c[key].in_(ids))).all()


def _clip_from_row(row: Row[Any], media: MediaFolder) -> StoredClip:
    return StoredClip(str(media.path(row.path)), from_ms(row.started_at_ms), row.duration_s)


def _still_from_row(row: Row[Any], media: MediaFolder) -> StoredStill:
    return StoredStill(
        path=str(media.path(row.path)),
        role=row.role,
        captured_at=from_ms(row.captured_at_ms),
        width_px=row.width_px,
        height_px=row.height_px,
        box=box_from_list(row.box),
        score=row.score,
    )
