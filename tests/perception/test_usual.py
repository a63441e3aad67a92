"""What is usual before a camera: peaks become a threshold, hours and the nearest moment."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vidsense_daemon.perception.usual import PEAK_EVERY, Usual

MONDAY = datetime(2030, 1, 7, tzinfo=UTC)
A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
BY_DAY = 5.0
DAY_LOOK, NIGHT_LOOK = np.eye(2, dtype=np.float32)


def usually(at: datetime) -> float:
    return BY_DAY if 7 <= at.hour < 20 else 1.0


def heavy(chance: np.random.Generator) -> float:
    """Now and then very much more than usual."""
    return float(chance.pareto(2.5))


def exponential(chance: np.random.Generator) -> float:
    return float(chance.exponential(0.5))


def mostly_nothing(chance: np.random.Generator) -> float | None:
    """In three of four ten minutes nothing moves."""
    return None if chance.random() < 0.75 else exponential(chance)


def watched(days: float, *, per_week: float = 2.0, seed: int = 0) -> Usual:
    """A street: busy by day (scores around 5), almost nothing at night (around 1); exponential peaks."""
    usual, chance = Usual(per_week=per_week, time_zone=UTC), np.random.default_rng(seed)
    for number in range(round(days * A_DAY / PEAK_EVERY) + 1):
        at = MONDAY + number * PEAK_EVERY
        look = DAY_LOOK if usually(at) == BY_DAY else NIGHT_LOOK
        usual.see(at, usually(at) + exponential(chance), look)
    return usual


def test_a_new_camera_learns_for_a_day_and_says_until_when() -> None:
    """Before that no score is unusual; the day counts what was watched."""
    young = watched(0.5)

    assert young.is_learning
    assert young.threshold == math.inf
    assert young.learned_at(MONDAY) == MONDAY + A_DAY / 2
    assert not watched(1).is_learning


@pytest.mark.parametrize("peak", [exponential, heavy, mostly_nothing])
@pytest.mark.parametrize("per_week", [2.0, 20.0, 168.0])
def test_about_so_many_peaks_a_week_exceed_the_threshold(
    per_week: float, peak: Callable[[np.random.Generator], float | None]
) -> None:
    """The budget holds in weeks that the threshold was not learned from, be it two a week or one an hour."""
    usual, chance, weeks = Usual(per_week=per_week, time_zone=UTC), np.random.default_rng(0), 20
    for number in range(round(2 * A_WEEK / PEAK_EVERY)):
        at = MONDAY + number * PEAK_EVERY
        score = peak(chance)
        usual.see(at, None if score is None else usually(at) + score)
    habits = [usual.habit(MONDAY + timedelta(hours=hour)) for hour in range(24)]
    above = 0
    for number in range(round(weeks * A_WEEK / PEAK_EVERY)):
        at = MONDAY + number * PEAK_EVERY
        score = peak(chance)
        above += score is not None and usually(at) + score - habits[at.hour] > usual.threshold

    assert per_week / 2.5 < above / weeks < per_week * 2.5


def test_the_larger_the_budget_the_lower_the_threshold() -> None:
    """Also on the first day, and down to what is usual itself."""
    thresholds = [watched(1, per_week=per_week).threshold for per_week in (0.5, 2, 20, 84, 168, 1000)]

    assert thresholds == sorted(thresholds, reverse=True)
    assert len(set(thresholds)) == len(thresholds)


def test_one_wild_moment_does_not_raise_the_threshold_for_weeks() -> None:
    """Who falls over the bins on the first day is found again on the second."""
    usual = watched(1)
    before = usual.threshold
    usual.see(MONDAY + A_DAY + PEAK_EVERY, 80.0)
    usual.see(MONDAY + A_DAY + 2 * PEAK_EVERY, 1.0)

    assert usual.threshold < before + 1


def test_what_is_much_at_night_is_measured_at_night() -> None:
    """From a week on, three o'clock has a habit of its own, well below noon's."""
    night, noon = MONDAY + timedelta(hours=3), MONDAY + timedelta(hours=12)

    assert watched(5).habit(night) == watched(5).habit(noon) == 0
    week = watched(8)
    assert week.habit(night) < week.habit(noon) - 3


def test_a_camera_that_scores_the_same_all_day_does_not_alarm_at_a_breath_more() -> None:
    """No spread is no reason for a threshold without a margin."""
    usual = Usual(per_week=2, time_zone=UTC)
    for number in range(200):
        usual.see(MONDAY + number * PEAK_EVERY, 1.0)

    assert usual.threshold >= 1.5


def test_hours_in_which_nothing_was_to_be_scored_count_as_watched() -> None:
    """A cellar in which nothing moves is known after a day as well."""
    usual = Usual(per_week=2, time_zone=UTC)
    for number in range(200):
        usual.see(MONDAY + number * PEAK_EVERY, 3.0 if number == 50 else None)

    assert not usual.is_learning
    assert math.isfinite(usual.threshold)


def test_something_unusual_is_told_by_what_it_is_unlike_and_what_it_is_most_like() -> None:
    """The operator reads a weekday, an hour and a date, not a number."""
    usual = watched(20)
    told = usual.explain(MONDAY + timedelta(days=20, hours=3), 4.5, DAY_LOOK)

    assert told.text.startswith("unlike any Sunday 03:00 in 2 weeks; nearest: ")
    assert told.nearest_at is not None
    assert 7 <= told.nearest_at.hour < 20
    assert usual.explain(MONDAY + timedelta(days=20), 99.0, None).text == "unlike anything in 2 weeks"
    assert usual.explain(MONDAY + timedelta(days=20, hours=12), 1.0, None).text == "rarer than most in 2 weeks"


def test_a_score_that_is_no_number_teaches_nothing() -> None:
    """One broken frame must not spoil three weeks."""
    usual = watched(1)
    before = usual.threshold
    for number, score in enumerate((math.nan, math.inf, -math.inf)):
        usual.see(MONDAY + A_DAY + number * PEAK_EVERY, score)

    assert usual.threshold == pytest.approx(before, abs=0.5)


def test_what_is_older_than_three_weeks_fades() -> None:
    """Peaks are bounded, and each hour keeps one look."""
    usual = watched(30)

    assert len(usual.peaks) <= timedelta(days=21) / PEAK_EVERY + 1
    assert sum(peak.look is not None for peak in usual.peaks) <= 21 * 24 + 1


def test_a_camera_that_looks_elsewhere_begins_anew() -> None:
    """Nothing of the old scene counts."""
    usual = watched(10)
    usual.forget()

    assert usual.is_learning
    assert usual.habit(MONDAY) == 0
