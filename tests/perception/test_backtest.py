"""Trying a trigger on stored windows: when it would have fired, and which threshold gives so many a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from vidsense_daemon.domain.hours import Hours
from vidsense_daemon.perception.backtest import LEAST_THRESHOLD, Backtest, backtest
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import COLOURS, DIMENSION, STARTED_AT, ColourEncoder

VISITOR = TriggerRule("visitor", "a person walking", cooldown_s=5)
THINGS = list(COLOURS)


@dataclass(frozen=True)
class Seen:
    """A window as the store gives it back."""

    camera: str
    started_at: datetime
    ended_at: datetime
    pooled: NDArray[np.float32]
    crop_change: NDArray[np.float32] | None
    moving: bool
    zones: tuple[str, ...] = ()


def seen(at_s: float, thing: str = "person", strength: float = 1.0, **changes: object) -> Seen:
    """A window that ends ``at_s`` after noon, in which ``thing`` has come; 4 spreads at full strength."""
    change = np.zeros(DIMENSION, np.float32)
    change[THINGS.index(thing)] = strength
    ended_at = STARTED_AT + timedelta(seconds=at_s)
    window = Seen("door", ended_at - timedelta(seconds=1.4), ended_at, change, change, moving=True)
    return replace(window, **changes)  # type: ignore[arg-type]


def tried(windows: Sequence[Seen], rule: TriggerRule = VISITOR, **changes: object) -> Backtest:
    values = {"since": STARTED_AT - timedelta(days=1), "until": STARTED_AT + timedelta(days=2), **changes}
    return backtest(windows, rule=rule, texts=PromptBook(ColourEncoder()).texts_of(rule), **values)  # type: ignore[arg-type]


def seconds(found: Backtest, threshold: float | None = None) -> list[tuple[float, float]]:
    return [
        ((firing.started_at - STARTED_AT).total_seconds(), (firing.ended_at - STARTED_AT).total_seconds())
        for firing in found.fired(threshold)
    ]


def test_it_shows_when_the_trigger_would_have_fired() -> None:
    """Three windows of one visit are one firing, a visit an hour later another; cars are none."""
    found = tried([seen(0), seen(2), seen(4), seen(600, "car"), seen(3600), seen(3602)])

    assert seconds(found) == [(0, 4), (3600, 3602)]
    assert [round(firing.score, 3) for firing in found.fired()] == [4.0, 4.0]
    assert found.windows == 6
    assert found.days == pytest.approx(2, abs=0.001)  # from the first window on, not from `since`


def test_what_only_stands_there_does_not_fire() -> None:
    """Something must move to open an event; what then stands still keeps it open, as live."""
    calm = [seen(at_s, moving=False, started_at=STARTED_AT + timedelta(seconds=at_s - 7)) for at_s in (0, 68, 76)]
    found = tried([calm[0], seen(60), *calm[1:]])

    assert seconds(found) == [(60, 76)]


def test_visits_further_apart_than_the_gap_are_told_apart() -> None:
    """Three cars that pass six seconds apart are three firings, as live."""
    assert seconds(tried([seen(at_s) for at_s in (0, 2, 8.5, 10, 17)])) == [(0, 2), (8.5, 10), (17, 17)]


def test_a_window_of_one_frame_counts_too() -> None:
    """A run that ends at once leaves such windows."""
    windows = [seen(at_s, started_at=STARTED_AT + timedelta(seconds=at_s)) for at_s in (0, 600, 1200)]

    assert seconds(tried(windows)) == [(0, 0), (600, 600), (1200, 1200)]


def test_zones_and_hours_count() -> None:
    """What is elsewhere, or at another hour, would not have fired."""
    rule = replace(VISITOR, zones=("steps",), active=(Hours(time(12), time(13)),))
    windows = [seen(0, zones=("road",)), seen(60, zones=("steps",)), seen(7200, zones=("steps",))]

    assert seconds(tried(windows, rule, time_zone=UTC)) == [(60, 60)]


def test_the_camera_that_always_shows_something_alike_is_stricter() -> None:
    """Its own calm windows teach it; another camera does not learn from them."""
    calm = [seen(8 * n, strength=0.5, moving=False) for n in range(30)]
    weak = [seen(1000 + n, strength=0.5, camera=camera) for n, camera in enumerate(("door", "garden"))]
    found = tried([*calm, *weak])

    assert found.thresholds == {"door": pytest.approx(2.25), "garden": 1.5}
    assert found.threshold == pytest.approx(2.25)
    assert [firing.camera for firing in found.fired()] == ["garden"]


def test_a_threshold_for_so_many_a_day_is_found() -> None:
    """Ten visits, each clearer than the one before: two a day are the four clearest of two days."""
    windows = [seen(600 * n, strength=0.1 * n + 0.002) for n in range(1, 11)]
    found = tried(windows, until=STARTED_AT + timedelta(days=2, hours=1))
    threshold = found.threshold_for(2)

    assert len(found.fired(threshold)) == 4
    assert len(found.fired(threshold - 0.01)) == 5
    assert threshold == pytest.approx(2.41, abs=0.011)
    assert found.threshold_for(100) == LEAST_THRESHOLD


def test_firings_reach_down_to_a_low_floor_so_that_a_threshold_can_be_moved() -> None:
    """A page shows them all and counts those above the slider."""
    found = tried([seen(0, strength=0.1), seen(600, strength=0.05)])

    assert [round(firing.score, 2) for firing in found.firings] == [0.4]
    assert found.fired() == []


def test_without_a_background_only_a_clear_sight_counts() -> None:
    """Right after a start the window has no change, only what it saw."""
    cold = [seen(0, strength=0.7, crop_change=None), seen(600, strength=0.9, crop_change=None)]

    assert seconds(tried([*cold, seen(1200, crop_change=None, moving=False)])) == [(600, 600)]


def test_damaged_windows_are_left_out() -> None:
    """One NaN on the disk must not hide a week."""
    broken = seen(0, crop_change=np.full(DIMENSION, np.nan, np.float32))

    assert seconds(tried([broken, seen(600)])) == [(600, 600)]


def test_nothing_stored_is_nothing_found() -> None:
    """No division by zero days."""
    found = tried([])

    assert (found.fired(), found.days, found.threshold) == ([], 0.0, 1.5)
    assert found.threshold_for(2) == LEAST_THRESHOLD
