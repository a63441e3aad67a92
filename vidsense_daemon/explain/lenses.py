"""Where an encoder looks inside a picture, and where in it a sentence is found.

    ClipLens     attention of the last layer and rollout over all (Abnar & Zuidema 2020), from the class token to the
                 patches; for a text the relevance of Chefer, Gur & Wolf 2021 ("Generic Attention-model
                 Explainability"), which weighs each attention by the gradient of the text's cosine
    BuiltinLens  a convolutional network has no attention. The frame's embedding is a linear layer on the mean of its
                 feature map, so a text's score can be read at each place of the map, and their mean is the frame's own:
                 class activation mapping (Zhou et al. 2016), exact here

F = pictures, G = cells along a side, D = dimension of the embedding space, Q = texts, N = 1 + G² tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.explain.attention import rollout
from vidsense_daemon.explain.encoding import Floats
from vidsense_daemon.explain.tokens import Grid
from vidsense_daemon.perception.encoders.bridge import load_bridge
from vidsense_daemon.perception.encoders.builtin import SHIPPED_BRIDGE
from vidsense_daemon.perception.encoders.hub_files import model_folder, read_pixel_scale
from vidsense_daemon.perception.encoders.lite0 import PICTURE_PX, load_lite0, to_input

_LITE0_STRIDE_PX = 32


@dataclass(frozen=True, slots=True, eq=False)
class PatchMaps:
    """Where an encoder looks; each picture's cells from its upper left corner, row by row."""

    method: str  # how a text was found, with its source
    last_layer: Floats | None  # (F, G, G): class token to patches in the last layer, heads averaged; sums to 1
    rollout: Floats | None  # (F, G, G): the same through all layers; sums to 1
    relevance: Floats  # (Q, F, G, G): of each text; unit: cosine for a convolutional network, none for CLIP's


class Lens(Protocol):
    """Looks into one encoder."""

    @property
    def grid(self) -> Grid:
        """How it divides a picture."""

    def look(self, pictures: Sequence[Picture], texts: Floats) -> PatchMaps:
        """Maps of pictures (S, S, 3) and of texts (Q, D), unit length, in the encoder's space."""


class BuiltinLens:
    """Into EfficientNet-Lite0 and the bridge behind it."""

    def __init__(self, *, cache_dir: Path, bridge: Path = SHIPPED_BRIDGE) -> None:
        self._network = load_lite0(cache_dir=cache_dir)
        self._bridge = load_bridge(bridge)

    @property
    def grid(self) -> Grid:
        cells = PICTURE_PX // _LITE0_STRIDE_PX
        return Grid(
            encoder="EfficientNet-Lite0, a convolutional network: no tokens, cells of its last feature map",
            cells_per_side=cells,
            picture_px=PICTURE_PX,
            tokens_per_frame=cells**2,
            has_tokens=False,
        )

    @torch.inference_mode()
    def look(self, pictures: Sequence[Picture], texts: Floats) -> PatchMaps:
        found = np.zeros((len(texts), len(pictures), self.grid.cells_per_side, self.grid.cells_per_side), np.float32)
        for place, picture in enumerate(pictures):
            features = self._network.feature_map(to_input([picture]))[0].permute(1, 2, 0)  # (G, G, 1280)
            cells = functional.linear(features, self._bridge.picture_weight, self._bridge.picture_bias)  # (G, G, D)
            whole = cells.mean(dim=(0, 1)).norm()  # the length that the frame's embedding is divided by
            found[:, place] = torch.einsum("ijd,qd->qij", cells / whole, torch.from_numpy(texts)).numpy()
        return PatchMaps(
            method="class activation mapping (Zhou et al. 2016): the cells' mean is the frame's cosine to the text",
            last_layer=None,
            rollout=None,
            relevance=found,
        )


class ClipLens:
    """Into CLIP's vision transformer, loaded a second time in the form that hands out its attention."""

    def __init__(self, model: str, *, models_dir: Path | None = None) -> None:
        """Load the weights; some seconds.

        Raises:
            ConfigError: they are not here, or of a model without a class token.
        """
        folder = model_folder(model, models_dir=models_dir)
        if folder is None:
            raise ConfigError(f"the weights of {model} are not on this machine: run `vidsense models pull {model}`")
        self._pixels = read_pixel_scale(folder)
        self._network: Any = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        self._network.requires_grad_(requires_grad=False)
        if self._network.config.model_type != "clip":
            raise ConfigError(
                f"{model} is a {self._network.config.model_type}: its attention has no class token to read it from; "
                "the report shows attention over patches of CLIP models only"
            )

    @property
    def grid(self) -> Grid:
        vision = self._network.config.vision_config
        cells = vision.image_size // vision.patch_size
        return Grid(
            encoder=f"CLIP's vision transformer: patches of {vision.patch_size} px",
            cells_per_side=cells,
            picture_px=vision.image_size,
            tokens_per_frame=cells**2,
            has_tokens=True,
        )

    def look(self, pictures: Sequence[Picture], texts: Floats) -> PatchMaps:
        cells = self.grid.cells_per_side
        last, through = np.zeros((2, len(pictures), cells, cells), np.float32)
        found = np.zeros((len(texts), len(pictures), cells, cells), np.float32)
        for place, picture in enumerate(pictures):  # one at a time: the graph of a picture holds all its attentions
            attentions, embedding = self._see(picture)
            maps = torch.stack([layer[0].detach() for layer in attentions]).numpy()  # (L, H, N, N)
            last[place] = _patches(maps[-1].mean(axis=0)[0], cells)
            through[place] = _patches(rollout(maps)[0], cells)
            for number, text in enumerate(torch.from_numpy(texts)):
                found[number, place] = _patches(_relevance(attentions, embedding @ text)[0].numpy(), cells, unit=False)
        return PatchMaps(
            method="gradient-weighted attention (Chefer, Gur & Wolf 2021): what raises the frame's cosine to the text",
            last_layer=last,
            rollout=through,
            relevance=found,
        )

    def _see(self, picture: Picture) -> tuple[Sequence[Tensor], Tensor]:
        """Each layer's attention (1, H, N, N) with its graph, and the unit embedding (D,)."""
        pixels = self._pixels.apply([picture]).requires_grad_()  # so that a graph is kept although no weight wants one
        seen = self._network.vision_model(pixel_values=pixels, output_attentions=True)
        embedding = self._network.visual_projection(seen.pooler_output)[0]
        return seen.attentions, functional.normalize(embedding, dim=-1)


def _relevance(attentions: Sequence[Tensor], cosine: Tensor) -> Tensor:
    """(N, N): R = I, then R ← R + Ā·R with Ā = mean over heads of (∇A ⊙ A)⁺, layer by layer (their equations 5, 6)."""
    gradients = torch.autograd.grad(cosine, list(attentions), retain_graph=True)
    relevance = torch.eye(attentions[0].shape[-1])
    for attention, gradient in zip(attentions, gradients, strict=True):
        weighted = (gradient[0] * attention[0].detach()).clamp(min=0).mean(dim=0)  # (N, N)
        relevance = relevance + weighted @ relevance
    return relevance


def _patches(row: Floats, cells: int, *, unit: bool = True) -> Floats:
    """The class token's row (N,) without itself, as (G, G); ``unit`` makes its sum 1."""
    patches = row[1:]
    assert math.isqrt(len(patches)) == cells, "a square picture has a square grid"
    return (patches / max(float(patches.sum()), 1e-12) if unit else patches).reshape(cells, cells)
