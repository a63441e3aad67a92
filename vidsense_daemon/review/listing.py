"""Pages of events, narrowed to what somebody wants to see.

Labels are many words of an event and stand in no index: a request looks at `_MOST_LOOKED_AT` events at most, since a
rare one in a million events must not hold a thread. The cursor then says how far the look went, and the next page goes
on from there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.events import EventRecord, Severity, Source, Verdict
from vidsense_daemon.review.ports import Archive, Feedback, Opinion, Pins

_MOST_LOOKED_AT = 10_000
CURSOR_PATTERN = r"^\d{1,15}:[A-Za-z0-9_-]{1,64}$"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is narrowed to; none means all."""

    camera: str | None = None
    trigger: str | None = None
    label: str | None = None
    severity: Severity | None = None
    source: Source | None = None
    reviewed: bool | None = None
    pinned: bool | None = None
    verdict: Verdict | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What people have done with an event."""

    reviewed: bool
    pinned: bool = False
    verdict: str | None = None  # good or bad
    note: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """An event with what people have done with it."""

    record: EventRecord
    marks: Marks


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first."""

    items: tuple[Listed, ...]
    next_cursor: str | None  # where the next page begins; none at the end


class Listing:
    """Reads pages; thread-safe."""

    def __init__(self, *, archive: Archive, pins: Pins | None = None, feedback: Feedback | None = None) -> None:
        self._archive = archive
        self._pins = pins
        self._feedback = feedback

    def page(self, wanted: Wanted, *, limit: int, cursor: str | None = None) -> Page:
        """At most ``limit`` events after ``cursor``; fewer, with a cursor, when the look was cut short."""
        last = None if wanted.label is None else self._end_of_look(wanted, cursor)
        records = self._find(wanted, limit=limit + 1, cursor=cursor, last=last)
        if len(records) > limit:
            return Page(tuple(self.of(records[:limit])), cursor_of(records[limit - 1]))
        return Page(tuple(self.of(records)), last)

    def of(self, records: list[EventRecord]) -> list[Listed]:
        """These with their marks."""
        ids = [record.event.id for record in records]
        pinned = self._pins.pinned(ids) if self._pins and ids else ()
        opinions = self._feedback.given(ids) if self._feedback and ids else {}
        return [Listed(record, _marks(record, pinned, opinions.get(record.event.id))) for record in records]

    def fits(self, wanted: Wanted, listed: Listed) -> bool:
        """Whether a list that is narrowed like this shows the event."""
        event = listed.record.event
        return (
            wanted.camera in (None, event.camera)
            and wanted.trigger in (None, event.trigger)
            and wanted.source in (None, event.source)
            and wanted.severity in (None, event.severity)
            and wanted.reviewed in (None, listed.marks.reviewed)
            and wanted.pinned in (None, listed.marks.pinned)
            and wanted.verdict in (None, listed.marks.verdict)
            and (wanted.since is None or wanted.since <= event.started_at)
            and (wanted.until is None or event.started_at < wanted.until)
            and _has_label(wanted.label, listed)
        )

    def _end_of_look(self, wanted: Wanted, cursor: str | None) -> str | None:
        """The cursor of the last event that one request looks at; none when no more are left.

        Counted are all events of the time, since passing by those that do not fit takes time as well.
        """
        skip = _MOST_LOOKED_AT - 1
        found = self._archive.find(since=wanted.since, until=wanted.until, limit=1, skip=skip, cursor=cursor)
        return cursor_of(found[0]) if found else None

    def _find(self, wanted: Wanted, *, limit: int, cursor: str | None, last: str | None) -> list[EventRecord]:
        return self._archive.find(
            camera=wanted.camera,
            trigger=wanted.trigger,
            source=wanted.source,
            severity=wanted.severity,
            acknowledged=wanted.reviewed,
            pinned=wanted.pinned,
            verdict=wanted.verdict,
            since=wanted.since,
            until=wanted.until,
            label=wanted.label,
            limit=limit,
            cursor=cursor,
            last=last,
        )


def cursor_of(record: EventRecord) -> str:
    """Where `Archive.find` goes on after this record."""
    return f"{to_ms(record.event.started_at)}:{record.event.id}"


def labels_of(record: EventRecord) -> tuple[str, ...]:
    """What it shows: the vocabulary's words, then what the describer says is there and happens; each once."""
    details = record.description.details if record.description else {}
    found: dict[str, None] = dict.fromkeys(record.event.labels)
    for key in ("objects", "actions"):
        values = details.get(key)
        # the details are a model's answer: nothing is certain about their form
        found |= {str(value): None for value in values if value} if isinstance(values, list | tuple) else {}
    return tuple(found)


def _has_label(label: str | None, listed: Listed) -> bool:
    return label is None or label.lower() in " ".join(labels_of(listed.record)).lower()


def _marks(record: EventRecord, pinned: Collection[str], opinion: Opinion | None) -> Marks:
    return Marks(
        reviewed=record.acknowledged_at is not None,
        pinned=record.event.id in pinned,
        verdict=opinion.verdict if opinion else None,
        note=opinion.note if opinion else "",
    )
