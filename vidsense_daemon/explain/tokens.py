"""Part 1, tokenization: which frames, why these, and what other ways of sampling would cost.

G = cells along one side of a frame. A vision transformer such as CLIP ViT-B/16 cuts a picture of 224 px into 14 × 14
patches of 16 px, each a token. The builtin encoder is a convolutional network: it has no tokens, and the cells of its
last feature map (7 × 7, 32 px apart) stand in for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.description.budget import thinned
from vidsense_daemon.explain.encoding import Encoded
from vidsense_daemon.explain.material import Look, Material

VIT_PATCH_PX = 16
_MOST_SHOWN = 20
_SEEN_WITHIN_S = 0.25  # a moment of motion counts as seen when a sampled frame is this near


@dataclass(frozen=True, slots=True)
class Grid:
    """How an encoder divides a picture."""

    encoder: str  # in words
    cells_per_side: int  # G
    picture_px: int
    tokens_per_frame: int  # G²; of a network without tokens: the cells of its feature map
    has_tokens: bool


@dataclass(frozen=True, slots=True)
class Budget:
    """What one way of sampling costs on this clip."""

    sampling: str
    frames: int
    tokens: int
    vit_tokens: int  # the same frames in patches of 16 px
    encode_s: float  # frames · the measured time of one picture
    motion_seen_ratio: float  # of the looks at which something moved: those with a sampled frame near


@dataclass(frozen=True, slots=True, eq=False)
class Tokenization:
    """Which frames were taken, and why."""

    looks: tuple[Look, ...]
    changed_ratio_threshold: float  # the gate's: more of the pixels is motion
    threshold_levels: int  # a pixel has changed when it differs by more, of 255
    kept_s: NDArray[np.float64]  # (F,): times of the frames that perception got
    shown: tuple[int, ...]  # places in the kept frames
    shown_s: NDArray[np.float64]  # (n,)
    shown_why: tuple[str, ...]  # (n,)
    pictures: NDArray[np.uint8]  # (n, S, S, 3): as the encoder gets them
    grid: Grid
    vit_tokens_per_frame: int
    budgets: tuple[Budget, ...]


def tokenization(material: Material, encoded: Encoded, grid: Grid, *, shown: int) -> Tokenization:
    """The part's figures."""
    begun_at = material.frames[0].captured_at
    kept_s = np.array([(frame.captured_at - begun_at).total_seconds() for frame, _ in encoded.pairs])
    chosen = chosen_frames(encoded, shown)
    vit_side = max(1, grid.picture_px // VIT_PATCH_PX)
    return Tokenization(
        looks=material.looks,
        changed_ratio_threshold=material.options.motion_changed_ratio,
        threshold_levels=material.options.motion_threshold_levels,
        kept_s=kept_s,
        shown=tuple(chosen),
        shown_s=kept_s[list(chosen)],
        shown_why=tuple(_why(place, encoded) for place in chosen),
        pictures=np.stack([encoded.pairs[place][0].whole.picture for place in chosen]),
        grid=grid,
        vit_tokens_per_frame=vit_side**2,
        budgets=tuple(_budgets(material, encoded, grid, vit_side**2, kept_s, kept_s[list(chosen)])),
    )


def check_shown(frames: int) -> None:
    """Refuse to show none, or more than anybody looks at, before anything is computed.

    Raises:
        PermanentError: the message says how many may be shown.
    """
    if not 1 <= frames <= _MOST_SHOWN:
        raise PermanentError(f"--frames {frames}: show 1 to {_MOST_SHOWN} frames")


def chosen_frames(encoded: Encoded, most: int) -> list[int]:
    """Places of at most ``most`` frames: the first, the one with most change and the last, then evenly between."""
    return thinned(range(len(encoded.pairs)), most, peak=_peak(encoded))


def _peak(encoded: Encoded) -> int | None:
    """The frame in which most has changed by motion; none when nothing moved."""
    changed = [frame.changed_ratio if frame.moving else 0.0 for frame in encoded.frames]
    return int(np.argmax(changed)) if any(changed) else None


def _why(place: int, encoded: Encoded) -> str:
    frame = encoded.frames[place]
    if place == 0:
        return "the first frame"
    if place == _peak(encoded):
        return f"most change: {frame.changed_ratio:.2%} of the pixels"
    if place == len(encoded.pairs) - 1:
        return "the last frame kept"
    if frame.scene_changed:
        return "another scene begins"
    return "evenly between, while something moves" if frame.moving else "evenly between, calm"


def _budgets(
    material: Material,
    encoded: Encoded,
    grid: Grid,
    vit_tokens: int,
    kept_s: NDArray[np.float64],
    shown_s: NDArray[np.float64],
) -> list[Budget]:
    picture_s = encoded.encode_s / max(1, encoded.pictures)
    moving_s = np.array([look.at_s for look in material.looks if look.moving])
    every_s = np.linspace(0, material.duration_s, max(1, material.decoded_frames), endpoint=False)
    rate = material.options.busy_fps
    uniform_s = np.arange(0, max(material.duration_s, 1e-3), 1 / rate)

    def budget(sampling: str, times_s: NDArray[np.float64]) -> Budget:
        count = len(times_s)
        seen = _seen_ratio(moving_s, times_s)
        return Budget(sampling, count, count * grid.tokens_per_frame, count * vit_tokens, count * picture_s, seen)

    sparse_s = np.linspace(0, material.duration_s, len(shown_s) + 2)[1:-1]
    return [
        budget("every frame", every_s),
        budget(f"uniform, {rate:g} a second", uniform_s),
        budget("adaptive: what the gate keeps", kept_s),
        budget(f"uniform, only {len(shown_s)}", sparse_s),
        budget(f"the {len(shown_s)} shown here, of those kept", shown_s),
    ]


def _seen_ratio(moving_s: NDArray[np.float64], times_s: NDArray[np.float64]) -> float:
    if not len(moving_s) or not len(times_s):
        return float("nan")
    nearest = np.abs(moving_s[:, None] - times_s[None, :]).min(axis=1)
    return float((nearest <= _SEEN_WITHIN_S).mean())


def scene_cuts(looks: Sequence[Look]) -> list[float]:
    """When another scene began, in seconds of the clip."""
    return [look.at_s for look in looks if look.scene_changed]
