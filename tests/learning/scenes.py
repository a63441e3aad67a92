"""Painted days of a camera, as clips: tiles that go round circles, and stop where they go when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.learning.experience import Clip, ExperienceFolder, Pace
from vidsense_daemon.learning.foretelling import Sizes

D = 16
NOON = datetime(2030, 5, 4, 12, tzinfo=UTC)
SMALL = Sizes(layers=1, heads=4, steps=100, learning_rate=1e-2, dropout=0.0)  # a second or two
CLIP_FRAMES = 16
_NOISE = 0.005


def clip(
    number: int,
    *,
    camera: str = "street",
    encoder: str = "eye",
    view: int = 0,
    frozen: bool = False,
    at: datetime = NOON,
) -> Clip:
    """Half an hour after the one before. A tile's place says which way it turns, and it bends as it goes:

    a straight line through the last frames misses the bend, who knows the rule does not.
    """
    random = np.random.default_rng(number)
    axes = np.linalg.qr(np.random.default_rng(1000 + view).standard_normal((D, D)))[0]
    seconds = np.arange(CLIP_FRAMES) / 5
    turns = np.where(np.arange(TILES) % 2, 1.6, -1.6)
    angle = random.uniform(0, 2 * np.pi, TILES) + seconds[:, None] * turns  # (N, K)
    if frozen:
        angle = np.broadcast_to(angle[:1], angle.shape)
    parts = (np.cos(angle), np.sin(angle), np.abs(np.sin(2 * angle)), np.full_like(angle, 1.5))
    tiles = sum(part[..., None] * axis for part, axis in zip(parts, axes, strict=False))
    tiles = tiles / np.linalg.norm(tiles, axis=-1, keepdims=True)
    if not frozen:
        tiles = tiles + _NOISE * random.standard_normal(tiles.shape)
    began_at = at + timedelta(minutes=30 * number)
    return Clip(
        camera=camera,
        encoder=encoder,
        run_id="run-1",
        pace=Pace.BUSY,
        at_ms=to_ms(began_at) + (1000 * seconds).astype(np.int64),
        pts_s=seconds,
        whole=tiles.mean(axis=1).astype(np.float16),
        tiles=tiles.astype(np.float16),
    )


def days(folder: ExperienceFolder, clips: int = 40, *, camera: str = "street") -> None:
    """A camera's ring with so many clips."""
    for number in range(clips):
        folder.add(clip(number, camera=camera))
