"""What several benchmarks store: an event at a front door. No benchmark itself."""

from __future__ import annotations

from datetime import datetime

from vidsense_daemon.domain.events import Event, EventState, Severity, Source

_FIRST_ID = 1767225600000


def an_event(number: int, at: datetime, *, score: float, zones: tuple[str, ...] = ()) -> Event:
    """The ``number``-th event, which has just opened."""
    return Event(
        id=f"{_FIRST_ID + number * 1000}-abcdef",
        camera="front_door",
        trigger="person_at_door",
        prompt="a person standing at the front door",
        severity=Severity.ALERT,
        source=Source.LIVE,
        state=EventState.OPEN,
        run_id="run",
        encoder="builtin",
        started_at=at,
        ended_at=at,
        started_pts_s=0.0,
        ended_pts_s=0.0,
        score=score,
        zones=zones,
    )
