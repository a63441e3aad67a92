"""Who is told of which event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest

from vidsense_daemon.alerts.filters import Audience, Filter, Switches
from vidsense_daemon.domain.events import DeliveryPhase, Event, Severity
from vidsense_daemon.domain.hours import Hours

from .fakes import MovedClock, record

OPENED, CLOSED, DESCRIBED = DeliveryPhase.OPENED, DeliveryPhase.CLOSED, DeliveryPhase.DESCRIBED


def event(**changes: Any) -> Event:
    """A person at the front door's steps on Monday 2026-05-04, 17:42:03 UTC; severity alert."""
    return replace(record().event, **changes)


def wants(wish: Filter, phase: DeliveryPhase = OPENED, **changes: Any) -> bool:
    return wish.wants(event(**changes), phase, UTC)


def at(hour: int, minute: int = 0, *, day: int = 4) -> datetime:
    """A moment in May 2026; the 4th is a Monday."""
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)


def test_a_hook_without_wishes_gets_every_event_when_it_begins_and_when_it_is_described() -> None:
    """Most people write no filter, and want both messages but not the bare end."""
    assert wants(Filter(), OPENED)
    assert wants(Filter(), DESCRIBED)
    assert not wants(Filter(), CLOSED)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Filter(cameras=frozenset({"front_door"})), True),
        (Filter(cameras=frozenset({"garden"})), False),
        (Filter(triggers=frozenset({"person_at_door"})), True),
        (Filter(triggers=frozenset({"parcel"})), False),
        (Filter(zones=frozenset({"steps", "street"})), True),
        (Filter(zones=frozenset({"street"})), False),
        (Filter(phases=frozenset({DESCRIBED})), False),
        (Filter(cameras=frozenset({"front_door"}), triggers=frozenset({"parcel"})), False),
    ],
)
def test_all_wishes_must_be_met(wish: Filter, expected: bool) -> None:
    """Camera, trigger, zone and phase narrow the messages down together."""
    assert wants(wish) is expected


@pytest.mark.parametrize("severity", list(Severity))
def test_severity_is_a_lower_bound(severity: Severity) -> None:
    """From warning on means warnings and alerts."""
    wish = Filter(min_severity=Severity.WARNING)

    assert wants(wish, severity=severity) is (severity is not Severity.INFO)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [(at(21, 59), False), (at(22), True), (at(23, 59), True), (at(0), True), (at(6, 59), True), (at(7), False)],
)
def test_hours_may_run_over_midnight(moment: datetime, expected: bool) -> None:
    """From ten in the evening to seven in the morning is one stretch."""
    assert wants(Filter(hours=(Hours(time(22), time(7)),)), started_at=moment) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [(at(23, day=8), True), (at(3, day=9), True), (at(23, day=9), False), (at(3, day=8), False)],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment: datetime, expected: bool) -> None:
    """Friday's night ends on Saturday morning."""
    friday = Filter(hours=(Hours(time(22), time(7), weekdays=frozenset({4})),))

    assert wants(friday, started_at=moment) is expected


def test_equal_ends_mean_the_whole_day() -> None:
    """00:00 to 00:00 on Monday is all Monday, up to Tuesday's midnight."""
    monday = Filter(hours=(Hours(time(0), time(0), weekdays=frozenset({0})),))

    assert wants(monday, started_at=at(0))
    assert wants(monday, started_at=at(23, 59))
    assert not wants(monday, started_at=at(12, day=5))


def test_hours_are_the_operators_own() -> None:
    """Ten in the evening is meant as the clock on the wall shows it."""
    wish = Filter(hours=(Hours(time(22), time(23)),))
    east = timezone(timedelta(hours=5))

    assert wish.wants(event(started_at=at(17, 30)), OPENED, east)
    assert not wish.wants(event(started_at=at(17, 30)), OPENED, UTC)


def test_quiet_hours_let_only_the_gravest_through() -> None:
    """At night the phone rings for the burglar and not for the cat."""
    wish = Filter(quiet_hours=(Hours(time(22), time(7)),))

    assert wants(wish, started_at=at(23), severity=Severity.ALERT)
    assert not wants(wish, started_at=at(23), severity=Severity.WARNING)
    assert wants(wish, started_at=at(12), severity=Severity.INFO)


def test_every_phase_of_an_event_gets_the_same_answer() -> None:
    """An event that began before the quiet hours gets its description although they have come."""
    wish = Filter(quiet_hours=(Hours(time(22), time(7)),))
    late = event(started_at=at(21, 59), ended_at=at(22, 5), severity=Severity.INFO)

    assert wish.wants(late, OPENED, UTC)
    assert wish.wants(late, DESCRIBED, UTC)


def test_the_audience_is_named_in_the_order_of_the_configuration() -> None:
    """The first hook of the configuration is told first."""
    filters = {"siren": Filter(), "phone": Filter(cameras=frozenset({"garden"})), "home": Filter()}

    assert Audience(filters=filters, switches=Switches()).hooks_for(event(), OPENED) == ("siren", "home")


def test_a_snooze_silences_people_but_not_states() -> None:
    """While alerts are suspended the dashboard still shows what goes on."""
    clock = MovedClock()
    switches = Switches(clock)
    audience = Audience(filters={"phone": Filter(), "home": Filter()}, switches=switches, silent_when_snoozed=["phone"])
    switches.snooze("front_door", 10)

    assert audience.hooks_for(event(), OPENED) == ("home",)
    assert audience.hooks_for(event(camera="garden"), OPENED) == ("phone", "home")
    clock.move(10 * 60)
    assert audience.hooks_for(event(), OPENED) == ("phone", "home")


def test_a_snooze_can_be_ended_early() -> None:
    """Zero minutes is now."""
    switches = Switches(MovedClock())
    switches.snooze("front_door", 10)
    switches.snooze("front_door", 0)

    assert switches.snoozed_s("front_door") == 0


def test_a_trigger_is_off_on_one_camera_only() -> None:
    """Switching "person" off in the garden leaves it on at the door."""
    switches = Switches(MovedClock())
    switches.set_trigger("garden", "person", enabled=False)

    assert not switches.is_enabled("garden", "person")
    assert switches.is_enabled("front_door", "person")
    switches.set_trigger("garden", "person", enabled=True)
    assert switches.is_enabled("garden", "person")
