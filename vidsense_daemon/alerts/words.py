"""An event in the few words of a notification. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from vidsense_daemon.domain.events import EventRecord


def title(record: EventRecord, others: Sequence[EventRecord] = ()) -> str:
    """One short line: which trigger, which camera, and how often when it is not once."""
    events = [each.event for each in (record, *others)]
    line = f"{_spaced({event.trigger for event in events})} · {_spaced({event.camera for event in events})}"
    return f"{len(events)} × {line}" if others else line


def body(record: EventRecord, others: Sequence[EventRecord] = (), *, time_zone: tzinfo | None = None) -> str:
    """A line an event, oldest first, each with its time of day; ``time_zone`` none is the machine's own."""
    told = sorted((record, *others), key=lambda each: each.event.started_at)
    return "\n".join(
        f"{each.event.started_at.astimezone(time_zone):%H:%M:%S} {each.event.camera}: {each.words}" for each in told
    )


def _spaced(names: set[str]) -> str:
    return ", ".join(sorted(names)).replace("_", " ")
