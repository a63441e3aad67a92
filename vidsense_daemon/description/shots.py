"""Read an event's stills from disk, cut to where things moved and small enough to lay out.

Only one full-size picture is in memory at a time. What cannot be read is left out: an event whose media have been
cleared away, in part or altogether, is no reason to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.description.budget import thinned
from vidsense_daemon.domain.events import StoredStill
from vidsense_daemon.domain.frames import Box

Picture = NDArray[np.uint8]  # (H, W, 3), BGR: OpenCV's own order, from its decoder to its encoder

PEAK = "peak"
# the longest side that any layout shows; larger is shrunk as it is read
LONGEST_PX = 672
_MOST_STILLS = 16
# around the box of what moved, of its own sides: a person's head and feet are often calm
_MARGIN_RATIO = 0.2
# of the picture's side: a closer cut than this loses the scene
_SMALLEST_CROP_RATIO = 0.4
# mean difference of two thumbnails, of 255, below which the second shows nothing new
_SAME_PICTURE = 1.0
_THUMBNAIL_PX = 32


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One still, ready to be laid out."""

    picture: Picture  # at most LONGEST_PX on its longer side
    offset_s: float  # from the event's start
    role: str


def read_shots(stills: Sequence[StoredStill], started_at: datetime) -> list[Shot]:
    """The stills that can be read, oldest first, all cut alike, without middle ones that show nothing new."""
    ordered = sorted(stills, key=lambda still: still.captured_at)
    ordered = thinned(ordered, _MOST_STILLS, peak=peak_index([still.role for still in ordered]))
    crop = motion_crop([still.box for still in ordered if still.box is not None])
    shots = []
    for still in ordered:
        picture = read_cut(Path(still.path), crop)
        if picture is not None:
            offset_s = (still.captured_at - started_at).total_seconds()
            shots.append(Shot(picture=picture, offset_s=offset_s, role=still.role))
    return _without_repeats(shots)


def peak_index(roles: Sequence[str]) -> int | None:
    """Where the peak stands; none when there is none."""
    return roles.index(PEAK) if PEAK in roles else None


def motion_crop(boxes: Sequence[Box]) -> Box:
    """One cut that holds all the boxes with a margin; the whole picture when there are none.

    All frames are cut alike, so that what moves in the scene moves in the cut too.
    """
    if not boxes:
        return Box(0.0, 0.0, 1.0, 1.0)
    left, right = min(box.left for box in boxes), max(box.right for box in boxes)
    top, bottom = min(box.top for box in boxes), max(box.bottom for box in boxes)
    left, right = _widened(left, right)
    top, bottom = _widened(top, bottom)
    return Box(left, top, right, bottom)


def shrunk(picture: Picture, longest_px: int) -> Picture:
    """``picture`` with its longer side at most ``longest_px``."""
    height_px, width_px = picture.shape[:2]
    scale = longest_px / max(height_px, width_px)
    if scale >= 1:
        return picture
    return resized(picture, max(1, round(width_px * scale)), max(1, round(height_px * scale)))


def resized(picture: Picture, width_px: int, height_px: int) -> Picture:
    """``picture`` at exactly this size."""
    method = cv2.INTER_AREA if width_px < picture.shape[1] else cv2.INTER_CUBIC
    return _bytes_of(cv2.resize(picture, (width_px, height_px), interpolation=method))


def read_cut(path: Path, crop: Box) -> Picture | None:
    """The part of a JPEG on disk within ``crop``, shrunk to LONGEST_PX; none when it cannot be read."""
    try:
        packed = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError:
        return None
    if not packed.size:
        return None
    try:
        picture = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    except cv2.error:  # a header that promises more pixels than OpenCV allows
        return None
    if picture is None:
        return None
    height_px, width_px = picture.shape[:2]
    left, right = int(crop.left * width_px), round(crop.right * width_px)
    top, bottom = int(crop.top * height_px), round(crop.bottom * height_px)
    cut = picture[top : max(bottom, top + 1), left : max(right, left + 1)]
    return shrunk(_bytes_of(cut), LONGEST_PX).copy()


def thumbnail(picture: Picture) -> NDArray[np.float32]:
    """(side, side, 3), 0..255: to compare pictures by. In colour, since a red coat on a lawn is grey on grey."""
    side_px = _THUMBNAIL_PX
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA), dtype=np.float32)


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean difference of two thumbnails, 0..255."""
    return float(np.abs(one - other).mean())


def _widened(low: float, high: float) -> tuple[float, float]:
    """Grow a stretch of 0..1 by its margin and to the smallest crop, shifted to stay inside."""
    size = min(1.0, max((high - low) * (1 + 2 * _MARGIN_RATIO), _SMALLEST_CROP_RATIO))
    low = min(max(0.0, (low + high - size) / 2), 1.0 - size)
    return low, low + size


def _without_repeats(shots: Sequence[Shot]) -> list[Shot]:
    kept: list[Shot] = []
    for shot in shots:
        repeats = kept and shot.role == "middle" and _alike(kept[-1].picture, shot.picture)
        if not repeats:
            kept.append(shot)
    return kept


def _alike(one: Picture, other: Picture) -> bool:
    return difference(thumbnail(one), thumbnail(other)) < _SAME_PICTURE


def _bytes_of(picture: Any) -> Picture:
    """OpenCV's result with its type said."""
    return np.asarray(picture, dtype=np.uint8)
