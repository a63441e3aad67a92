"""When frames were taken: stream time and arrival together, and neither trusted alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vidsense_daemon.capture.timeline import LiveTimeline, Moment, RecordedTimeline

NOW = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)


class Camera:
    """Frames as (stream time, seconds of delay on the way)."""

    def __init__(self) -> None:
        self.timeline = LiveTimeline()

    def frame(self, taken_s: float, *, pts_s: float | None, delay_s: float = 0.0) -> Moment:
        arrived_s = taken_s + delay_s
        return self.timeline.place(
            pts_s, arrived_at=NOW + timedelta(seconds=arrived_s), arrived_mono_s=1000.0 + arrived_s
        )


def at_s(moment: Moment) -> float:
    return (moment.captured_at - NOW).total_seconds()


def test_uneven_arrival_is_evened_out_by_stream_time() -> None:
    """A network that holds frames back for a moment shifts no frame."""
    camera = Camera()
    moments = [camera.frame(k / 10, pts_s=500 + k / 10, delay_s=0.8 if k % 7 == 3 else 0.0) for k in range(50)]

    assert [at_s(moment) for moment in moments] == pytest.approx([k / 10 for k in range(50)], abs=1e-5)
    assert sum(moment.starts_run for moment in moments) == 1


@pytest.mark.parametrize("jump_s", [3600.0, 44_122.0, -2.9, -3600.0])
def test_a_jump_of_the_cameras_clock_starts_a_new_run_and_moves_no_frame(jump_s: float) -> None:
    """Stream time that jumps either way is broken; arrival says when it was."""
    camera = Camera()
    for k in range(20):
        camera.frame(k / 10, pts_s=k / 10)
    moment = camera.frame(2.0, pts_s=2.0 + jump_s)

    assert moment.starts_run
    assert moment.pts_s == 0
    assert at_s(moment) == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("set_by_s", [3600.0, -3600.0])
def test_setting_this_computers_clock_starts_a_new_run(set_by_s: float) -> None:
    """The time service sets it back after a boot: the camera must not seem to send frames of the past for an hour."""
    timeline = LiveTimeline()
    for k in range(20):
        timeline.place(k / 10, arrived_at=NOW + timedelta(seconds=k / 10), arrived_mono_s=1000 + k / 10)
    set_at = NOW + timedelta(seconds=2 + set_by_s)
    first, second = (
        timeline.place(2 + k / 10, arrived_at=set_at + timedelta(seconds=k / 10), arrived_mono_s=1002 + k / 10)
        for k in range(2)
    )

    assert (first.starts_run, second.starts_run) == (True, False)
    assert first.captured_at == set_at


def test_a_gap_of_seconds_starts_a_new_run_when_stream_time_knows_nothing_of_it() -> None:
    """The camera's clock stood still while it was away."""
    camera = Camera()
    camera.frame(0.0, pts_s=0.0)

    assert camera.frame(20.0, pts_s=0.1).starts_run


def test_keyframes_that_are_far_apart_are_one_run() -> None:
    """While calm only keyframes are seen: a gap in both clocks is none."""
    camera = Camera()

    assert [camera.frame(k * 4.0, pts_s=k * 4.0).starts_run for k in range(4)] == [True, False, False, False]


def test_frames_without_stream_time_are_placed_by_arrival() -> None:
    """RTSP gives the first frame of a session none; the next ones continue the same run."""
    camera = Camera()
    moments = [camera.frame(0.0, pts_s=None), *(camera.frame(k / 10, pts_s=900 + k / 10) for k in range(1, 10))]

    assert [moment.starts_run for moment in moments] == [True] + [False] * 9
    assert [moment.pts_s for moment in moments] == pytest.approx([k / 10 for k in range(10)])


def test_a_stream_that_never_tells_its_time_is_placed_by_arrival_alone() -> None:
    """Some cameras send no time at all."""
    camera = Camera()
    moments = [camera.frame(k / 10, pts_s=None) for k in range(10)]

    assert [at_s(moment) for moment in moments] == pytest.approx([k / 10 for k in range(10)])
    assert not any(moment.starts_run for moment in moments[1:])


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_camera_whose_clock_runs_at_a_wrong_speed_is_never_far_off(speed: float) -> None:
    """Events stay within seconds of the truth for hours."""
    camera = Camera()
    errors_s = [abs(at_s(camera.frame(k / 5, pts_s=k / 5 * speed)) - k / 5) for k in range(5000)]

    assert max(errors_s) <= 5.001


def test_b_frames_with_times_in_decoding_order_are_one_run() -> None:
    """A server that mislabels them sends stream time a few frames back and forth."""
    camera = Camera()
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    moments = [camera.frame(k / 10, pts_s=pts / 10) for k, pts in enumerate(order)]

    assert not any(moment.starts_run for moment in moments[1:])
    assert [moment.pts_s for moment in moments] == sorted(moment.pts_s for moment in moments)


def test_a_recording_is_dated_from_its_start() -> None:
    """Its first frame was taken at the given time, whatever its own clock begins with."""
    timeline = RecordedTimeline(started_at=NOW, frame_s=0.1)
    moments = [timeline.place(77.0), timeline.place(78.5)]

    assert [at_s(moment) for moment in moments] == [0.0, 1.5]


def test_a_recording_that_was_put_together_goes_on_behind_the_seam() -> None:
    """The second part starts a new run, and time never goes back."""
    timeline = RecordedTimeline(started_at=NOW, frame_s=0.1)
    moments = [timeline.place(pts_s) for pts_s in (0.0, 2.0, 4.0, 0.0, 2.0)]

    assert [moment.starts_run for moment in moments] == [True, False, False, True, False]
    assert [at_s(moment) for moment in moments] == pytest.approx([0.0, 2.0, 4.0, 4.1, 6.1])


def test_frames_of_a_recording_without_time_follow_at_its_frame_rate() -> None:
    """Raw H.264 files carry no times."""
    timeline = RecordedTimeline(started_at=NOW, frame_s=0.04)

    assert [timeline.place(None).pts_s for _ in range(3)] == pytest.approx([0.0, 0.04, 0.08])
