"""A camera's own threshold: learned from its calm looks, never below the default."""

from __future__ import annotations

import random

import pytest

from vidsense_daemon.perception.calibration import CalmScores


def learned(scores: list[float], floor: float = 1.0) -> CalmScores:
    calm = CalmScores(floor=floor)
    for presence in scores:
        calm.learn(presence)
    return calm


def test_a_camera_that_shows_nothing_keeps_the_default() -> None:
    """A lawn needs no stricter trigger."""
    assert learned([0.0] * 100).threshold == 1.0


def test_a_camera_that_always_shows_something_alike_gets_a_stricter_threshold() -> None:
    """A coat stand that looks like a person opens no event, and a real visitor still does."""
    assert learned([1.5] * 100).threshold == pytest.approx(1.75)


def test_a_few_looks_are_not_believed() -> None:
    """One odd frame after the start doesn't silence a trigger."""
    assert learned([3.0] * 19).threshold == 1.0


def test_a_rare_outlier_does_not_set_the_threshold() -> None:
    """One look in a hundred may be wrong."""
    assert learned([0.0] * 999 + [9.0] * 5).threshold == 1.0


def test_who_stood_still_for_an_hour_does_not_silence_the_trigger() -> None:
    """The threshold has an upper end."""
    assert learned([50.0] * 3600).threshold == pytest.approx(4.0)


def test_yesterdays_light_is_forgotten() -> None:
    """After enough calm looks in new light the old ones no longer count."""
    random_scores = random.Random(7)
    calm = learned([2.0] * 1000)
    assert calm.threshold > 2.0
    for _ in range(20_000):
        calm.learn(random_scores.uniform(-0.2, 0.2))

    assert calm.threshold == 1.0
