"""The gate: better than everything that could run instead, and not worse at what the owner said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from vidsense_daemon.learning.promotion import Measured, Moment, feedback_auc, rule
from vidsense_daemon.perception.surprise import Errors, Persistence, Seconds, Tiles

from .scenes import clip

RIDGE = Measured("ridge-ar", 0.8)
STILL = Measured("persistence", 1.0)


def goes_live(error: float, *, incumbent: Measured | None = None, auc: float | None = None) -> bool:
    return rule(Measured("transformer", error, auc), rivals=(STILL, RIDGE), incumbent=incumbent).goes_live


def test_it_must_beat_ridge_and_what_is_live() -> None:
    assert goes_live(0.7)
    assert goes_live(0.7, incumbent=Measured("live", 0.75))
    assert not goes_live(0.85)
    assert not goes_live(0.7, incumbent=Measured("live", 0.65))


def test_a_tie_changes_nothing() -> None:
    """A model that goes live by chance would be another one each night."""
    assert not goes_live(0.8)
    assert not goes_live(0.7999)


def test_who_knows_the_owners_verdicts_worse_stays_in_shadow() -> None:
    """However well it foretells: what the owner said counts."""
    live = Measured("live", 0.75, feedback_auc=0.9)

    assert not goes_live(0.5, incumbent=live, auc=0.8)
    assert goes_live(0.5, incumbent=live, auc=0.9)


def test_without_feedback_only_the_error_counts() -> None:
    assert goes_live(0.5, incumbent=Measured("live", 0.75, feedback_auc=None), auc=0.1)
    assert goes_live(0.5, incumbent=Measured("live", 0.75, feedback_auc=0.9), auc=None)


def test_a_shadow_says_why() -> None:
    ruling = rule(Measured("transformer", 0.9), rivals=(STILL, RIDGE), incumbent=None)

    assert "shadow" in ruling.why
    assert "ridge-ar" in ruling.why


class Startled:
    """Surprised by every clip that began at an even half hour."""

    name = "startled"

    def errors(self, tiles: Tiles, seconds: Seconds) -> Errors:
        calm = Persistence().errors(tiles, seconds)
        return calm + (5 if tiles[0, 0, 0] > 0 else 0)


def moments(good: list[int], bad: list[int]) -> list[Moment]:
    spans = [(number, True) for number in good] + [(number, False) for number in bad]
    return [Moment(clip(n).started_at - timedelta(seconds=9), clip(n).ended_at, good=is_good) for n, is_good in spans]


def test_good_moments_should_surprise_more_than_bad_ones() -> None:
    clips = [clip(number) for number in range(20)]
    loud = [n for n, each in enumerate(clips) if each.tiles[0, 0, 0] > 0]
    calm = [n for n in range(20) if n not in loud]

    assert feedback_auc(Startled(), clips, moments(loud[:4], calm[:4])) == 1
    assert feedback_auc(Startled(), clips, moments(calm[:4], loud[:4])) == 0


@pytest.mark.parametrize(
    ("good", "bad"), [([], []), ([1, 2, 3, 4], []), ([1, 2], [3, 4]), ([90, 91, 92], [93, 94, 95])]
)
def test_too_few_verdicts_on_what_was_recorded_say_nothing(good: list[int], bad: list[int]) -> None:
    """Verdicts on moments of which no clip was kept can't be looked at."""
    assert feedback_auc(Persistence(), [clip(number) for number in range(20)], moments(good, bad)) is None
