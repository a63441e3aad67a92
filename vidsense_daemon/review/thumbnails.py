"""Small copies of stills for the cards: a page of fifty would otherwise load ten megabytes.

Made when first asked for, and kept in memory, the least asked for going first: on the disk they would be one more
thing that has to go when an event is deleted. A browser keeps its own copies (`media.FOR_EVER`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np

from vidsense_daemon.review.media import read_still

WIDTH_PX = 480  # a card is 320 px wide, and a phone's pixels are finer than that
_QUALITY = 78
_MOST_BYTES = 16 * 1024 * 1024  # some 700 of them
# JPEG can be decoded at a half, a quarter or an eighth, for as much less time
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


class Thumbnails:
    """Thread-safe; two threads that ask for the same new one at the same time both make it."""

    def __init__(self, *, media_dir: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._media_dir = media_dir
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, path: str, *, width_px: int) -> bytes:
        """The JPEG at ``path``, which is ``width_px`` wide, at most `WIDTH_PX` wide.

        Raises:
            Problem: 404, it is gone, or no plain file inside the media folder.
        """
        with self._lock:
            if (kept := self._kept.get(path)) is not None:
                self._kept.move_to_end(path)
                return kept
        made = smaller(read_still(path, media_dir=self._media_dir), width_px=width_px)
        with self._lock:
            if path not in self._kept:
                self._kept[path] = made
                self._bytes += len(made)
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return made


def smaller(jpeg: bytes, *, width_px: int) -> bytes:
    """The JPEG at most `WIDTH_PX` wide; as it is when it is small already, or can't be read as a picture."""
    if width_px <= WIDTH_PX:
        return jpeg
    flag = next((flag for factor, flag in _REDUCED if width_px // factor >= WIDTH_PX), cv2.IMREAD_COLOR)
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag)
    except cv2.error:  # empty, or larger than any picture
        return jpeg
    if picture is None:
        return jpeg
    height_px = max(1, round(picture.shape[0] * WIDTH_PX / picture.shape[1]))
    small = cv2.resize(picture, (WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
