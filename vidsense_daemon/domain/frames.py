"""What leaves capture: sampled frames, already at model size.

`S` = the encoder's picture side in px. Pictures are RGB, uint8, (S, S, 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

BLOCK_ROWS, BLOCK_COLUMNS = 15, 20  # a block is as high and as wide as a person at the far end of a drive
Blocks = NDArray[np.float16]  # (BLOCK_ROWS, BLOCK_COLUMNS)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle inside the picture; ratios of its width and height, 0..1 from the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One cut of the scene beside the same cut of the camera's background picture."""

    picture: Picture  # (S, S, 3)
    background: Picture | None  # (S, S, 3); none until the camera has a background picture


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A JPEG of the whole picture at full size."""

    jpeg: bytes
    width_px: int
    height_px: int
    captured_at: datetime
    box: Box | None  # where things moved


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One sampled frame: the whole picture, and the crop around what moved."""

    camera: str
    run_id: str  # one unbroken stream session; windows never cross runs
    index: int  # counts the sampled frames of this run
    captured_at: datetime
    pts_s: float  # the stream's own time, from the run's first frame
    whole: View
    crop: View | None  # the box below, cut out; none until something has moved in this run
    box: Box | None
    moving: bool  # the box is where something moves now; otherwise where it last did: a calm crop
    changed_ratio: float  # of the pixels, against the sampled frame before
    scene_changed: bool  # IR switch, light, moved camera: not motion
    zones: tuple[str, ...]  # those in which something moves
    still: Still | None  # at most one a second while things move; of a live camera one a minute while nothing does
    block_changes: Blocks | None = None  # grey levels against the sampled frame before; 0 under masks

    @property
    def block_change(self) -> float:
        """Grey levels: that of the most changed block; 0 where nothing could be compared."""
        return most_changed(self.block_changes)


def most_changed(blocks: Blocks | None) -> float:
    """Grey levels by which the most changed block differs; 0 where nothing could be compared."""
    return 0.0 if blocks is None else float(blocks.max())
