"""What may be learned from: the present view, moving, split by time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vidsense_daemon.learning.dataset import LEAST_CLIPS, StillLearningError, dataset_of
from vidsense_daemon.learning.experience import Clip

from .scenes import CLIP_FRAMES, D, clip


def clips(count: int, *, first: int = 0, **changes: bool | int) -> list[Clip]:
    return [clip(number, **changes) for number in range(first, first + count)]  # type: ignore[arg-type]


def test_the_newest_clips_are_held_out_and_no_frame_is_on_two_sides() -> None:
    """A model is judged on days that it could not have seen."""
    data = dataset_of(clips(40))

    assert [len(part) for part in (data.train, data.tune, data.held_out)] == [30, 4, 6]
    assert data.train[-1].ended_at < data.tune[0].started_at
    assert data.tune[-1].ended_at < data.held_out_from


def test_too_little_says_how_much_is_missing() -> None:
    with pytest.raises(StillLearningError, match=f"still learning: 5 of {LEAST_CLIPS} clips"):
        dataset_of(clips(5))


def test_nothing_at_all_is_too_little() -> None:
    with pytest.raises(StillLearningError, match="0 of"):
        dataset_of([])


def test_a_stream_that_froze_for_hours_teaches_nothing() -> None:
    """One picture again and again would make everything else a surprise."""
    with pytest.raises(StillLearningError, match="30 of 30 clips show one unchanging picture"):
        dataset_of(clips(30, frozen=True))


def test_frozen_hours_between_good_ones_are_left_out() -> None:
    data = dataset_of([*clips(15), *clips(10, first=15, frozen=True), *clips(15, first=25)])

    assert data.clips == 30
    assert "10 of 40 clips" in data.notes[0]


def test_after_the_camera_was_moved_only_what_it_shows_now_counts() -> None:
    """Half of the days show the yard, half the street: only the street is still there."""
    data = dataset_of([*clips(20, view=1), *clips(26, first=20, view=2)])

    assert data.clips == 26
    assert "moved" in data.notes[0]


def test_just_after_it_was_moved_it_is_still_learning() -> None:
    with pytest.raises(StillLearningError, match=r"5 of .*moved"):
        dataset_of([*clips(30, view=1), *clips(5, first=30, view=2)])


def test_night_and_day_are_one_camera() -> None:
    """They look unlike, but each night looks like the night before."""
    data = dataset_of(
        [each for day in range(4) for each in (*clips(6, first=12 * day), *clips(6, first=12 * day + 6, view=3))]
    )

    assert data.clips == 48
    assert data.notes == ()


def test_a_spider_before_the_lens_is_no_new_view() -> None:
    """Two odd clips, then everything as before."""
    data = dataset_of([*clips(20), *clips(2, first=20, view=5), *clips(10, first=22)])

    assert data.clips == 32


def test_an_encoder_without_tiles_has_nothing_to_foretell() -> None:
    bare = [replace(each, tiles=np.empty((CLIP_FRAMES, 0, D), np.float16)) for each in clips(30)]
    with pytest.raises(StillLearningError, match="tiles"):
        dataset_of(bare)
