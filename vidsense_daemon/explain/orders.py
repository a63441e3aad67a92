"""Part 4, temporal: the same frames backwards and shuffled. What notices that, and what doesn't?

The pictures change places, the times stay: a film played backwards takes as long. A mean over frames cannot notice, a
model of time should. |difference| of neighbouring frames stands beside, since it is the cheapest thing that can.

W = windows, T = frames of a window, D = dimension, Q = queries.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.explain.encoding import Encoded, Floats, contextualised, scores, untrained, windows_of
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
    pooled_cosine: float  # mean over windows, to the same window as filmed: 1 is no difference
    contextualised_cosine: float  # the same, of the newest frame's contextualised embedding
    block_change: float  # what the blocks add, before the gate: mean distance to what they add as filmed
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
    temporal = trained or untrained(encoded.wholes.shape[1])
    frames = encoded.frames
    shuffled = np.random.default_rng(_SEED).permutation(len(frames))
    arranged = {
        "as filmed": list(frames),
        "reversed": _placed(frames, np.arange(len(frames))[::-1]),
        "shuffled": _placed(frames, shuffled),
    }
    filmed = _Features(arranged["as filmed"], temporal, texts, window_frames)
    made = []
    for name in ORDERS:
        features = _Features(arranged[name], temporal, texts, window_frames)
        made.append(features.beside(filmed, name))
    return Orders(
        temporal="trained on this camera" if trained else "untrained: g = 0, mean pooling",
        gate=float(temporal.gate.item()),
        queries=tuple(texts),
        orders=tuple(made),
    )


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


class _Features:
    """All features of one order."""

    def __init__(
        self,
        frames: Sequence[EmbeddedFrame],
        temporal: TemporalTransformer,
        texts: dict[str, TriggerTexts],
        window_frames: int,
    ) -> None:
        windows = windows_of(frames, temporal, window_frames=window_frames)
        self.pooled = np.stack([window.pooled for window in windows])  # (W, D)
        self.newest = np.stack([window.contextualised[-1] for window in windows])  # (W, D)
        opened = _opened(temporal)
        self.added = np.stack([_added(window.frames, opened) for window in windows])  # (W, D)
        self.scores = scores(windows, texts)  # (Q, F)
        x = inputs_of(frames)  # (F, D)
        self.steps = np.linalg.norm(x[1:] - x[:-1], axis=1)  # (F-1,)

    def beside(self, filmed: _Features, name: str) -> Order:
        return Order(
            name=name,
            pooled_cosine=_mean_cosine(self.pooled, filmed.pooled),
            contextualised_cosine=_mean_cosine(self.newest, filmed.newest),
            block_change=float(np.linalg.norm(self.added - filmed.added, axis=1).mean()),
            difference=float(self.steps.mean()),
            best_scores=_highest(self.scores),
            steps=self.steps.astype(np.float32),
        )


def _opened(temporal: TemporalTransformer) -> TemporalTransformer:
    """A copy whose gate is fully open (g = 1): what its blocks make shows in full."""
    opened = copy.deepcopy(temporal)
    opened.gate.data.fill_(1.0)
    return opened


def _added(frames: Sequence[EmbeddedFrame], opened: TemporalTransformer) -> Floats:
    """(D,): what the blocks add to the window's mean before the gate: mean of h - (u + PE)."""
    return np.asarray(contextualised(frames, opened).pooled[0].numpy() - inputs_of(frames).mean(axis=0), np.float32)


def _mean_cosine(one: Floats, other: Floats) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / np.maximum(lengths, 1e-12)).mean())


def _highest(values: Floats) -> Floats:
    """(Q, F) → (Q,); NaN for a query that no frame could be scored for."""
    known = np.where(np.isnan(values), -np.inf, values).max(axis=1, initial=-np.inf)
    return np.where(np.isfinite(known), known, np.nan).astype(np.float32)
