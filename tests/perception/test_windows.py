"""Windows: one ends with every new frame, none crosses runs, and the stored ones don't overlap."""

from __future__ import annotations

import numpy as np
import pytest

from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.perception.windows import SlidingWindow, input_of, inputs_of, seconds_of

from .fakes import embedded


def test_every_new_frame_ends_one_window_of_at_most_t_frames() -> None:
    """An alert doesn't wait until eight frames have come."""
    sliding = SlidingWindow(window_frames=3)
    windows = [sliding.add(embedded(index)) for index in range(5)]

    assert [[frame.index for frame in window] for window in windows] == [[0], [0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]


def test_overlapping_windows_share_their_frames() -> None:
    """Each frame is embedded once, however many windows it stands in."""
    sliding = SlidingWindow(window_frames=3)
    windows = [sliding.add(embedded(index)) for index in range(4)]

    assert windows[2][1] is windows[3][0]


def test_a_window_takes_no_frame_of_another_run() -> None:
    """What was seen before the stream broke off is not mixed with what came after."""
    sliding = SlidingWindow(window_frames=3)
    sliding.add(embedded(0))

    with pytest.raises(ValueError, match="run-2"):
        sliding.add(embedded(1, run_id="run-2"))


def test_a_window_takes_no_older_frame() -> None:
    """A frame that comes late doesn't turn time around."""
    sliding = SlidingWindow(window_frames=3)
    sliding.add(embedded(5))

    assert not sliding.takes(embedded(4))
    assert sliding.takes(embedded(6))


def test_stored_windows_hold_every_frame_once() -> None:
    """A search over stored windows finds each moment once, the last seconds of a run included."""
    sliding = SlidingWindow(window_frames=3)
    stored: list[tuple[EmbeddedFrame, ...]] = []
    for index in range(8):
        sliding.add(embedded(index))
        stored += [frames] if (frames := sliding.take_unobserved()) else []
    stored.append(sliding.take_unobserved(partial=True))

    assert [[frame.index for frame in frames] for frames in stored] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert sliding.take_unobserved(partial=True) == ()


def test_a_window_sees_the_crop_of_what_moves_and_else_the_whole_picture() -> None:
    """Someone far away is looked at closely."""
    crop = np.ones(16, np.float32)
    moving, calm = embedded(0, crop=crop, moving=True), embedded(1, crop=crop, moving=False)

    assert input_of(moving) is crop
    assert input_of(calm) is calm.whole
    assert inputs_of([moving, calm]).shape == (2, 16)


def test_times_stay_exact_after_a_month() -> None:
    """A stream that is up for weeks is still timed to the millisecond."""
    month_s = 30 * 86400.0

    assert np.allclose([0, 0.2], seconds_of([embedded(0, at_s=month_s), embedded(1, at_s=month_s + 0.2)]), atol=1e-6)
