"""Part 2, embeddings: how alike the frames are, on a map of two dimensions, and what in the past an event resembles.

t-SNE (van der Maaten & Hinton 2008) through scikit-learn; with fewer frames than it needs, or without scikit-learn, the
first two principal components. F = frames, D = dimension.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.explain.encoding import Encoded, Floats, cosines, evenly

_FEWEST_FOR_TSNE = 12  # with a perplexity of 5 each frame has some five neighbours: fewer frames make no map
_PERPLEXITY_MOST = 30.0  # scikit-learn's default, and the paper's upper middle
_MOST_FRAMES = 300  # of the matrix and the map: more are thinned evenly


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An event of the camera's past that looks like the one explained."""

    event_id: str
    at: datetime  # the moment that resembles it most
    trigger: str
    words: str
    cosine: float  # between the two windows, each less the camera's mean


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """The frames in the encoder's space."""

    encoder: str
    times_s: NDArray[np.float64]  # (F,)
    scenes: NDArray[np.int64]  # (F,)
    scene_cuts_s: tuple[float, ...]  # of the clip
    cosine: Floats  # (F, F)
    points: Floats  # (F, 2): the map; its axes have no unit
    method: str  # which map, with its settings
    neighbours: tuple[Neighbour, ...]  # of an event; empty for a clip
    neighbours_note: str  # why there are none, when there are none


def embeddings(
    encoded: Encoded,
    times_s: NDArray[np.float64],
    *,
    encoder: str,
    scene_cuts_s: Sequence[float],
    neighbours: Sequence[Neighbour] = (),
    neighbours_note: str = "",
) -> Embeddings:
    """The part's figures; t-SNE takes a second or so."""
    places = evenly(len(times_s), _MOST_FRAMES)
    wholes = encoded.wholes[places]
    points, method = _map(wholes)
    return Embeddings(
        encoder=encoder,
        times_s=times_s[places],
        scenes=encoded.scenes[places],
        scene_cuts_s=tuple(scene_cuts_s),
        cosine=cosines(wholes),
        points=points,
        method=method,
        neighbours=tuple(neighbours),
        neighbours_note=neighbours_note,
    )


def _map(wholes: Floats) -> tuple[Floats, str]:
    count = len(wholes)
    if count < _FEWEST_FOR_TSNE:
        return principal(wholes), f"PCA: {count} frames are too few for t-SNE, which needs {_FEWEST_FOR_TSNE}"
    if importlib.util.find_spec("sklearn") is None:
        return principal(wholes), "PCA: t-SNE needs scikit-learn (pip install 'vidsense-daemon[explain]')"
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # scikit-learn's own dependency

    perplexity = min(_PERPLEXITY_MOST, (count - 1) / 3)
    # by cosine, as everything here compares; from the principal components, so that it comes out the same each time
    points = TSNE(metric="cosine", init=principal(wholes) * 1e-2, perplexity=perplexity, random_state=0)
    with threadpool_limits(1):  # so few points take longer on several processors, and much longer on busy ones
        placed = points.fit_transform(wholes)
    return placed.astype(np.float32), f"t-SNE, perplexity {perplexity:.3g}, cosine distance"


def principal(vectors: Floats) -> Floats:
    """(F, D) → (F, 2): the two directions in which the frames differ most; zeros where there is but one frame."""
    centred = vectors - vectors.mean(axis=0)
    left, strengths, _right = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(vectors), 2), np.float32)
    found = min(2, len(strengths))
    points[:, :found] = left[:, :found] * strengths[:found]
    return points
