"""The trained `SurpriseModel`: ridge-AR, and the temporal transformer for what ridge-AR gets wrong.

    e_t = ‖x_t − x̂_t(ridge) − r̂_t‖          r̂: `TilePredictor`, causal, over windows of up to 17 frames

Standing on the ridge it can't do worse than the ridge before it has learnt anything (r̂ = 0, exactly), and what it has
learnt is plain: the difference of two errors. `learning` trains it and writes the file; `load_surprise` reads whichever
kind of model a file holds. A file in half precision has 17 MB at D = 512.

T = frames of a sequence, oldest first; K = 24 tiles; D = dimension of the embedding space.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.perception.surprise import Errors, RidgeAR, Seconds, Tiles
from vidsense_daemon.perception.temporal import TilePredictor
from vidsense_daemon.perception.tensor_file import read_tensors

CONTEXT_FRAMES = 8  # each frame is foretold from at least so many before it, where there are
_STRIDE_FRAMES = 8  # frames that one window foretells: a window has up to 8 + 8 + 1
_FORMAT = "vidsense-foresight-1"
_RIDGE = "ridge."
_PREDICTOR = "predictor."


@dataclass(frozen=True, slots=True, eq=False)
class Foresight:
    """Implements `SurpriseModel`; thread-safe, since it never changes."""

    ridge: RidgeAR
    predictor: TilePredictor

    @property
    def name(self) -> str:
        return "transformer"

    @property
    def context_frames(self) -> int:
        return CONTEXT_FRAMES

    @property
    def encoder(self) -> str:
        """Whose space it was trained in."""
        return self.ridge.encoder

    def errors(self, tiles: Tiles, seconds: Seconds) -> Errors:
        """(T, 24): see the port; 30 ms on one core for a window of 8 frames."""
        errors = np.full(tiles.shape[:2], np.nan, np.float32)  # (T, K)
        if len(tiles) < 2:
            return errors
        residuals = self.ridge.residuals(tiles, seconds)  # (T − 1, K, D)
        errors[1:] = np.linalg.norm(residuals - self.foretold(tiles, seconds), axis=-1)
        return errors

    def foretold(self, tiles: Tiles, seconds: Seconds) -> NDArray[np.float32]:
        """r̂ (T − 1, K, D) of every frame but the first."""
        # a tile that is no number would spread over its window: the ridge's residuals say where nothing can be told
        x = torch.from_numpy(np.nan_to_num(tiles, posinf=0, neginf=0).astype(np.float32, copy=False))  # (T, K, D)
        passed_s = torch.from_numpy((seconds - seconds[0]).astype(np.float32))  # (T,)
        parts = []
        with torch.inference_mode():
            for first in range(1, len(x), _STRIDE_FRAMES):
                window = slice(max(0, first - CONTEXT_FRAMES), first + _STRIDE_FRAMES)
                parts.append(self._window(x[window], passed_s[window])[:, -len(x[first : first + _STRIDE_FRAMES]) :])
        foretold: NDArray[np.float32] = torch.cat(parts, dim=1).transpose(0, 1).numpy()
        return foretold

    def _window(self, x: Tensor, seconds: Tensor) -> Tensor:
        """r̂ of one window's frames after the first, tile by tile. (K, T − 1, D)"""
        tiles = x.shape[1]
        foretold: Tensor = self.predictor(x.transpose(0, 1), seconds.expand(tiles, -1), torch.arange(tiles))
        return foretold

    def to_bytes(self) -> bytes:
        """The content of its file, in half precision."""
        tensors = {f"{_PREDICTOR}{name}": value.half() for name, value in self.predictor.state_dict().items()}
        tensors |= {
            f"{_RIDGE}mean": torch.from_numpy(self.ridge.mean).half(),
            f"{_RIDGE}weights": torch.from_numpy(self.ridge.weights).half(),
        }
        trunk = self.predictor.trunk
        sizes = {"layers": str(len(trunk.blocks)), "heads": str(trunk.blocks[0].heads)}
        return save(tensors, {"format": _FORMAT, "encoder": self.encoder, **sizes})

    def as_kept(self) -> Foresight:
        """The model as it comes back from its file: what is measured must be what will run."""
        return Foresight(self.ridge.as_kept(), copy.deepcopy(self.predictor).half().float())

    @classmethod
    def load(cls, path: Path) -> Foresight:
        """What `to_bytes` made; compare its ``encoder`` with the present one before use.

        Raises:
            PermanentError: the file is missing, damaged, or of another version.
        """
        try:
            about, halves = read_tensors(path)
            if about.get("format") != _FORMAT:
                raise PermanentError(f"{path} holds no prediction weights of this version")
            tensors = {name: tensor.float() for name, tensor in halves.items()}
            ridge = RidgeAR(
                about["encoder"], tensors.pop(f"{_RIDGE}mean").numpy(), tensors.pop(f"{_RIDGE}weights").numpy()
            )
            tiles, dimension = tensors[f"{_PREDICTOR}place"].shape
            predictor = TilePredictor(
                dimension=dimension, tiles=tiles, layers=int(about["layers"]), heads=int(about["heads"])
            )
            predictor.load_state_dict({name.removeprefix(_PREDICTOR): value for name, value in tensors.items()})
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise PermanentError(f"cannot read the prediction weights in {path}: {error}") from error
        return cls(ridge, predictor.eval())


def load_surprise(path: Path) -> RidgeAR | Foresight:
    """The model in a file, whichever it is.

    Raises:
        PermanentError: the file is missing, damaged, or of another version.
    """
    try:
        with safe_open(path, "np") as file:
            kind = (file.metadata() or {}).get("format")
    except (OSError, SafetensorError) as error:
        raise PermanentError(f"cannot read the prediction weights in {path}: {error}") from error
    return Foresight.load(path) if kind == _FORMAT else RidgeAR.load(path)
