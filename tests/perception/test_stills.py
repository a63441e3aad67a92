"""Which stills an event keeps."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from vidsense_daemon.domain.frames import Still
from vidsense_daemon.perception.stills import MOST_STILLS, StillChoice

from .fakes import STARTED_AT


def chosen(scores: list[float]) -> StillChoice:
    choice = StillChoice()
    for second, value in enumerate(scores):
        choice.add(Still(b"", 640, 480, STARTED_AT + timedelta(seconds=second), None), value)
    return choice


def seconds(choice: StillChoice) -> list[tuple[int, str]]:
    return [((kept.still.captured_at - STARTED_AT).seconds, kept.role) for kept in choice.rest()]


def test_an_event_without_stills_keeps_none() -> None:
    """Nothing is made up."""
    assert chosen([]).first is None
    assert chosen([]).rest() == []


def test_a_single_still_is_the_first_only() -> None:
    """The still that was sent with the first alert is not stored twice."""
    choice = chosen([1.0])

    assert choice.first is not None
    assert choice.rest() == []


def test_the_alert_shows_the_best_of_what_opened_the_event() -> None:
    """Not the empty path before somebody came in; that one is kept all the same."""
    stills = [Still(b"", 640, 480, STARTED_AT + timedelta(seconds=second), None) for second in range(3)]
    choice = StillChoice(list(zip(stills, [0.1, 3.0, 2.0], strict=True)))

    assert choice.first is not None
    assert choice.first.still is stills[1]
    assert [kept.still for kept in choice.rest()] == [stills[0], stills[2]]


def test_peak_and_last_are_kept() -> None:
    """The most telling picture, and how it ended."""
    roles = {role: second for second, role in seconds(chosen([1, 2, 9, 3, 4]))}

    assert roles["peak"] == 2
    assert roles["last"] == 4


@given(st.lists(st.floats(0, 10), max_size=400))
def test_however_long_an_event_is_it_keeps_a_handful_each_once_in_order(scores: list[float]) -> None:
    """A party of hours fills neither memory nor disk."""
    choice = chosen(scores)
    rest = choice.rest()
    moments = [kept.still.captured_at for kept in rest]

    assert len(rest) + 1 <= MOST_STILLS
    assert moments == sorted(set(moments))


def test_the_middle_ones_are_spread_over_the_whole_event() -> None:
    """The description sees the beginning, the middle and the end."""
    middle = [second for second, role in seconds(chosen([1.0] * 101)) if role == "middle"]

    assert len(middle) >= 3
    assert min(middle) < 34
    assert max(middle) > 50
