"""A day as a picture."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from store import scenes

from vidsense_daemon.domain.events import Event
from vidsense_daemon.review.timeline import DAY_MINUTES, rows_of

MIDNIGHT = scenes.NOON - timedelta(hours=12)


def event(*, hours: float, lasts_s: float = 4, camera: str = "yard") -> Event:
    return scenes.event(camera=camera, started_at=MIDNIGHT + timedelta(hours=hours), lasts_s=lasts_s)


def test_an_event_stands_where_it_happened() -> None:
    """Noon is in the middle; an hour is a twenty-fourth of the line."""
    (row,) = rows_of([event(hours=12, lasts_s=3600)], cameras=["yard"], midnight=MIDNIGHT)

    assert (row.marks[0].left, row.marks[0].width) == (DAY_MINUTES / 2, 60)


@pytest.mark.parametrize("hours", [-0.5, 0, 23.999, 24.5])
def test_no_mark_leaves_the_line_or_is_too_thin_to_see(hours: float) -> None:
    """An event over midnight, or a second long, is drawn within the day."""
    (row,) = rows_of([event(hours=hours)], cameras=["yard"], midnight=MIDNIGHT)
    (mark,) = row.marks

    assert 0 <= mark.left < mark.left + mark.width <= DAY_MINUTES
    assert mark.width >= 1


def test_a_quiet_camera_and_a_removed_one_have_their_rows() -> None:
    """Configured cameras are there without events, events are there without their camera."""
    rows = rows_of([event(hours=1, camera="attic")], cameras=["yard"], midnight=MIDNIGHT)

    assert [(row.camera, len(row.marks)) for row in rows] == [("yard", 0), ("attic", 1)]


def test_noon_stands_in_the_middle_on_the_day_that_the_clocks_change() -> None:
    """The line's hours are those of the clock on the wall: a day of 23 hours moves no mark."""
    berlin = ZoneInfo("Europe/Berlin")
    midnight, noon = datetime(2026, 3, 29, tzinfo=berlin), datetime(2026, 3, 29, 12, tzinfo=berlin)
    (row,) = rows_of([scenes.event(started_at=noon.astimezone(UTC))], cameras=[], midnight=midnight)

    assert row.marks[0].left == DAY_MINUTES / 2
