"""The square around what moved, which capture cuts out of live pictures and perception out of stills. Pure."""

from __future__ import annotations

from vidsense_daemon.domain.frames import Box

Square = tuple[int, int, int, int]  # left, top, right, bottom in px, all even

SMALLEST_PX = 16  # swscale cannot turn less into RGB
_MARGIN = 0.65  # half the side of a crop, over the longer side of the box: room around what moved
_MARGIN_PX = 4


def square_around(box: Box, width_px: int, height_px: int) -> Square:
    """The square of half-side 0.65 · the box's longer side + 4 px around its centre, kept inside the picture."""
    x, y = box.centre
    longer_px = max((box.right - box.left) * width_px, (box.bottom - box.top) * height_px)
    half_px = _MARGIN * longer_px + _MARGIN_PX
    left, right = _inside(x * width_px - half_px, x * width_px + half_px, width_px)
    top, bottom = _inside(y * height_px - half_px, y * height_px + half_px, height_px)
    return left, top, right, bottom


def _inside(start: float, end: float, size_px: int) -> tuple[int, int]:
    """Cut at the picture's edges, on even px because two of them share a chroma sample."""
    first = max(0, min(int(start) // 2 * 2, size_px - SMALLEST_PX))
    last = min(size_px, max(-(-int(end) // 2) * 2, first + SMALLEST_PX))
    return first, last
