"""The bridge: two linear layers that bring picture features and word features into one space.

It is what this project trains itself (`learning/bridge.py`) and ships, beside its model card, as a safetensors file
of some 2 MB. `builtin.py` loads it. `D` = 512, `F` = 1280 picture features, `W` = 384 word features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.perception.encoders import lite0, minilm
from vidsense_daemon.perception.tensor_file import read_tensors

DIMENSION = 512

_FORMAT = "vidsense-bridge-1"
_SHAPES = {
    "picture.weight": (DIMENSION, lite0.FEATURES),
    "picture.bias": (DIMENSION,),
    "text.weight": (DIMENSION, minilm.FEATURES),
    "text.bias": (DIMENSION,),
    "covariance": (DIMENSION, DIMENSION),
}


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """The trained layers, float32; ``covariance`` is that of ordinary pictures' embeddings, (D, D)."""

    picture_weight: Tensor  # (D, F)
    picture_bias: Tensor  # (D,)
    text_weight: Tensor  # (D, W)
    text_bias: Tensor  # (D,)
    covariance: Tensor  # (D, D)

    def pictures(self, features: Tensor) -> Tensor:
        """Unit embeddings (B, D) of picture features (B, F)."""
        return functional.normalize(functional.linear(features, self.picture_weight, self.picture_bias), dim=-1)

    def texts(self, features: Tensor) -> Tensor:
        """Unit embeddings (N, D) of word features (N, W)."""
        return functional.normalize(functional.linear(features, self.text_weight, self.text_bias), dim=-1)

    def save(self, path: Path, *, notes: Mapping[str, str]) -> None:
        """Write the layers in half precision, with ``notes`` on how they came about in the file's header."""
        tensors = {
            "picture.weight": self.picture_weight,
            "picture.bias": self.picture_bias,
            "text.weight": self.text_weight,
            "text.bias": self.text_bias,
            # entries of a unit vector's covariance are near 1/D: times D they keep their precision in 16 bits
            "covariance": self.covariance * DIMENSION,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        halves = {key: tensor.half().contiguous() for key, tensor in tensors.items()}
        save_file(halves, path, metadata={**notes, "format": _FORMAT})


def load_bridge(path: Path) -> Bridge:
    """The bridge in ``path``.

    Raises:
        ConfigError: the file is missing, damaged, or no bridge of this version.
    """
    remedy = "train it again with `vidsense train bridge`, or leave it out to use the one that ships"
    try:
        about, halves = read_tensors(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"cannot read the bridge in {path} ({error}): {remedy}") from error
    tensors = {key: tensor.float() for key, tensor in halves.items()}
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    finite = all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())
    if about.get("format") != _FORMAT or shapes != _SHAPES or not finite:
        raise ConfigError(f"{path} holds no bridge of the format {_FORMAT}: {remedy}")
    return Bridge(
        picture_weight=tensors["picture.weight"],
        picture_bias=tensors["picture.bias"],
        text_weight=tensors["text.weight"],
        text_bias=tensors["text.bias"],
        covariance=tensors["covariance"] / DIMENSION,
    )
