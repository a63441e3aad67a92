"""How much a frame's tiles differ from what the frames before led to expect: next-embedding prediction error.

    persistence   x̂_t = x_{t−1}
    ridge-AR      x̂_t = x_{t−1} + [x_{t−1} − x̄, v_{t−1}·Δ, v_{t−2}·Δ] W      v: change a second, Δ: seconds to the next
    error         e_t = ‖x_t − x̂_t‖

A camera's first model is persistence; ridge-AR of order 3 is a closed-form solve of seconds and the first day's model;
a trained transformer may take its place. All are a `SurpriseModel`, so they can be exchanged while a camera is watched.
W predicts the change and not the value: the ridge then shrinks towards persistence, never towards nonsense. Velocities
instead of plain lags because sampling is adaptive: frames come 0.2 s or seconds apart. Pure but for `load`.

T = frames of a sequence, oldest first; D = dimension of the embedding space; 24 tiles a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vidsense_daemon.base.errors import PermanentError

Tiles = NDArray[np.float32]  # (T, 24, D)
Seconds = NDArray[np.float64]  # (T,), rising
Errors = NDArray[np.float32]  # (T, 24)

ORDER = 3  # frames that ridge-AR looks back: x_{t−1}, and two velocities
_RIDGE = 1e-2  # λ over the mean diagonal of the Gram matrix
_LONGEST_STEP = 5.0  # a velocity is not extrapolated to more than so many times the interval it was seen over
_LEAST_FRAMES = 100  # fewer say nothing of D·3 weights
_FORMAT = "vidsense-ridge-ar-1"


class SurpriseModel(Protocol):
    """Predicts a camera's tiles from the frames before; thread-safe, since it never changes."""

    @property
    def name(self) -> str:
        """Which kind of model, for logs and events: persistence, ridge-ar, transformer…"""

    @property
    def context_frames(self) -> int:
        """How many frames before it a prediction looks at; more of them change nothing."""

    def errors(self, tiles: Tiles, seconds: Seconds) -> Errors:
        """(T, 24): how far each frame's tiles (T, 24, D), taken at ``seconds`` (T,), are from their prediction.

        Each frame is predicted from those before it only. NaN where nothing can be told: the first frame, and tiles
        that are no numbers or are predicted from such.
        """


class Persistence:
    """Expects that nothing changes: the baseline that every other model must beat."""

    name = "persistence"
    context_frames = 1

    def errors(self, tiles: Tiles, seconds: Seconds) -> Errors:  # noqa: ARG002 - the port's signature
        return _lengths(np.diff(tiles, axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class RidgeAR:
    """The linear prediction of the module's head, one for all tiles of a camera."""

    encoder: str  # whose space it was fitted in
    mean: NDArray[np.float32]  # x̄ (D,)
    weights: NDArray[np.float32]  # W (3·D, D)

    @property
    def name(self) -> str:
        return "ridge-ar"

    @property
    def context_frames(self) -> int:
        return ORDER

    def errors(self, tiles: Tiles, seconds: Seconds) -> Errors:
        return _lengths(self.residuals(tiles, seconds))

    def residuals(self, tiles: Tiles, seconds: Seconds) -> Tiles:
        """(T−1, 24, D): what each frame but the first shows beyond its prediction; NaN where nothing can be told."""
        inputs, changes = _regression(tiles, seconds, self.mean)  # (T−1, 24, 3·D), (T−1, 24, D)
        return changes - inputs @ self.weights

    @classmethod
    def fit(cls, sequences: Iterable[tuple[Tiles, Seconds]], *, encoder: str, ridge: float = _RIDGE) -> RidgeAR:
        """The weights that predict these calm sequences best, in the least-squares sense, held small by ``ridge``.

        Blocks for seconds: (3·D)² · rows multiplications. Frames with tiles that are no numbers are left out.

        Raises:
            PermanentError: there are too few frames to learn from.
        """
        return cls.fits(sequences, encoder=encoder, ridges=(ridge,))[0]

    @classmethod
    def fits(
        cls, sequences: Iterable[tuple[Tiles, Seconds]], *, encoder: str, ridges: Sequence[float]
    ) -> list[RidgeAR]:
        """One `fit` for each of ``ridges``, at little more than the price of one: for who can tell which is best."""
        kept = [(tiles, seconds) for tiles, seconds in sequences if len(tiles) > 1]
        frames = sum(len(tiles) - 1 for tiles, _ in kept)
        if frames < _LEAST_FRAMES:
            raise PermanentError(f"{frames} frames are too few to learn from: {_LEAST_FRAMES} are needed")
        dimension = kept[0][0].shape[-1]
        mean = np.nanmean([np.nanmean(tiles, axis=(0, 1)) for tiles, _ in kept], axis=0).astype(np.float32)  # (D,)
        gram = np.zeros((ORDER * dimension, ORDER * dimension))
        moment = np.zeros((ORDER * dimension, dimension))
        for tiles, seconds in kept:
            inputs, changes = _regression(tiles, seconds, mean)
            usable = np.isfinite(inputs).all(axis=-1) & np.isfinite(changes).all(axis=-1)  # (T−1, 24)
            rows, targets = inputs[usable], changes[usable]  # (N, 3·D), (N, D)
            gram += rows.T @ rows
            moment += rows.T @ targets
        unit, least = np.eye(len(gram)) * np.trace(gram) / len(gram), np.eye(len(gram)) * np.finfo(np.float32).tiny
        solved = (np.linalg.solve(gram + ridge * unit + least, moment) for ridge in ridges)
        return [cls(encoder, mean, weights.astype(np.float32)) for weights in solved]

    def as_kept(self) -> RidgeAR:
        """The model as it comes back from its file: what is measured must be what will run."""
        mean, weights = (part.astype(np.float16).astype(np.float32) for part in (self.mean, self.weights))
        return RidgeAR(self.encoder, mean, weights)

    def to_bytes(self) -> bytes:
        """The content of its file, in half precision."""
        tensors = {"mean": self.mean.astype(np.float16), "weights": self.weights.astype(np.float16)}
        return save(tensors, metadata={"format": _FORMAT, "encoder": self.encoder})

    @classmethod
    def load(cls, path: Path) -> RidgeAR:
        """What `to_bytes` made; compare its ``encoder`` with the present one before use.

        Raises:
            PermanentError: the file is missing, damaged, or of another version.
        """
        try:
            with safe_open(path, "np") as file:
                about = file.metadata() or {}
                mean, weights = (file.get_tensor(key).astype(np.float32) for key in ("mean", "weights"))
        except (OSError, SafetensorError) as error:
            raise PermanentError(f"cannot read the prediction weights in {path}: {error}") from error
        if about.get("format") != _FORMAT or weights.shape != (ORDER * mean.size, mean.size):
            raise PermanentError(f"{path} holds no prediction weights of this version")
        return cls(about.get("encoder", ""), mean, weights)


def _regression(tiles: Tiles, seconds: Seconds, mean: NDArray[np.float32]) -> tuple[Tiles, Tiles]:
    """What each frame but the first is predicted from (T−1, 24, 3·D), and how it differs from the one before.

    A velocity that would need an earlier frame than there is counts as 0.
    """
    changes = np.diff(tiles, axis=0)  # (T−1, 24, D)
    steps_s = np.diff(seconds)  # (T−1,)
    parts = [tiles[:-1] - mean]
    for back in range(1, ORDER):
        stretch = np.clip(steps_s[back:] / np.maximum(steps_s[:-back], 1e-3), 0, _LONGEST_STEP)  # (T−1−back,)
        led = np.zeros_like(changes)
        led[back:] = changes[:-back] * stretch[:, None, None].astype(np.float32)
        parts.append(led)
    return np.concatenate(parts, axis=-1), changes


def _lengths(residuals: Tiles) -> Errors:
    """‖residual‖ of each tile, with a row of NaN for the first frame. (T, 24)"""
    unknown = np.full((1, residuals.shape[1]), np.nan, np.float32)
    return np.concatenate([unknown, np.linalg.norm(residuals, axis=-1).astype(np.float32)])
