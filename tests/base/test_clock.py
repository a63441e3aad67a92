"""Points in time, as the database and JSON keep them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsense_daemon.base.clock import LocalZone, SystemClock, from_ms, to_ms


@given(st.integers(min_value=-(10**12), max_value=10**14))
def test_milliseconds_survive_the_way_there_and_back(at_ms: int) -> None:
    """No event moves by a millisecond because it was stored."""
    assert to_ms(from_ms(at_ms)) == at_ms


def test_the_same_moment_is_the_same_number_in_every_time_zone() -> None:
    """The owner's summer time changes nothing in the database."""
    summer = datetime(2026, 7, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    assert to_ms(summer) == to_ms(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))


def test_a_time_without_a_zone_is_refused() -> None:
    """A point in time that could be anywhere is a defect."""
    with pytest.raises(ValueError, match="time zone"):
        to_ms(datetime(2026, 7, 1))


def test_the_system_clock_stops_waiting_when_asked() -> None:
    """A stop is not held up by a long wait."""
    stopping = threading.Event()
    stopping.set()

    assert SystemClock().wait(stopping, timeout_s=3600) is True
    assert SystemClock().now().tzinfo is UTC


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clocks are put forward and back."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_summer_and_winter_keep_their_own_time() -> None:
    """An event of July stands at the time that the clocks showed in July, whatever they show today."""
    summer, winter = datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC)
    zone = LocalZone()

    assert [f"{moment.astimezone(zone):%H:%M %Z}" for moment in (summer, winter)] == ["14:00 CEST", "13:00 CET"]
    assert to_ms(datetime(2026, 7, 1, 14, tzinfo=zone)) == to_ms(summer)


@pytest.mark.usefixtures("berlin")
def test_the_hour_that_comes_twice_is_two_hours() -> None:
    """When the clocks are put back, 02:30 comes twice; each finds its way back to its own moment."""
    for utc_hour in (0, 1):
        moment = datetime(2026, 10, 25, utc_hour, 30, tzinfo=UTC)
        local = moment.astimezone(LocalZone())

        assert (local.hour, local.minute) == (2, 30)
        assert to_ms(local) == to_ms(moment)
