"""What perception makes of frames. `T` = frames of a window, `D` = dimension of the embedding space."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Blocks, Box, Picture, Still, most_changed

Embedding = NDArray[np.float32]  # (D,) or (…, D), unit length

_SHORTEST = 1e-12  # as PyTorch's `normalize` has it

TILE_ROWS, TILE_COLUMNS = 4, 6
TILES = TILE_ROWS * TILE_COLUMNS  # row by row from the upper left corner


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedFrame:
    """A sampled frame after the encoder; the pictures are gone, but for the one that may be asked for."""

    camera: str
    run_id: str
    index: int
    captured_at: datetime
    pts_s: float
    whole: Embedding  # (D,)
    whole_background: Embedding | None  # (D,)
    crop: Embedding | None  # (D,)
    crop_background: Embedding | None  # (D,)
    box: Box | None
    moving: bool
    changed_ratio: float
    scene_changed: bool
    zones: tuple[str, ...]
    still: Still | None
    tiles: Embedding | None = None  # (TILES, D): the encoder's patch features, pooled over a grid on the whole picture
    block_changes: Blocks | None = None  # the frame's
    picture: Picture | None = None  # (S, S, 3): the whole, where something looks at pictures and not only at embeddings

    @property
    def block_change(self) -> float:
        """Grey levels: that of the most changed block."""
        return most_changed(self.block_changes)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """T frames of one run, oldest first, and what the temporal transformer made of them."""

    frames: tuple[EmbeddedFrame, ...]
    contextualised: NDArray[np.float32]  # (T, D): each frame's embedding in the light of the others
    pooled: Embedding  # (D,): mean of the contextualised

    @property
    def camera(self) -> str:
        return self.frames[-1].camera

    @property
    def started_at(self) -> datetime:
        return self.frames[0].captured_at

    @property
    def ended_at(self) -> datetime:
        return self.frames[-1].captured_at


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """The vectors (…, D) at length 1; one of zeros stays what it is."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, _SHORTEST), np.float32)
