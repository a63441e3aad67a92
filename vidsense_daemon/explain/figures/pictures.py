"""Small pictures inside figures."""

from __future__ import annotations

import cv2
import numpy as np

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.explain.encoding import Floats

_QUALITY = 82
_HEAT = np.array([255, 120, 0], np.float32)  # on grey it is seen by everybody, in print too
_HEAT_SHARE = 0.8


def jpeg(picture: Picture) -> bytes:
    """An RGB picture (S, S, 3) as JPEG."""
    done, packed = cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done, "OpenCV packs every (H, W, 3) picture of bytes"
    return packed.tobytes()


def heated(picture: Picture, cells: Floats, *, low: float, high: float) -> bytes:
    """A JPEG of the picture in grey with (G, G) cells laid on it, from ``low`` (grey) to ``high`` (orange)."""
    side_px = picture.shape[0]
    strength = (cells - low) / ((high - low) or 1.0)
    share = cv2.resize(strength.astype(np.float32), (side_px, side_px), interpolation=cv2.INTER_NEAREST)
    share = np.asarray(share, np.float32)[..., None] * _HEAT_SHARE
    grey = picture.astype(np.float32).mean(axis=2, keepdims=True).repeat(3, axis=2)
    return jpeg(np.clip(grey * (1 - share) + _HEAT * share, 0, 255).astype(np.uint8))
