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


def test_how_often_calm_looks_pass_a_threshold_is_told_beyond_what_was_seen() -> None:
    """A thousand looks foretell what comes once in ten thousand; scores that fall off like this do so for ever."""
    random_scores = random.Random(7)
    calm = learned([random_scores.expovariate(2.0) for _ in range(1000)])
    shares = {threshold: calm.share_above(threshold) for threshold in (0.5, 2.0, 4.0)}

    assert shares[0.5] == pytest.approx(0.37, abs=0.05)
    assert shares[2.0] == pytest.approx(0.018, abs=0.009)
    assert shares[4.0] == pytest.approx(0.00034, abs=0.0003)


def test_a_few_looks_foretell_nothing() -> None:
    """Better no figure than a guess."""
    assert learned([0.1] * 19).share_above(1.0) is None
    assert learned([0.1] * 20).share_above(1.0) == 0.0
