"""Part 3, attention: what each frame of a window looks at, layer by layer and head by head, before and after training.

T = frames of the window, L = layers, H = heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.explain.encoding import Encoded, Floats, contextualised, untrained
from vidsense_daemon.perception.temporal import TemporalTransformer

FEWEST_FRAMES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """The temporal transformer on the clip's busiest window."""

    times_s: NDArray[np.float64]  # (T,): of the clip
    untrained: Floats  # (L, H, T, T): from row (query) to column (attended), each row sums to 1
    trained: Floats | None  # (L, H, T, T); none without trained weights for this camera
    trained_name: str  # which weights, or why there are none
    gate: float  # g of the weights in force; 0 without training
    weights: Floats  # (T,): how much each frame counts in the window's pooled embedding


def attention(
    encoded: Encoded,
    times_s: NDArray[np.float64],
    trained: TemporalTransformer | None,
    *,
    trained_name: str,
    window_frames: int,
) -> Attention:
    """The part's figures; needs `FEWEST_FRAMES`."""
    window = busiest(encoded.frames, window_frames)
    frames = encoded.frames[window]
    return Attention(
        times_s=times_s[window],
        untrained=maps(frames, untrained(encoded.wholes.shape[1])),
        trained=maps(frames, trained) if trained else None,
        trained_name=trained_name if trained else (trained_name or "no trained weights for this camera yet"),
        gate=float(trained.gate.item()) if trained else 0.0,
        weights=moment_weights(frames, trained),
    )


def busiest(frames: Sequence[EmbeddedFrame], window_frames: int) -> slice:
    """The window of one run in which most of the picture moves."""
    if len(frames) <= window_frames:
        return slice(0, len(frames))
    moved = np.array([frame.changed_ratio if frame.moving else 0.0 for frame in frames])
    windows = [frames[first : first + window_frames] for first in range(len(frames) - window_frames + 1)]
    totals = [
        moved[first : first + window_frames].sum() if window[0].run_id == window[-1].run_id else -1.0
        for first, window in enumerate(windows)
    ]
    first = int(np.argmax(totals))
    return slice(first, first + window_frames)


def maps(frames: Sequence[EmbeddedFrame], temporal: TemporalTransformer) -> Floats:
    """(L, H, T, T) of one window, causal as it is live."""
    made = contextualised(frames, temporal, with_attention=True)
    assert made.attention is not None  # it was asked for
    return made.attention[0].numpy().astype(np.float32)


def moment_weights(frames: Sequence[EmbeddedFrame], trained: TemporalTransformer | None) -> Floats:
    """(T,): how much each frame counts in the window, adding up to 1.

    Without trained weights the window is the mean of its frames: each counts the same, and that is no figure of speech.
    With them: attention rollout through the layers (Abnar & Zuidema 2020), averaged over heads and over the frames that
    look, since the window is the mean of those.
    """
    if trained is None or trained.gate.item() == 0:
        return np.full(len(frames), 1 / len(frames), np.float32)
    return np.asarray(rollout(maps(frames, trained)).mean(axis=0), np.float32)


def rollout(attention_maps: Floats) -> Floats:
    """(L, H, N, N) → (N, N): heads averaged, half of each layer its residual, layers multiplied; rows sum to 1."""
    itself = np.eye(attention_maps.shape[-1], dtype=np.float32)
    through: Floats = itself
    for layer in attention_maps.mean(axis=1):  # (N, N)
        through = (0.5 * layer + 0.5 * itself) @ through
    return np.asarray(through, np.float32)
