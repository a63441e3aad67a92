"""The seam between an encoder and what computes it. A vision tower takes pictures and gives their embeddings.

An encoder brings a `VisionModel`, its picture side as a PyTorch network that begins with bytes; a `Runtime` makes a
`Tower` of it. What stands behind a tower must not show in the embeddings: `gate.py` holds that.
`B` pictures, `S` = picture side in px, `D` = dimension of the embedding space.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vidsense_daemon.base.errors import VidsenseError
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.windows import unit

# what PyTorch and OpenVINO raise while they compute; the last two for shapes that are not the expected ones
COMPUTE_ERRORS = (RuntimeError, MemoryError, TypeError, ValueError)

Pictures = NDArray[np.uint8]  # (B, S, S, 3)
Outputs = tuple[NDArray[np.float32], NDArray[np.float32] | None]  # (B, D); (B, TILES, D) or none; not yet unit length


class RuntimeUnusableError(VidsenseError):
    """This runtime can't compute this model on this machine; another one may."""


@dataclass(frozen=True, slots=True, eq=False)
class VisionModel:
    """The picture side of an encoder, as the runtimes take it.

    ``network`` maps uint8 (B, S, S, 3) to (B, D), or to that and (B, TILES, D).
    """

    network: nn.Module
    key: str  # names weights and preprocessing; goes into file names
    picture_px: int
    dimension: int  # D
    pictures_at_once: int  # what PyTorch does best with
    attends: bool  # a transformer: quantized in another way
    exact_parts: tuple[str, ...]  # regular expressions of layers' names that eight bits would harm
    worth_converting: bool  # whether `auto` looks beyond PyTorch before anybody has quantized it
    # loads the network once more, for an encoder that lets its weights go when another library computes it
    fresh: Callable[[], nn.Module] | None = None


class Tower(Protocol):
    """Embeds pictures; owned by one thread."""

    @property
    def label(self) -> str:
        """Library and precision, such as "openvino int8"."""

    @property
    def pictures_at_once(self) -> int:
        """The batch that is cheapest for each picture."""

    @property
    def runs_network(self) -> bool:
        """Whether it computes with the model's own network, whose weights must then stay in memory."""

    def __call__(self, pictures: Pictures) -> Outputs:
        """The embeddings of any number of pictures."""


class Runtimes(Protocol):
    """Decides what computes a model."""

    def tower(self, model: VisionModel) -> Tower:
        """A tower that agrees with the model's own float32."""


class TorchTower:
    """The network itself, on the processor or on a graphics card."""

    def __init__(self, model: VisionModel, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> None:
        """``model``'s own network in float32 on the processor; anything else is a copy.

        Raises:
            RuntimeUnusableError: the device is not there, or has too little memory.
        """
        self.label = f"{'torch' if device == 'cpu' else device} {'bf16' if dtype is torch.bfloat16 else 'fp32'}"
        self.pictures_at_once = model.pictures_at_once if device == "cpu" else _CARD_PICTURES_AT_ONCE
        self.runs_network = device == "cpu"
        self._device = device
        self._dtype = dtype
        try:
            self._network = model.network if device == "cpu" else copy.deepcopy(model.network).to(device)
        except (RuntimeError, AssertionError) as error:  # a PyTorch built without the device asserts that it is not
            raise RuntimeUnusableError(f"{self.label} can't be used: {first_line(error)}") from error

    def __call__(self, pictures: Pictures) -> Outputs:
        with torch.inference_mode(), torch.autocast(self._device, self._dtype, enabled=self._dtype != torch.float32):
            seen = self._network(torch.from_numpy(pictures).to(self._device))
        whole, tiles = seen if isinstance(seen, tuple) else (seen, None)
        return whole.float().cpu().numpy(), None if tiles is None else tiles.float().cpu().numpy()


class PyTorch:
    """The `Runtimes` that need no choice: the network as it is."""

    def tower(self, model: VisionModel) -> Tower:
        return TorchTower(model)


def embed(tower: Tower, pictures: Sequence[Picture]) -> Outputs:
    """Embeddings of unit length, computed in batches of the tower's liking; at least one picture."""
    step = tower.pictures_at_once
    parts = [tower(np.stack(pictures[start : start + step])) for start in range(0, len(pictures), step)]
    whole = unit(np.concatenate([part[0] for part in parts]))
    tiles = [part[1] for part in parts if part[1] is not None]
    return whole, unit(np.concatenate(tiles)) if tiles else None


def first_line(error: BaseException) -> str:
    """What an error says, for one line of a log."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line and not line.startswith(_PLACES)), type(error).__name__)


_PLACES = ("Exception from ", "Check '")  # OpenVINO begins with where in its sources; what went wrong follows
_CARD_PICTURES_AT_ONCE = 32
