"""JPEGs of a camera as the encoder sees the camera: the whole picture squashed, and the square around what moved.

For calibrating and comparing runtimes, for training and reports; what perception looks at all day comes from capture.
`S` = picture side in px.
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
    return [squashed(np.asarray(part, np.uint8), picture_px) for part in parts]


def squashed(picture: Picture, picture_px: int) -> Picture:
    """(S, S, 3) of a picture of any size, as capture does it."""
    shrinks = min(picture.shape[:2]) >= picture_px
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (picture_px, picture_px), interpolation=method), np.uint8)
