"""A day as a picture: one row a camera, one mark an event. Pure.

Positions are in minutes of the day, which the SVG takes as its units: a page may carry no inline style.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vidsense_daemon.domain.events import Event, Severity

DAY_MINUTES = 24 * 60
_NARROWEST_MINUTES = 8.0  # on a phone that is two pixels: less would not be seen


@dataclass(frozen=True, slots=True)
class Mark:
    """One event on the line."""

    event_id: str
    trigger: str
    severity: Severity
    started_at: datetime
    left: float  # minutes
    width: float  # minutes


@dataclass(frozen=True, slots=True)
class Row:
    """One camera's day."""

    camera: str
    marks: tuple[Mark, ...]


def rows_of(events: Iterable[Event], *, cameras: Sequence[str], midnight: datetime) -> list[Row]:
    """A row for each camera that is configured or has events on the day that begins at ``midnight``."""
    marks: dict[str, list[Mark]] = {camera: [] for camera in cameras}
    for event in events:
        marks.setdefault(event.camera, []).append(_mark(event, midnight))
    return [Row(camera, tuple(sorted(found, key=lambda mark: mark.left))) for camera, found in marks.items()]


def _mark(event: Event, midnight: datetime) -> Mark:
    # by the clock on the wall: on the day that has 23 hours, noon still stands in the middle
    began = event.started_at.astimezone(midnight.tzinfo).replace(tzinfo=None) - midnight.replace(tzinfo=None)
    left = min(max(0.0, _minutes(began)), DAY_MINUTES - _NARROWEST_MINUTES)
    width = max(_NARROWEST_MINUTES, _minutes(event.ended_at - event.started_at))
    return Mark(
        event.id,
        event.trigger,
        event.severity,
        event.started_at,
        round(left, 1),
        round(min(width, DAY_MINUTES - left), 1),
    )


def _minutes(length: timedelta) -> float:
    return length.total_seconds() / 60
