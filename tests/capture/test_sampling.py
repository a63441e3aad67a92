"""Which frames are looked at and sent."""

from __future__ import annotations

import pytest

from vidsense_daemon.capture.sampling import Sampler


def sampled(
    sampler: Sampler, *, fps: float, seconds: float, moving: tuple[float, float] = (0.0, 0.0), start_s: float = 0.0
) -> list[float]:
    """The times of the frames that are sent, of a stream in which something moves for a while."""
    sent = []
    for number in range(round(fps * seconds)):
        at_s = start_s + number / fps
        if sampler.looks(at_s) and sampler.sends(at_s, wanted=False, moving=moving[0] <= at_s < moving[1]):
            sent.append(at_s)
    return sent


@pytest.mark.parametrize("fps", [5.0, 12.5, 15.0, 29.97])
def test_calm_and_busy_rates_are_kept_at_any_stream_rate(fps: float) -> None:
    """One frame a second while calm, five while something moves, whatever the camera sends."""
    sampler = Sampler(calm_fps=1, busy_fps=5, max_frames_per_s=10)
    sent = sampled(sampler, fps=fps, seconds=40, moving=(20, 30))

    assert len([at_s for at_s in sent if at_s < 20]) == pytest.approx(20, abs=1)
    assert len([at_s for at_s in sent if 20 <= at_s < 30]) == pytest.approx(50, abs=2)


def test_the_first_moving_frame_is_sent_at_once() -> None:
    """A calm second that has not passed yet delays no motion."""
    sent = sampled(Sampler(calm_fps=0.1, busy_fps=5, max_frames_per_s=10), fps=10, seconds=10, moving=(5.0, 6.0))

    assert 5.0 in [round(at_s, 3) for at_s in sent]


def test_frames_go_on_for_three_seconds_after_motion() -> None:
    """Who stands still for a moment is still watched."""
    sent = sampled(Sampler(calm_fps=0.1, busy_fps=5, max_frames_per_s=10), fps=10, seconds=20, moving=(5.0, 6.0))

    assert max(at_s for at_s in sent if at_s < 9.5) > 8.5
    assert not [at_s for at_s in sent if 9.2 < at_s < 9.9]


def test_the_budget_is_never_exceeded() -> None:
    """A busy house sends no more than perception can take."""
    sampler = Sampler(calm_fps=1, busy_fps=10, max_frames_per_s=3)
    sent = sampled(sampler, fps=20, seconds=30, moving=(0, 30))

    assert len(sent) <= 3 * 30 + 3
    assert sampler.counts.dropped_budget > 0


def test_a_smaller_budget_counts_from_now_on() -> None:
    """The house's budget changes while a camera is watched."""
    sampler = Sampler(calm_fps=1, busy_fps=10, max_frames_per_s=10)
    sampled(sampler, fps=10, seconds=5, moving=(0, 5))
    sampler.set_budget(1.0)
    sent = sampled(sampler, fps=10, seconds=10, moving=(5, 15), start_s=5.0)

    assert len(sent) <= 12


def test_every_frame_is_counted_exactly_once() -> None:
    """What was dropped, and why, can be shown."""
    sampler = Sampler(calm_fps=1, busy_fps=5, max_frames_per_s=4)
    sampled(sampler, fps=15, seconds=20, moving=(5, 10))
    counts = sampler.counts

    assert counts.decoded == 300
    assert counts.decoded == counts.looked + counts.dropped_unseen
    assert counts.looked == counts.sent + counts.dropped_calm + counts.dropped_budget


def test_a_new_run_is_looked_at_from_its_first_frame() -> None:
    """Stream time that starts again at 0 is not taken for the past."""
    sampler = Sampler(calm_fps=1, busy_fps=5, max_frames_per_s=10)
    sampled(sampler, fps=10, seconds=100)
    sampler.start_run()

    assert sampled(sampler, fps=10, seconds=1)[0] == 0.0
