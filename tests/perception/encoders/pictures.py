"""Pictures that are made by a formula, so that what a network says of them can be written down once."""

from __future__ import annotations

import numpy as np

from vidsense_daemon.domain.frames import Picture


def pattern(*, px: int = 224, phase: int = 0) -> Picture:
    """Stripes, curves and edges in all three colours."""
    y, x = np.mgrid[0:px, 0:px]
    return np.stack([(x * 7 + y * 3 + phase) % 256, (x * y) // 7 % 256, (x - y) % 256], 2).astype(np.uint8)


def plain(value: int, *, px: int = 224) -> Picture:
    return np.full((px, px, 3), value, np.uint8)
