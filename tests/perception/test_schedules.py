"""Triggers that look only at certain hours."""

from __future__ import annotations

from datetime import UTC, time, timedelta, timezone

from vidsense_daemon.domain.hours import Hours
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import STARTED_AT, Camera, ColourEncoder, RememberingSink

EAST = timezone(timedelta(hours=10))  # noon UTC, when the fake camera begins, is 22:00 there
NIGHT = Hours(time(22), time(6))


def watching(sink: RememberingSink, *, active: tuple[Hours, ...], time_zone: timezone) -> Perceiver:
    return Perceiver(
        encoder=ColourEncoder(),
        sink=sink,
        mailbox=FrameMailbox(),
        triggers={"door": [TriggerRule("visitor", "a person walking", cooldown_s=0, active=active)]},
        time_zone=time_zone,
    )


def test_a_trigger_of_the_night_sees_nobody_by_day() -> None:
    """The same visitor at the same moment: an event where it is ten in the evening, none where it is noon."""
    seen = []
    for zone in (EAST, UTC):
        sink, camera = RememberingSink(), Camera()
        perception = watching(sink, active=(NIGHT,), time_zone=zone)
        perception.process(camera.frames("empty", 10) + camera.frames("person", 20))
        seen.append(len(sink.opened_events))

    assert seen == [1, 0]


def test_the_hours_are_those_of_the_frames() -> None:
    """A recording that is replayed by day makes the events of its night, and an event ends with the hours."""
    sink, camera = RememberingSink(), Camera()
    perception = watching(sink, active=(Hours(time(22), time(22, 1)),), time_zone=EAST)
    perception.process(camera.frames("empty", 10) + camera.frames("person", 400))

    [(event, _)] = sink.closed_events
    assert event.started_at < STARTED_AT + timedelta(seconds=10)
    assert STARTED_AT + timedelta(seconds=59) < event.ended_at < STARTED_AT + timedelta(seconds=60)


def test_a_trigger_may_have_several_parts_of_the_week() -> None:
    """Nights, and all of Saturday and Sunday; 1 January 2030 is a Tuesday."""
    rule = TriggerRule("visitor", "a person", active=(NIGHT, Hours(time(0), time(0), frozenset({5, 6}))))

    days = [rule.is_active(STARTED_AT + timedelta(days=day), UTC) for day in range(7)]

    assert days == [False, False, False, False, True, True, False]
