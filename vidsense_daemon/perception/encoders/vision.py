"""The encoders' picture sides as networks that begin with bytes, as the runtimes take them.

Scaling the pixels and pooling the tiles are part of the network, so that whatever computes it does both in one pass.
`B` pictures, `S` = picture side in px, `F` = features, `H` = a patch's state, `P` patches, `D` = dimension.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidsense_daemon.domain.windows import TILE_COLUMNS, TILE_ROWS
from vidsense_daemon.perception.encoders.bridge import Bridge
from vidsense_daemon.perception.encoders.hub_files import PixelScale
from vidsense_daemon.perception.encoders.lite0 import Lite0, scaled


class ClipVision(nn.Module):
    """A dual encoder of transformers, its picture side alone; (B, S, S, 3) bytes to (B, D), or to that and tiles."""

    def __init__(self, network: Any, pixels: PixelScale, *, has_tiles: bool) -> None:
        """``network`` is shared, not copied."""
        super().__init__()
        self._network = network
        self._has_tiles = has_tiles
        self._factor = nn.Buffer(pixels.factor)  # (3, 1, 1); a buffer moves to a graphics card with the rest
        self._offset = nn.Buffer(pixels.offset)

    def forward(self, pictures: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        pixels = PixelScale(self._factor, self._offset).scaled(pictures)  # (B, 3, S, S)
        features = self._network.get_image_features(pixel_values=pixels)
        whole = embedding_in(features)  # (B, D)
        return (whole, self._tiles(features.last_hidden_state)) if self._has_tiles else whole

    def let_texts_go(self) -> None:
        """Free the half that reads, 250 MB of a ViT-B/16, where nobody asks for sentences."""
        if hasattr(self._network, "text_model"):
            del self._network.text_model

    def _tiles(self, states: Tensor) -> Tensor:
        """Embeddings (B, TILES, D) of the patches' states, pooled over the grid.

        They take the way into the common space that the whole picture's state takes: CLIP's last norm and projection.
        SigLIP's states have passed that norm, and its space is that of the states. So a tile's direction is close to
        what the model would say of the tile alone (Zhou et al. 2022, MaskCLIP, of CLIP).
        """
        side = math.isqrt(states.shape[1])  # of P, or of P + 1: CLIP has one for the whole before its patches'
        patches = torch.unflatten(states[:, -side * side :].transpose(1, 2), 2, (side, side))  # (B, H, √P, √P)
        pooled = functional.adaptive_avg_pool2d(patches, (TILE_ROWS, TILE_COLUMNS)).flatten(2).transpose(1, 2)
        projection = getattr(self._network, "visual_projection", None)
        if projection is not None:
            pooled = projection(self._network.vision_model.post_layernorm(pooled))  # (B, TILES, D)
        return pooled


def embedding_in(features: Any) -> Tensor:
    """What a dual encoder answers with: transformers 5 wraps it, 4 returned it bare."""
    embedding: Tensor = getattr(features, "pooler_output", features)
    return embedding


class Lite0Vision(nn.Module):
    """EfficientNet-Lite0 and the bridge's picture layer; (B, S, S, 3) bytes to (B, D) and (B, TILES, D)."""

    def __init__(self, network: Lite0, bridge: Bridge) -> None:
        super().__init__()
        self._network = network
        self._weight = nn.Buffer(bridge.picture_weight)  # (D, F)
        self._bias = nn.Buffer(bridge.picture_bias)  # (D,)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self._network.feature_map(scaled(pictures))  # (B, F, S/32, S/32)
        # the features that are pooled for the whole, pooled for each tile
        tiles = functional.adaptive_avg_pool2d(features, (TILE_ROWS, TILE_COLUMNS)).flatten(2).transpose(1, 2)
        return self._bridged(features.mean((2, 3))), self._bridged(tiles)

    def _bridged(self, features: Tensor) -> Tensor:
        return functional.linear(features, self._weight, self._bias)
