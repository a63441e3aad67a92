"""What commands share: points in time on the command line."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta

import pytest

from vidsense_daemon.cli.context import count, day, moment, positive, said


@pytest.mark.parametrize(("text", "span"), [("90m", timedelta(minutes=90)), ("2w", timedelta(weeks=2))])
def test_a_span_means_so_long_ago(text: str, span: timedelta) -> None:
    """`--since 90m` is the last hour and a half."""
    before = datetime.now(UTC)

    at = moment(text)

    assert before - span <= at <= datetime.now(UTC) - span


def test_a_date_and_time_is_local_unless_it_says_otherwise() -> None:
    """As a person writes it down, or as a program does."""
    assert moment("2026-11-22T18:00") == datetime(2026, 11, 22, 18).astimezone(UTC)
    assert moment("2026-11-22T18:00+02:00") == datetime(2026, 11, 22, 16, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "d", "-5m", "99999999999d", "800000d", "0001-01-01", "9999-12-31"])
def test_what_is_no_time_is_the_callers_mistake(text: str) -> None:
    """A typing error gets a line of advice, however far away it points."""
    with pytest.raises(argparse.ArgumentTypeError, match="is no time"):
        moment(text)


def test_a_day_is_one_of_the_calendar() -> None:
    """`digest --day`: a typing error is told in plain words."""
    assert day("2026-11-22") == date(2026, 11, 22)
    with pytest.raises(argparse.ArgumentTypeError, match="'2026-99-99' is no day: write it like"):
        day("2026-99-99")


def test_a_count_is_a_whole_number() -> None:
    """`--limit 20`, and none at all."""
    assert (count("20"), count("0")) == (20, 0)


@pytest.mark.parametrize("text", ["-1", "many", "", "1.5", "99999999999999999999"])
def test_what_is_no_count_is_the_callers_mistake(text: str) -> None:
    """Neither a negative number nor one that no database can hold reaches the database."""
    with pytest.raises(argparse.ArgumentTypeError, match="whole number from 0"):
        count(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_span_in_seconds_is_above_zero(text: str) -> None:
    """Nobody watches a camera for ever, or for minus one second."""
    with pytest.raises(argparse.ArgumentTypeError, match="no number above 0"):
        positive(text)


def test_a_question_has_a_word() -> None:
    """An empty one would find everything."""
    assert said("white van") == "white van"
    with pytest.raises(argparse.ArgumentTypeError, match="no word"):
        said("  ")
