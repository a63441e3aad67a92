"""What each block of the picture usually does, and which one goes beyond it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from vidsense_daemon.domain.frames import BLOCK_COLUMNS, BLOCK_ROWS, Blocks
from vidsense_daemon.perception.blocks import LEAST_FRAMES, BlocksPast, Standout

from .fakes import STARTED_AT


def levels(everywhere: float = 0.5, **places: float) -> Blocks:
    """``r8c3=20`` is 20 levels in row 8, column 3."""
    blocks = np.full((BLOCK_ROWS, BLOCK_COLUMNS), everywhere, np.float16)
    for place, level in places.items():
        row, column = place[1:].split("c")
        blocks[int(row), int(column)] = level
    return blocks


def shown(past: BlocksPast, *frames: Blocks, since_s: float = 0.0, step_s: float = 0.2) -> BlocksPast:
    for number, blocks in enumerate(frames):
        past.learn(STARTED_AT + timedelta(seconds=since_s + step_s * number), blocks)
    return past


def test_the_block_that_goes_farthest_beyond_its_own_past_stands_out() -> None:
    """Not the one that changes most."""
    past = shown(BlocksPast(), *[levels(r8c3=50.0)] * 300)
    seen = past.standout(levels(r8c3=55.0, r1c10=20.0))

    assert (seen.row, seen.column) == (1, 10)
    assert seen.ratio == pytest.approx(20 / (0.5 + 12), rel=0.15)


def test_one_frame_in_a_thousand_is_not_yet_usual() -> None:
    """What is rare stays rare; what comes often becomes usual."""
    rare = shown(BlocksPast(), *[levels(r5c5=60.0)], *[levels()] * 2000).standout(levels(r5c5=60.0))
    often = shown(BlocksPast(), *[levels(r5c5=60.0), *[levels()] * 200] * 10).standout(levels(r5c5=60.0))

    assert rare.ratio > 4
    assert often.ratio < 1


def test_what_happens_is_not_measured_by_itself() -> None:
    """A novelty of some seconds does not become usual while it lasts, a stretch of minutes does."""
    past = shown(BlocksPast(), *[levels()] * 400)
    while_it_lasts = shown(past, *[levels(r5c5=60.0)] * 45, since_s=80).standout(levels(r5c5=60.0))
    long_after = shown(past, *[levels(r5c5=60.0)] * 300, since_s=90).standout(levels(r5c5=60.0))

    assert while_it_lasts.ratio > 4
    assert long_after.ratio < 1


def test_few_frames_tell_nothing() -> None:
    """Of some seconds no block's upper end is known."""
    assert not shown(BlocksPast(), *[levels()] * LEAST_FRAMES).is_known
    assert shown(BlocksPast(), *[levels()] * (LEAST_FRAMES + 50)).is_known


def test_old_seasons_fade() -> None:
    """A tree that waved all autumn is no measure for winter."""
    past = shown(BlocksPast(), *[levels(r5c5=60.0)] * 500)
    shown(past, *[levels()] * 13_000, since_s=3600, step_s=600.0)

    assert past.standout(levels(r5c5=60.0)).ratio > 4


def test_a_clock_that_is_set_back_harms_nothing() -> None:
    """What waited is taken in, and what comes goes on."""
    past = shown(BlocksPast(), *[levels()] * 300, since_s=1e6)

    assert shown(past, *[levels()] * 100).counts[0].sum() == 300 + 50


def test_counts_of_another_shape_are_refused() -> None:
    """A file of another version, or a damaged one."""
    with pytest.raises(ValueError, match="counts of blocks"):
        BlocksPast(np.zeros((3, 3), np.float32))
    with pytest.raises(ValueError, match="counts of blocks"):
        BlocksPast(BlocksPast().counts - 1)


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(0, 0, "at the left edge"), (9, 19, "at the right edge"), (7, 10, "in the middle"), (14, 2, "in the lower left")],
)
def test_places_have_names(row: int, column: int, place: str) -> None:
    """As a person would point at the picture."""
    assert Standout(1.0, row, column).place == place
