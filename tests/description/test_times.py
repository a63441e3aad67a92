"""The time that a question speaks of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsense_daemon.description.times import day_span, span_in

# a Sunday, at 16:30
NOW = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)


def local(question: str, now: datetime = NOW) -> tuple[str, str] | None:
    span = span_in(question, now=now, zone=UTC)
    return None if span is None else (f"{span.since:%a %m-%d %H:%M}", f"{span.until:%a %m-%d %H:%M}")


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("did anyone come to the door this afternoon?", "Sun 11-22 12:00", "Sun 11-22 16:30"),
        ("who was there today", "Sun 11-22 00:00", "Sun 11-22 16:30"),
        ("any cars yesterday?", "Sat 11-21 00:00", "Sun 11-22 00:00"),
        ("any cars yesterday evening?", "Sat 11-21 18:00", "Sat 11-21 23:00"),
        ("what happened last night", "Sat 11-21 18:00", "Sun 11-22 06:00"),
        ("what happened on Friday at night", "Fri 11-20 22:00", "Sat 11-21 06:00"),
        ("a parcel in the last 20 minutes?", "Sun 11-22 16:10", "Sun 11-22 16:30"),
        ("a parcel in the past hour?", "Sun 11-22 15:30", "Sun 11-22 16:30"),
        ("a parcel in the last couple of days?", "Fri 11-20 16:30", "Sun 11-22 16:30"),
        ("a parcel on monday?", "Mon 11-16 00:00", "Tue 11-17 00:00"),
        ("a parcel on sunday?", "Sun 11-22 00:00", "Sun 11-22 16:30"),
        ("a parcel last sunday?", "Sun 11-15 00:00", "Mon 11-16 00:00"),
        ("a parcel on 2026-11-20?", "Fri 11-20 00:00", "Sat 11-21 00:00"),
        ("a parcel on the 3rd of November?", "Tue 11-03 00:00", "Wed 11-04 00:00"),
        ("a parcel on November 3?", "Tue 11-03 00:00", "Wed 11-04 00:00"),
        ("a parcel this week?", "Mon 11-16 00:00", "Sun 11-22 16:30"),
        ("a parcel last week?", "Mon 11-09 00:00", "Mon 11-16 00:00"),
        ("a parcel last weekend?", "Sat 11-14 00:00", "Mon 11-16 00:00"),
        ("a parcel at 3 pm?", "Sun 11-22 14:30", "Sun 11-22 15:30"),
        ("a parcel at 5 pm?", "Sat 11-21 16:30", "Sat 11-21 17:30"),
        ("a parcel around 14:15?", "Sun 11-22 13:45", "Sun 11-22 14:45"),
        ("a parcel between 2 and 4 pm?", "Sun 11-22 14:00", "Sun 11-22 16:00"),
        ("a parcel from 9:30 to noon on friday?", "Fri 11-20 09:30", "Fri 11-20 12:00"),
        ("anybody between 10 pm and 2 am on friday?", "Fri 11-20 22:00", "Sat 11-21 02:00"),
        ("a parcel since 8 today?", "Sun 11-22 08:00", "Sun 11-22 16:30"),
        ("a parcel before noon?", "Sun 11-22 00:00", "Sun 11-22 12:00"),
        ("a parcel after 12:30 am yesterday?", "Sat 11-21 00:30", "Sun 11-22 00:00"),
    ],
)
def test_people_say_times_in_many_ways(question: str, since: str, until: str) -> None:
    """What a person means by a time is what is looked through, and never what is still to come."""
    assert local(question) == (since, until)


@pytest.mark.parametrize(
    "question",
    [
        "did anyone come to the door?",
        "a white van at night",
        "about 10 people with dogs",
        "the man before the door",
        "a parcel tonight?",
    ],
)
def test_a_question_without_a_time_has_none(question: str) -> None:
    """Words that only look like a time, and times still to come, limit nothing."""
    assert local(question, NOW.replace(hour=11)) is None


def test_the_words_that_named_the_time_are_not_searched_for() -> None:
    """Nobody has a description that says "this afternoon"."""
    span = span_in("Did anyone come to the door this afternoon?", now=NOW, zone=UTC)

    assert span is not None
    assert span.rest == "did anyone come to the door ?"


def test_a_time_is_told_back_in_words() -> None:
    """The answer says which hours it looked at."""
    today = span_in("today", now=NOW, zone=UTC)
    night = span_in("last night", now=NOW, zone=UTC)

    assert today is not None
    assert night is not None
    assert today.spoken(UTC) == "Sunday 2026-11-22, 00:00 to 16:30"
    assert night.spoken(UTC) == "Saturday 2026-11-21 18:00 to Sunday 2026-11-22 06:00"


def test_days_follow_the_owners_clock() -> None:
    """On the day when the clocks go back, a day has 25 hours."""
    since, until = day_span(date(2026, 10, 25), ZoneInfo("Europe/Berlin"))

    assert until.astimezone(UTC) - since.astimezone(UTC) == timedelta(hours=25)


def test_a_day_that_does_not_exist_is_no_day() -> None:
    """A 31st of June is searched for as words, and breaks nothing."""
    assert local("on the 31st of june?") is None


WORDS = st.sampled_from(
    (
        *("last", "past", "this", "between", "and", "to", "pm", "at", "5", "12:30", "25", "2026-02-30", "noon"),
        *("monday", "night", "week", "days", "3", "may", "since", "31", "june"),
    )
)


@settings(deadline=None)  # a busy machine is no defect
@given(st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=40))
def test_no_question_is_too_strange(question: str) -> None:
    """Whatever is asked: a time in the past, or none."""
    span = span_in(question, now=NOW, zone=ZoneInfo("Europe/Berlin"))

    assert span is None or span.since < NOW
    assert span is None or span.until <= NOW
