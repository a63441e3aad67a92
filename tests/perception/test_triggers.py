"""From evidence to events: what opens one, what keeps it open, what ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsense_daemon.perception.triggers import (
    Closed,
    CloseReason,
    Decision,
    Evidence,
    Opened,
    TriggerRule,
    TriggerState,
)

from .fakes import STARTED_AT

RULE = TriggerRule("visitor", "a person", cooldown_s=5, looks_needed=2, looks_considered=3, gap_s=3, max_event_s=60)


def look(at_s: float, *, holds: bool = True, moving: bool = True, presence: float = 2.0) -> Evidence:
    return Evidence(at=STARTED_AT + timedelta(seconds=at_s), presence=presence, holds=holds, moving=moving)


def decided(looks: list[Evidence], rule: TriggerRule = RULE) -> list[tuple[float, str]]:
    """When an event opened and closed, in seconds."""
    state = TriggerState(rule)
    answers = [(look.at, state.observe(look)) for look in looks]
    return [((at - STARTED_AT).total_seconds(), name) for at, answer in answers if (name := word(answer))]


def word(decision: Decision | None) -> str | None:
    match decision:
        case Opened():
            return "opened"
        case Closed(reason):
            return str(reason)
        case _:
            return None


def steps(pattern: str, step_s: float = 0.2, start_s: float = 0.0) -> list[Evidence]:
    """One look a letter: x holds, s holds but stands still, . doesn't hold."""
    return [
        look(start_s + number * step_s, holds=letter in "xs", moving=letter != "s")
        for number, letter in enumerate(pattern)
    ]


def test_one_look_opens_nothing() -> None:
    """A single odd frame is no event."""
    assert decided(steps("..x.....x....")) == []


def test_two_looks_of_three_open_an_event() -> None:
    """A visitor is seen within a few frames, even when one look fails."""
    assert decided(steps("..x.x")) == [(0.8, "opened")]


def test_an_event_starts_with_its_first_look() -> None:
    """The start is when it was seen, not when it was believed."""
    state = TriggerState(RULE)
    answers = [state.observe(look) for look in steps("..x.x")]
    opened = answers[-1]

    assert isinstance(opened, Opened)
    assert opened.first.at == STARTED_AT + timedelta(seconds=0.4)


def test_an_event_ends_when_nothing_held_for_a_while() -> None:
    """Who has gone for three seconds has gone."""
    assert decided(steps("xx" + "." * 20)) == [(0.2, "opened"), (pytest.approx(3.4), "gone")]


def test_two_sightings_close_together_are_one_event() -> None:
    """Someone behind a tree for two seconds doesn't ring twice."""
    assert decided(steps("xx" + "." * 10 + "xx")) == [(0.2, "opened")]


def test_what_only_stands_there_opens_nothing() -> None:
    """A parked car that was there at the start of the daemon is no event."""
    assert decided(steps("s" * 30)) == []


def test_what_stands_still_keeps_its_event_open() -> None:
    """A visitor who waits at the door is one event."""
    assert decided(steps("xx" + "s" * 40)) == [(0.2, "opened")]


def test_looks_far_apart_do_not_support_each_other() -> None:
    """A calm camera's two odd frames within ten minutes are no event."""
    assert decided([look(0), look(300)]) == []


def test_nothing_opens_during_the_cooldown() -> None:
    """Five seconds after an event the next one may open, not before."""
    looks = [*steps("xx" + "." * 16), *steps("x" * 20, start_s=3.6)]

    assert decided(looks) == [(0.2, "opened"), (pytest.approx(3.4), "gone"), (pytest.approx(5.4), "opened")]


def test_an_endless_event_is_cut() -> None:
    """A party in the garden is told in chapters."""
    rule = replace(RULE, max_event_s=10, cooldown_s=5)

    assert decided(steps("x" * 100), rule) == [
        (0.2, "opened"),
        (pytest.approx(10.0), "too_long"),
        (pytest.approx(15.0), "opened"),
    ]


def test_a_minimum_length_keeps_short_sightings_out() -> None:
    """A trigger for loiterers ignores who only passes."""
    rule = replace(RULE, min_event_s=2)

    assert decided(steps("x" * 10), rule) == []
    assert decided(steps("x" * 11), rule) == [(2.0, "opened")]


def test_the_end_of_the_run_ends_the_event() -> None:
    """When the stream breaks off, nobody knows what goes on: the event ends there, and its description is made."""
    state = TriggerState(RULE)
    for evidence in steps("xxx"):
        state.observe(evidence)

    assert state.end_run() == Closed(CloseReason.RUN_ENDED)
    assert state.end_run() is None


def test_looks_before_and_after_a_break_do_not_add_up() -> None:
    """Half an evidence before a break and half after it are none."""
    state = TriggerState(RULE)
    state.observe(look(0))
    state.end_run()

    assert state.observe(look(0.2)) is None


def test_the_cooldown_survives_a_break() -> None:
    """A stream that breaks off every second doesn't ring every second."""
    state = TriggerState(RULE)
    for evidence in steps("xx"):
        state.observe(evidence)
    state.end_run()

    assert [state.observe(look) for look in steps("xxxx", start_s=1)] == [None] * 4


def test_a_clock_that_is_set_back_ends_the_cooldown() -> None:
    """Nothing may be missed for an hour because the event before seems to lie ahead."""
    state = TriggerState(RULE)
    for evidence in steps("xxx"):
        state.observe(evidence)
    state.end_run()

    assert any(isinstance(state.observe(evidence), Opened) for evidence in steps("xxx", start_s=-3600))


@given(st.lists(st.tuples(st.sampled_from("xs."), st.floats(0.05, 20)), max_size=200))
def test_events_never_overlap_and_always_pause(pattern: list[tuple[str, float]]) -> None:
    """Whatever a camera sends, events of a trigger open and close in turn, with the cooldown between them."""
    state, at_s = TriggerState(RULE), 0.0
    turns: list[str] = []
    ended_at = None
    for letter, step_s in pattern:
        at_s += step_s
        evidence = look(at_s, holds=letter in "xs", moving=letter == "x")
        answer = state.observe(evidence)
        if isinstance(answer, Opened):
            assert ended_at is None or evidence.at - ended_at >= timedelta(seconds=RULE.cooldown_s)
            assert evidence.holds
        if name := word(answer):
            turns.append("opened" if name == "opened" else "closed")
        if state.active and evidence.holds:
            ended_at = evidence.at

    assert turns == ["opened", "closed"] * (len(turns) // 2) + ["opened"] * (len(turns) % 2)


def test_a_rule_that_can_never_hold_is_refused() -> None:
    """Four of three looks is a mistake."""
    with pytest.raises(ValueError, match="4 of 3"):
        TriggerRule("visitor", "a person", looks_needed=4)
