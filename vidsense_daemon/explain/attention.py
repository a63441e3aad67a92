"""Part 3, attention: what each frame of a window looks at, layer by layer and head by head, before and after training.

Two transformers of one design are looked at. The one for windows is what triggers and search see through; its gate
stays closed until an adapter opens it. The one that foretells tiles is trained each night, for each camera: there the
heads have learnt something, and before and after can be compared on the same input.

T = frames of the window, L = layers, H = heads, K = tiles of a picture, D = dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vidsense_daemon.domain.windows import TILE_COLUMNS, EmbeddedFrame
from vidsense_daemon.explain.encoding import Encoded, Floats, contextualised
from vidsense_daemon.perception.adapters import fresh_temporal
from vidsense_daemon.perception.foresight import Foresight
from vidsense_daemon.perception.temporal import Block, TemporalTransformer, TilePredictor
from vidsense_daemon.perception.windows import seconds_of

FEWEST_FRAMES = 2


@dataclass(frozen=True, slots=True, eq=False)
class TileAttention:
    """The transformer that foretells tiles, on the tile of the window in which most changes."""

    row: int  # of the tile, from 0 above
    column: int  # from 0 on the left
    times_s: NDArray[np.float64]  # (T-1,): of the clip; the last frame is what is foretold
    before: Floats  # (L, H, T-1, T-1): untrained
    after: Floats  # (L, H, T-1, T-1): trained on this camera


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """The temporal transformer on the clip's busiest window."""

    times_s: NDArray[np.float64]  # (T,): of the clip
    untrained: Floats  # (L, H, T, T): from row (query) to column (attended), each row sums to 1
    trained: Floats | None  # (L, H, T, T); none without an adapter for windows
    trained_name: str  # which weights this camera has, or why there are none
    foretelling: TileAttention | None  # none without a trained transformer for this camera's tiles
    gate: float  # g of the weights in force; 0 without training
    weights: Floats  # (T,): how much each frame counts in the window's pooled embedding


def attention(
    encoded: Encoded,
    times_s: NDArray[np.float64],
    trained: TemporalTransformer | None,
    *,
    trained_name: str,
    foresight: Foresight | None,
    window_frames: int,
) -> Attention:
    """The part's figures; needs `FEWEST_FRAMES`."""
    window = busiest(encoded.frames, window_frames)
    frames = encoded.frames[window]
    return Attention(
        times_s=times_s[window],
        untrained=maps(frames, fresh_temporal(encoded.wholes.shape[1])),
        trained=maps(frames, trained) if trained else None,
        trained_name=trained_name or "no trained weights for this camera yet",
        foretelling=_on_busiest_tile(frames, times_s[window], foresight.predictor) if foresight else None,
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


def tile_maps(tiles: Floats, seconds: Floats, predictor: TilePredictor) -> Floats:
    """(K, L, H, T-1, T-1) of tiles (T, K, D) of frames at ``seconds`` (T,): what each tile's own past gave to it."""
    layers: list[Tensor] = []
    handles = []
    for block in predictor.trunk.blocks:
        handles += [
            block.register_forward_pre_hook(_with_attention, with_kwargs=True),
            block.register_forward_hook(lambda _block, _inputs, output: layers.append(output[1])),
        ]
    try:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(tiles.transpose(1, 0, 2)))  # (K, T, D)
            predictor(x, torch.from_numpy(seconds).expand(len(x), -1), torch.arange(len(x)))
    finally:
        for handle in handles:
            handle.remove()
    return np.asarray(torch.stack(layers, dim=1).numpy(), np.float32)


def _with_attention(_block: nn.Module, inputs: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return inputs, {**options, "with_attention": True}


def _on_busiest_tile(
    frames: Sequence[EmbeddedFrame], times_s: NDArray[np.float64], predictor: TilePredictor
) -> TileAttention | None:
    tiles = [frame.tiles for frame in frames if frame.tiles is not None]
    if len(tiles) < max(FEWEST_FRAMES, len(frames)):
        return None
    seen = np.stack(tiles).astype(np.float32)  # (T, K, D)
    tile = int(np.linalg.norm(np.diff(seen, axis=0), axis=-1).sum(axis=0).argmax())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = [layer for layer in predictor.trunk.blocks if isinstance(layer, Block)]
        fresh = TilePredictor(
            dimension=seen.shape[-1], tiles=seen.shape[1], layers=len(sizes), heads=sizes[0].heads
        ).eval()
    seconds = seconds_of(frames)
    return TileAttention(
        row=tile // TILE_COLUMNS,
        column=tile % TILE_COLUMNS,
        times_s=times_s[:-1],
        before=tile_maps(seen, seconds, fresh)[tile],
        after=tile_maps(seen, seconds, predictor)[tile],
    )


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
