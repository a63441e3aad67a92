"""A day in a few lines: how much each camera saw, and what mattered; `vidsense digest` and the daily message.

The counts are always there, since they are counted; a model's two or three sentences may stand above them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, tzinfo

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.description.describers.server import ModelServer
from vidsense_daemon.description.telling import (
    Cited,
    FindEvents,
    Told,
    Writer,
    counted,
    gravest_first,
    line,
    listed,
    named,
    written_or,
)
from vidsense_daemon.description.times import day_span
from vidsense_daemon.domain.events import EventRecord

# a day with more is a day of false alarms: its digest says that there were more, and how many were counted
_MOST_EVENTS = 2000
_MOST_OF_NOTE = 8
_MOST_SHOWN = 30
_TIMEOUT_S = 300.0


class Digests:
    """Sums up days; may be called from any thread, blocks as long as a model takes."""

    def __init__(
        self,
        *,
        find: FindEvents,
        zone: tzinfo,
        server: ModelServer | None = None,
        timeout_s: float = _TIMEOUT_S,
        clock: Clock | None = None,
    ) -> None:
        self._find = find
        self._zone = zone
        self._writer = Writer(server, zone=zone, timeout_s=timeout_s) if server else None
        self._clock = clock or SystemClock()

    def of_day(self, day: date) -> Told:
        """The day as the owner's clock has it; a day without events is a message too."""
        since, until = day_span(day, self._zone)
        records = self._find(since=since, until=until, limit=_MOST_EVENTS)
        so_far = " so far" if until > self._clock.now() else ""
        if not records:
            return Told(text=f"{day:%A %Y-%m-%d}: nothing was seen{so_far}.")
        most = " (more were not counted)" if len(records) == _MOST_EVENTS else ""
        counts = f"{day:%A %Y-%m-%d}: {counted(records)}{so_far}{most}.\n{self._by_camera(records)}"
        of_note = gravest_first(records)
        request = (
            "Sum up this day for the owner in two or three plain sentences: what mattered first, then what was usual. "
            '"events" are the numbers of the events that you speak of.'
        )
        return written_or(
            self._writer,
            of_note[:_MOST_SHOWN],
            request,
            tell=lambda cited: self._told(cited, counts),
            otherwise=f"{counts}\n{listed(of_note[:_MOST_OF_NOTE], self._zone, with_day=False)}",
        )

    def _by_camera(self, records: Sequence[EventRecord]) -> str:
        cameras = sorted({record.event.camera for record in records})
        return "\n".join(
            self._of_camera([record for record in records if record.event.camera == camera]) for camera in cameras
        )

    def _of_camera(self, records: Sequence[EventRecord]) -> str:
        """`front_door: 9 (7 person_at_door, 2 parcel), 07:12 to 21:40`."""
        triggers = Counter(record.event.trigger for record in records).most_common()
        counts = ", ".join(f"{count} {named(trigger)}" for trigger, count in triggers)
        times = sorted(record.event.started_at.astimezone(self._zone) for record in records)
        when = f"{times[0]:%H:%M}" if len(times) == 1 else f"{times[0]:%H:%M} to {times[-1]:%H:%M}"
        return f"{named(records[0].event.camera)}: {len(records)} ({counts}), {when}"

    def _told(self, cited: Cited, counts: str) -> str:
        lines = "\n".join(f"- {line(record, self._zone, with_day=False)}" for record in cited.records)
        return "\n".join(part for part in (cited.text, counts, lines) if part)
