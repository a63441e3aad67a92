"""A 4:2:0 picture's samples where they lie, in the decoder's memory or in an array: nothing is copied. Pure."""

from __future__ import annotations

from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.squares import Square

Levels = NDArray[np.uint8]
Samples = tuple[Levels, Levels, Levels]  # luma (H, W), blue and red chroma (H/2, W/2); rows may lie further apart


def samples_in(frame: av.VideoFrame) -> Samples:
    """Those of a frame, valid as long as they are referred to; not to be written into."""
    luma, blue, red = (
        np.frombuffer(cast("memoryview", plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    return luma, blue, red


def samples_of(planes: Levels) -> Samples:
    """Those of one array (H·3/2, W)."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    blue, red = planes[height:].reshape(2, height // 2, width // 2)
    return planes[:height], blue, red


def frame_of(samples: Samples, square: Square, *, pixels: str = "yuv420p") -> av.VideoFrame:
    """A part of them as a frame, by pointers into each plane."""
    luma, blue, red = samples
    left, top, right, bottom = square
    rows, columns = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
    part = luma[top:bottom, left:right], blue[rows, columns], red[rows, columns]
    return av.VideoFrame.from_dlpack(part, format=pixels)
