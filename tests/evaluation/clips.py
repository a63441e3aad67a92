"""Clips made for the tests: one colour that stays, or two that take turns; and an encoder that sees colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cameras import make_clip
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.windows import TILES

DIMENSION = 16
SIDE_PX = 32
SECONDS = 2.4
STEP = 120  # grey levels between the two shades


class ShadeEncoder:
    """A picture by the share of its pixels in each of 16 shades of red, so that what changes can be told."""

    name = "shades"
    dimension = DIMENSION
    picture_px = SIDE_PX

    def __init__(self) -> None:
        self.pictures = 0

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        self.pictures += len(pictures)
        return np.stack([_shades(picture) for picture in pictures])

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        whole = self.embed_pictures(pictures)
        return whole, np.repeat(whole[:, None], TILES, axis=1)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.eye(DIMENSION, dtype=np.float32)[[len(text) % DIMENSION for text in texts]]

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full(len(texts), 0.25, np.float32)


def _shades(picture: Picture) -> NDArray[np.float32]:
    counts = np.bincount((picture[..., 0] // (256 // DIMENSION)).ravel(), minlength=DIMENSION).astype(np.float32)
    shades: NDArray[np.float32] = counts / np.linalg.norm(counts)
    return shades


def paint(path: Path, *, flickers: bool, shade: int = 40, seconds: float = SECONDS) -> Path:
    """A clip at 10 fps of one shade, or of two that take turns every 0.2 s."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def picture_at(at_s: float) -> Picture:
        other = flickers and int(at_s / 0.2 + 0.01) % 2 == 1
        return np.full((48, 64, 3), min(255, shade + STEP * other), np.uint8)

    return make_clip(path, seconds=seconds, width_px=64, height_px=48, picture_at=picture_at)


def paint_fights(folder: Path, *, sources: int = 4) -> Path:
    """As many flickering clips as calm ones, one of each from every source, and the table of them."""
    lines = ["file,fight,source_group"]
    for source in range(sources):
        for fight in (0, 1):
            name = f"{'no' * (1 - fight)}fi{source:03}.mp4"
            # calm clips show one shade or the other, fights both: the mean of a fight lies between theirs
            paint(folder / name, flickers=bool(fight), shade=40 if fight or source % 2 else 40 + STEP)
            lines.append(f"{name},{fight},{source}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
