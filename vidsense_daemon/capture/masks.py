"""Polygons of the settings become masks over pixels: motion masks, zones, privacy masks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.capture.options import Polygon

Mask = NDArray[np.bool_]


def covered(polygons: Sequence[Polygon], width_px: int, height_px: int) -> Mask:
    """(height_px, width_px): true where a pixel's centre lies in one of the polygons (even-odd rule)."""
    inside = np.zeros((height_px, width_px), dtype=np.bool_)
    for polygon in polygons:
        inside |= _inside(polygon, width_px, height_px)
    return inside


def touched(polygons: Sequence[Polygon], width_px: int, height_px: int) -> Mask:
    """Like `covered`, one pixel wider on each side: what must be hidden may not shine through at an edge."""
    inside = covered(polygons, width_px, height_px)
    wider = inside.copy()
    wider[1:] |= inside[:-1]
    wider[:-1] |= inside[1:]
    inside = wider.copy()
    wider[:, 1:] |= inside[:, :-1]
    wider[:, :-1] |= inside[:, 1:]
    return wider


class PrivacyMask:
    """The privacy masks at any size; each size is drawn once."""

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = polygons
        self._drawn: dict[tuple[int, int], Mask] = {}

    def __call__(self, width_px: int, height_px: int) -> Mask:
        """(height_px, width_px): true where the picture is hidden."""
        size = (width_px, height_px)
        if size not in self._drawn:
            self._drawn[size] = touched(self._polygons, width_px, height_px)
        return self._drawn[size]


def _inside(polygon: Polygon, width_px: int, height_px: int) -> Mask:
    """Even-odd rule, a row at a time for all pixels at once: count the edges to the left of each pixel."""
    x = (np.arange(width_px) + 0.5)[None, :]
    y = (np.arange(height_px) + 0.5)[:, None]
    inside = np.zeros((height_px, width_px), dtype=np.bool_)
    corners = [(corner[0] * width_px, corner[1] * height_px) for corner in polygon]
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], *corners[:1]], strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)  # (H, 1)
        inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside
