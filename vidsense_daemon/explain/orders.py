"""Part 4, temporal: the same frames backwards and shuffled. What notices that, and what doesn't?

Features: each window's own frames in another order, their times as they were. A mean over frames cannot notice, a
model of time should. Scores and |difference| of neighbouring frames: the whole clip in another order. |difference|
stands beside the rest because it is the cheapest thing that can notice anything.

W = windows, T = frames of a window, D = dimension, Q = queries.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import EmbeddedFrame, Window, unit
from vidsense_daemon.explain.encoding import Encoded, Floats, contextualised, scores, windows_of
from vidsense_daemon.perception.adapters import fresh_temporal
from vidsense_daemon.perception.scoring import TriggerTexts
from vidsense_daemon.perception.temporal import TemporalTransformer
from vidsense_daemon.perception.windows import inputs_of

ORDERS = ("as filmed", "reversed", "shuffled")
FEWEST_FRAMES = 3
_SEED = 7


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What one order of the same frames gives."""

    name: str
    pooled_cosine: float  # of a window's embedding to that of the same frames as filmed: 1 is no difference
    frame_cosine: float  # of each frame's contextualised embedding to its own as filmed
    added_distance: float  # what the blocks add to a window, before the gate: distance to what they add as filmed
    difference: float  # mean length of x_t - x_{t-1}
    best_scores: Floats  # (Q,): highest score s of each query
    steps: Floats  # (F-1,): length of x_t - x_{t-1}, in this order


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """The same frames in three orders."""

    temporal: str  # which temporal transformer, in words
    gate: float  # g: at 0 nothing of the blocks reaches the features
    queries: tuple[str, ...]
    orders: tuple[Order, ...]


def orders(
    encoded: Encoded,
    trained: TemporalTransformer | None,
    texts: dict[str, TriggerTexts],
    *,
    window_frames: int,
) -> Orders:
    """The part's figures; needs `FEWEST_FRAMES`."""
    temporal = trained or fresh_temporal(encoded.wholes.shape[1])
    frames = encoded.frames
    windows = windows_of(frames, temporal, window_frames=window_frames)
    return Orders(
        temporal="with the adapter that verdicts have trained" if trained else "untrained: g = 0, mean pooling",
        gate=float(temporal.gate.item()),
        queries=tuple(texts),
        orders=tuple(_order(name, frames, windows, temporal, texts, window_frames) for name in ORDERS),
    )


def _order(
    name: str,
    frames: Sequence[EmbeddedFrame],
    windows: Sequence[Window],
    temporal: TemporalTransformer,
    texts: dict[str, TriggerTexts],
    window_frames: int,
) -> Order:
    opened = _opened(temporal)
    pooled, contexts, added = [], [], []
    for window in windows:
        places = _places(name, len(window.frames))
        arranged = _placed(window.frames, places)
        made = contextualised(arranged, temporal)
        pooled.append(_cosine(made.pooled[0].numpy(), window.pooled))
        contexts.append(_cosine(made.frames[0].numpy(), window.contextualised[places]))
        added.append(np.linalg.norm(_added(arranged, opened) - _added(window.frames, opened)))
    clip = _placed(frames, _places(name, len(frames)))
    x = inputs_of(clip)  # (F, D)
    steps = np.linalg.norm(x[1:] - x[:-1], axis=1)
    return Order(
        name=name,
        pooled_cosine=float(np.mean(pooled)),
        frame_cosine=float(np.mean(contexts)),
        added_distance=float(np.mean(added)),
        difference=float(steps.mean()),
        best_scores=_highest(scores(windows_of(clip, temporal, window_frames=window_frames), texts)),
        steps=steps.astype(np.float32),
    )


def _places(name: str, count: int) -> NDArray[np.int64]:
    """Which frame stands at each moment."""
    there = np.arange(count)
    if name == "reversed":
        return there[::-1]
    return np.random.default_rng(_SEED).permutation(count) if name == "shuffled" else there


def _placed(frames: Sequence[EmbeddedFrame], places: NDArray[np.int64]) -> list[EmbeddedFrame]:
    """Each moment with the picture of another: embeddings and boxes travel, times and runs stay."""
    return [
        replace(
            frames[source],
            run_id=moment.run_id,
            index=moment.index,
            captured_at=moment.captured_at,
            pts_s=moment.pts_s,
        )
        for moment, source in zip(frames, places.tolist(), strict=True)
    ]


def _opened(temporal: TemporalTransformer) -> TemporalTransformer:
    """A copy whose gate is fully open (g = 1): what its blocks make shows in full."""
    opened = copy.deepcopy(temporal)
    opened.gate.data.fill_(1.0)
    return opened


def _added(frames: Sequence[EmbeddedFrame], opened: TemporalTransformer) -> Floats:
    """(D,): what the blocks add to the window's mean before the gate: mean of h - (u + PE)."""
    return np.asarray(contextualised(frames, opened).pooled[0].numpy() - inputs_of(frames).mean(axis=0), np.float32)


def _cosine(one: Floats, other: Floats) -> float:
    """Of two vectors, or the mean of each row to its own."""
    return float((unit(one) * unit(other)).sum(axis=-1).mean())


def _highest(values: Floats) -> Floats:
    """(Q, F) → (Q,); NaN for a query that no frame could be scored for."""
    known = np.where(np.isnan(values), -np.inf, values).max(axis=1, initial=-np.inf)
    return np.where(np.isfinite(known), known, np.nan).astype(np.float32)
