from __future__ import annotations

from datetime import timedelta

import numpy as np

from .scenes import NOON, Rooms, event, window


def test_a_window_comes_back_as_it_was_kept(rooms: Rooms) -> None:
    """Search and back-tests see the embedding that perception saw, to float16."""
    rooms.events.observed(window(3), "builtin-1")
    rooms.events.flush()

    (kept,) = rooms.windows.between(NOON, NOON + timedelta(seconds=1), encoder="builtin-1")
    newest = window(3).frames[-1]
    np.testing.assert_array_equal(kept.pooled, window(3).pooled)
    assert newest.crop is not None
    assert newest.crop_background is not None
    np.testing.assert_array_equal(kept.crop_change, newest.crop - newest.crop_background)
    assert (kept.camera, kept.run_id, kept.frame_index, kept.moving, kept.event_id) == (
        "front_door",
        "run-1",
        3,
        True,
        None,
    )


def test_a_window_of_an_event_is_kept_once_and_knows_its_event(rooms: Rooms) -> None:
    """Perception may hand the same window to `observed` and to `opened`, in any order."""
    for index, opened_first in enumerate((True, False)):
        if opened_first:
            rooms.events.opened(event(f"{index}-e"), None, window(index))
        rooms.events.observed(window(index), "builtin-1")
        rooms.events.flush()
        if not opened_first:
            rooms.events.opened(event(f"{index}-e"), None, window(index))

    kept = list(rooms.windows.between(NOON, NOON + timedelta(seconds=1), encoder="builtin-1"))
    assert [found.event_id for found in kept] == ["0-e", "1-e"]


def test_windows_of_another_encoder_are_never_mixed_in(rooms: Rooms) -> None:
    rooms.events.observed(window(1), "builtin-1")
    rooms.events.observed(window(1), "clip")
    rooms.events.flush()

    assert [kept.encoder for kept in rooms.windows.between(NOON, NOON + timedelta(days=1), encoder="clip")] == ["clip"]


def test_a_long_stretch_is_read_in_pages_without_a_gap(rooms: Rooms) -> None:
    """More windows than one page holds, many of them in the same millisecond."""
    for index in range(2_300):
        rooms.events.observed(window(index, at=NOON + timedelta(milliseconds=index // 900)), "builtin-1")
    rooms.events.flush()

    kept = rooms.windows.between(NOON, NOON + timedelta(seconds=1), encoder="builtin-1", camera="front_door")
    assert sorted(found.frame_index for found in kept) == list(range(2_300))
