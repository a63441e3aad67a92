"""Describe events that came together as one: one look at all their stills instead of one each. Pure, but for the port.

A visitor sets off several triggers within a minute, a windy night does so for hours. When such events wait side by
side, one description of all of them says more than three that know nothing of each other, at a third of the price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from vidsense_daemon.description.grounding import raised
from vidsense_daemon.description.schema import Threat
from vidsense_daemon.description.shots import PEAK
from vidsense_daemon.domain.events import Description, EventRecord, StoredStill

# events of one camera that begin this close to each other are one story
BURST_S = 60.0
MOST_TOGETHER = 6


class Bursts(Protocol):
    """What the queue of owed descriptions knows beside the port's own `claim`."""

    def claim_beside(self, record: EventRecord, *, within_s: float, limit: int, now: datetime) -> list[EventRecord]:
        """Due events of the same camera that began within ``within_s`` of it, marked running; oldest first."""


def together(records: Sequence[EventRecord]) -> EventRecord:
    """The events as one: from the first start to the last end, with all their stills and what each was taken for.

    The gravest lends its id and its peak.
    """
    if len(records) == 1:
        return records[0]
    lead = max(records, key=lambda record: (record.event.severity.rank, record.event.score))
    events = [record.event for record in sorted(records, key=lambda record: record.event.started_at)]
    event = replace(
        lead.event,
        prompt="; ".join(dict.fromkeys(event.prompt for event in events)),
        started_at=events[0].started_at,
        ended_at=max(event.ended_at for event in events),
        score=max(event.score for event in events),
        first_box=events[0].first_box,
        last_box=events[-1].last_box,
        zones=tuple(dict.fromkeys(zone for event in events for zone in event.zones)),
    )
    return EventRecord(event=event, stills=_stills(records, lead), description=None)


def for_each(description: Description, record: EventRecord, records: Sequence[EventRecord]) -> Description:
    """The common words as ``record``'s own: they raise its own severity, and name the events they are shared with."""
    if len(records) == 1:
        return description
    details = dict(description.details)
    if "threat" in details:
        details["severity"] = raised(record.event.severity, Threat(details["threat"])).value
    others = [other.event.id for other in records if other.event.id != record.event.id]
    return replace(description, details=details | {"described_with": others})


def _stills(records: Sequence[EventRecord], lead: EventRecord) -> tuple[StoredStill, ...]:
    """All stills in their order; between the first and the last, only the lead's peak keeps its role."""
    dear = [still for still in lead.stills if still.role == PEAK]
    alike = {still.path: still for record in records for still in record.stills}
    ordered = sorted(alike.values(), key=lambda still: still.captured_at)
    return tuple(still if still in dear else replace(still, role="middle") for still in ordered)
