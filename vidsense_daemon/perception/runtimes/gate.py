"""Whether a faster tower says the same as the model's own float32: the cosine of their embeddings, picture by picture.

Stored embeddings, thresholds and triggers do not know which runtime made them, so none may be used that moves them.
Compared on pictures of the user's own cameras where there are any. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.runtimes.tower import Tower, embed

LEAST_MEAN_COSINE = 0.99
LEAST_WORST_COSINE = 0.98


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two towers' embeddings of the same pictures are: 1 is the same."""

    mean: float
    worst: float

    @property
    def holds(self) -> bool:
        return self.mean >= LEAST_MEAN_COSINE and self.worst >= LEAST_WORST_COSINE

    def __str__(self) -> str:
        return f"cosine {self.mean:.4f} in the mean, {self.worst:.4f} at worst"


def agreement(exact: NDArray[np.float32], other: NDArray[np.float32]) -> Agreement:
    """Of unit embeddings (B, D); values that are no numbers agree with nothing."""
    cosines = np.nan_to_num(np.einsum("bd,bd->b", exact, other), nan=-1.0)
    return Agreement(mean=float(cosines.mean()), worst=float(cosines.min()))


def compared(tower: Tower, exact: NDArray[np.float32], pictures: Sequence[Picture]) -> Agreement:
    """How ``tower`` agrees with the exact embeddings (B, D) of these pictures; its tiles must be numbers, too."""
    whole, tiles = embed(tower, pictures)
    if tiles is not None and not np.isfinite(tiles).all():
        return Agreement(mean=-1.0, worst=-1.0)
    return agreement(exact, whole)


def made_up_pictures(picture_px: int, *, count: int = 12) -> list[Picture]:
    """Pictures to compare with when there are none of a camera: shaded planes, boxes and grain, always the same."""
    random = np.random.default_rng(7)
    return [_made_up(random, picture_px) for _ in range(count)]


def _made_up(random: np.random.Generator, side_px: int) -> Picture:
    down, across = np.mgrid[0:side_px, 0:side_px] / side_px
    shade = random.uniform(40, 200, 3) + random.uniform(-60, 60, 3) * across[..., None]
    picture = shade + random.uniform(-60, 60, 3) * down[..., None]  # (S, S, 3)
    for _ in range(random.integers(2, 7)):
        top, left = random.integers(0, side_px, 2)
        height, width = random.integers(max(2, side_px // 16), max(3, side_px // 2), 2)
        picture[top : top + height, left : left + width] = random.uniform(0, 255, 3)
    grain = random.normal(0, 6, picture.shape)
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)
