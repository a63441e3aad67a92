"""JPEGs of a camera as the encoder sees the camera: the whole picture squashed, and the square around what moved.

For calibrating and comparing runtimes; what perception looks at all day comes from capture. `S` = picture side in px.
"""

from __future__ import annotations

import cv2
import numpy as np

from vidsense_daemon.domain.frames import Box, Picture

_MARGIN = 0.65  # as capture cuts its crops: half the square's side, over the longer side of the box


def views_of(jpeg: bytes, box: Box | None, *, picture_px: int) -> list[Picture]:
    """The still's views, each (S, S, 3); none when it is damaged."""
    packed = np.frombuffer(jpeg, dtype=np.uint8)
    try:
        full = cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB) if packed.size else None
    except cv2.error:  # a header that promises more pixels than OpenCV allows
        full = None
    if full is None:
        return []
    parts = [full] if box is None else [full, full[_square(box, full.shape[1], full.shape[0])]]
    size = (picture_px, picture_px)
    shrinks = [min(part.shape[:2]) >= picture_px for part in parts]
    return [
        np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if small else cv2.INTER_LINEAR), np.uint8)
        for part, small in zip(parts, shrinks, strict=True)
    ]


def _square(box: Box, width_px: int, height_px: int) -> tuple[slice, slice]:
    x, y = box.centre[0] * width_px, box.centre[1] * height_px
    half_px = max(8.0, _MARGIN * max((box.right - box.left) * width_px, (box.bottom - box.top) * height_px))
    down = slice(max(0, int(y - half_px)), max(1, int(y + half_px)))
    return down, slice(max(0, int(x - half_px)), max(1, int(x + half_px)))
