"""What may be learned from of a camera's clips: of its present scene, not frozen, split by time. Pure.

    oldest ── train ──────────────────────────────── tune ──── held out ── newest
              everything else                        10 %      15 %

`tune` chooses when to stop; `held out` is looked at once, by the promotion gate. Clips never overlap, so no frame is on
two sides. A random split would be a leak: neighbouring clips show the same people.

N = frames of a clip, K = tiles, D = dimension of the embedding space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.windows import TILES, unit
from vidsense_daemon.learning.experience import Clip

LEAST_CLIPS = 24  # with fewer, the newest 15 % are too little to judge a model by
_HELD_OUT_RATIO = 0.15
_TUNE_RATIO = 0.10
# a stream that stands still repeats its picture bit by bit; sensor noise alone moves a tile by 0.01
_FROZEN_CHANGE = 1e-4
# median over the tiles of two clips' cosine: the same view in other light 0.7 to 0.95, at night in infrared
# 0.45 to 0.8, panned by a fifth of the picture 0.75, another view below 0.3 (builtin encoder, four cameras)
_SAME_VIEW = 0.4
_LEAST_SINCE_MOVE = 3  # clips that show another view: fewer may be a hand or a spider before the lens


class StillLearningError(PermanentError):
    """There is not enough to learn from yet; what is live stays."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Clips of one camera and one encoder, oldest first."""

    encoder: str
    train: tuple[Clip, ...]
    tune: tuple[Clip, ...]
    held_out: tuple[Clip, ...]
    notes: tuple[str, ...]  # what was left out, in words for the owner

    @property
    def begins_at(self) -> datetime:
        return self.train[0].started_at

    @property
    def held_out_from(self) -> datetime:
        return self.held_out[0].started_at

    @property
    def ends_at(self) -> datetime:
        return self.held_out[-1].ended_at

    @property
    def clips(self) -> int:
        return len(self.train) + len(self.tune) + len(self.held_out)


def dataset_of(clips: Sequence[Clip]) -> Dataset:
    """The clips that count, split by time.

    Raises:
        StillLearningError: there are too few; the message says how many and why.
    """
    tiled = [clip for clip in clips if clip.tiles.shape[1] == TILES and np.isfinite(clip.tiles).all()]
    if clips and not tiled:
        raise StillLearningError(
            "its encoder says nothing of the picture's parts (tiles): there is nothing to foretell"
        )
    alive = [clip for clip in tiled if not is_frozen(clip)]
    here = of_present_view(alive)
    notes = []
    if len(alive) < len(tiled):
        notes.append(f"{len(tiled) - len(alive)} of {len(tiled)} clips show one unchanging picture")
    if len(here) < len(alive):
        notes.append(f"the camera was moved before {here[0].started_at:%Y-%m-%d %H:%M} UTC: older clips are left out")
    if len(here) < LEAST_CLIPS:
        because = f" ({'; '.join(notes)})" if notes else ""
        raise StillLearningError(f"still learning: {len(here)} of {LEAST_CLIPS} clips that are needed{because}")
    held_out = max(2, round(_HELD_OUT_RATIO * len(here)))
    tune = max(2, round(_TUNE_RATIO * len(here)))
    return Dataset(
        encoder=here[0].encoder,
        train=tuple(here[: -held_out - tune]),
        tune=tuple(here[-held_out - tune : -held_out]),
        held_out=tuple(here[-held_out:]),
        notes=tuple(notes),
    )


def is_frozen(clip: Clip) -> bool:
    """Whether the stream repeated one picture: a hung camera, not a calm scene."""
    return float(np.abs(np.diff(clip.tiles.astype(np.float32), axis=0)).max(initial=0.0)) < _FROZEN_CHANGE


def of_present_view(clips: Sequence[Clip]) -> list[Clip]:
    """The clips since the camera was last turned to something else.

    It was moved where none of the clips before looks like any of those after. Night and day look unlike, too, but
    the night before this one looks like this one.
    """
    if not clips:
        return []
    views = np.stack([_view(clip) for clip in clips])  # (clips, K, D)
    alike = np.median(np.einsum("akd,bkd->kab", views, views), axis=0) >= _SAME_VIEW  # (clips, clips)
    for begin in range(len(clips) - _LEAST_SINCE_MOVE, 0, -1):
        if not alike[begin:, :begin].any():
            return list(clips[begin:])
    return list(clips)


def _view(clip: Clip) -> NDArray[np.float32]:
    """What each tile shows on average, unit length. (K, D)"""
    mean = clip.tiles.astype(np.float32).mean(axis=0)  # (K, D)
    return unit(mean)
