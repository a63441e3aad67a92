"""JPEGs of a camera as the encoder sees the camera: the whole picture squashed, and the square around what moved.

For calibrating and comparing runtimes; what perception looks at all day comes from capture. `S` = picture side in px.
"""

from __future__ import annotations

import cv2
import numpy as np

from vidsense_daemon.domain.frames import Box, Picture
from vidsense_daemon.domain.squares import square_around


def views_of(jpeg: bytes, box: Box | None, *, picture_px: int) -> list[Picture]:
    """The still's views, each (S, S, 3); none when it is damaged."""
    packed = np.frombuffer(jpeg, dtype=np.uint8)
    try:
        full = cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB) if packed.size else None
    except cv2.error:  # a header that promises more pixels than OpenCV allows
        full = None
    if full is None:
        return []
    parts = [full]
    if box is not None:
        left, top, right, bottom = square_around(box, full.shape[1], full.shape[0])
        parts.append(full[top:bottom, left:right])
    size = (picture_px, picture_px)
    shrinks = [min(part.shape[:2]) >= picture_px for part in parts]
    return [
        np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if small else cv2.INTER_LINEAR), np.uint8)
        for part, small in zip(parts, shrinks, strict=True)
    ]
