"""When perception can't keep up: rates go down before frames wait, and come back; everybody hears of it once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import SimulatedClock
from structlog.testing import capture_logs

from vidsense_daemon.capture.budget import FrameBudget
from vidsense_daemon.perception.pace import Governor, Pace

from .fakes import Camera

CONFIGURED_FPS = 40.0


def loaded(governor: Governor, *, wanted_fps: float, can_fps: float, rounds: int, begin_s: float) -> float:
    """Rounds of one second: as much as is sent, and can be done, is done. Returns the time at the end."""
    for index in range(rounds):
        done = min(wanted_fps, governor.limit_fps, can_fps)
        governor.note(frames=round(done), busy_s=round(done) / can_fps, now_mono_s=begin_s + index + 1)
    return begin_s + rounds


def test_the_limit_settles_below_what_perception_can_do() -> None:
    """Thirty frames a second are wanted, ten can be done: eight are sent, and a fifth of the time stays free."""
    governor = Governor(max_frames_per_s=CONFIGURED_FPS)
    loaded(governor, wanted_fps=30, can_fps=10, rounds=30, begin_s=0)

    assert governor.limit_fps == pytest.approx(8, abs=0.5)
    assert governor.busy_ratio == pytest.approx(0.8, abs=0.1)


def test_one_look_is_enough_to_find_it() -> None:
    """Two seconds, not a slow descent during which frames wait."""
    governor = Governor(max_frames_per_s=CONFIGURED_FPS)
    loaded(governor, wanted_fps=30, can_fps=10, rounds=3, begin_s=0)

    assert governor.limit_fps == pytest.approx(8, abs=0.5)


def test_the_limit_comes_back_when_the_load_has_gone() -> None:
    governor = Governor(max_frames_per_s=CONFIGURED_FPS)
    at_s = loaded(governor, wanted_fps=30, can_fps=5, rounds=10, begin_s=0)
    lowered_fps = governor.limit_fps
    loaded(governor, wanted_fps=2, can_fps=5, rounds=60, begin_s=at_s)

    assert lowered_fps < 5
    assert governor.limit_fps == CONFIGURED_FPS


def test_a_load_that_fits_changes_nothing() -> None:
    governor = Governor(max_frames_per_s=CONFIGURED_FPS)
    loaded(governor, wanted_fps=20, can_fps=25, rounds=20, begin_s=0)

    assert governor.limit_fps == CONFIGURED_FPS


def test_a_dead_slow_encoder_is_never_told_nothing_at_all() -> None:
    governor = Governor(max_frames_per_s=CONFIGURED_FPS)
    loaded(governor, wanted_fps=30, can_fps=1, rounds=30, begin_s=0)
    for second in range(30, 60):
        governor.note(frames=1, busy_s=30.0, now_mono_s=30.0 * second)

    assert governor.limit_fps == 0.5


def pace_of(clock: SimulatedClock, budget: FrameBudget) -> Pace:
    return Pace(max_frames_per_s=CONFIGURED_FPS, on_limit=budget.limit_to, clock=clock)


def perceive(pace: Pace, clock: SimulatedClock, *, seconds: int, frames_per_s: int, busy_s: float) -> None:
    for _ in range(seconds):
        taken = [replace(Camera().frame(), captured_at=clock.now()) for _ in range(frames_per_s)]
        with pace.over(taken):
            clock.advance(busy_s)
        clock.advance(max(0.0, 1 - busy_s))


def test_busy_cameras_share_what_is_left_alike_and_calm_ones_keep_their_frame() -> None:
    clock = SimulatedClock()
    budget = FrameBudget(max_frames_per_s=CONFIGURED_FPS)
    for camera, busy in (("garden", True), ("street", True), ("cellar", False)):
        budget.share(camera, busy=busy)
    perceive(pace_of(clock, budget), clock, seconds=5, frames_per_s=10, busy_s=1.0)

    assert budget.share("garden", busy=True) == budget.share("street", busy=True) == pytest.approx(3.5)
    assert budget.share("cellar", busy=False) >= 1


def test_each_change_of_state_is_one_line() -> None:
    clock = SimulatedClock()
    pace = pace_of(clock, FrameBudget(max_frames_per_s=CONFIGURED_FPS))
    with capture_logs() as logs:
        perceive(pace, clock, seconds=20, frames_per_s=10, busy_s=1.0)
        perceive(pace, clock, seconds=60, frames_per_s=1, busy_s=0.1)
        perceive(pace, clock, seconds=20, frames_per_s=10, busy_s=1.0)

    assert [line["event"] for line in logs] == ["rates_lowered", "rates_restored", "rates_lowered"]
    assert pace.times_lowered == 2


def test_latency_runs_from_capture_until_it_is_perceived() -> None:
    clock = SimulatedClock()
    pace = Pace(max_frames_per_s=CONFIGURED_FPS, clock=clock)
    none = pace.latency()
    waited = [
        replace(Camera().frame(), captured_at=clock.now() - timedelta(seconds=index / 10)) for index in range(100)
    ]
    ahead = replace(Camera().frame(), captured_at=clock.now() + timedelta(hours=1))
    with pace.over([*waited, ahead]):
        clock.advance(0.5)
    latency = pace.latency()

    assert none is None
    assert latency is not None
    assert latency.median_s == pytest.approx(5.4, abs=0.11)
    assert latency.p95_s == pytest.approx(9.9, abs=0.11)
