"""The picture networks that the benchmarks time: the builtin one, and CLIP's ViT-B/16 with random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.encoders.hub_files import PixelScale
from vidsense_daemon.perception.encoders.vision import ClipVision
from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.gate import made_up_pictures
from vidsense_daemon.perception.runtimes.in_openvino import converted, quantized_path, read_card, read_graph, save_graph
from vidsense_daemon.perception.runtimes.quantizing import in_eight_bits
from vidsense_daemon.perception.runtimes.tower import VisionModel

PICTURE_PX = 224
VIT_B16_GMAC = 17.6  # a picture of 224 px: 197 tokens through twelve layers of 768
_SIDE = 1024  # of the matrices whose products are the floor
Embed = Callable[[Sequence[Picture]], object]
_CALIBRATION_PICTURES = 16  # of no use for accuracy; speed does not depend on them


def lite0_vision(cache: Path) -> VisionModel:
    return BuiltinEncoder(cache_dir=cache, threads=torch.get_num_threads()).vision


def clip_vision(_cache: Path) -> VisionModel:
    """The default model's shape; one layer of text, which is not timed."""
    return _clip_of_patches(16, key="clip-random")


def clip_b32_vision(_cache: Path) -> VisionModel:
    """A quarter of the patches: what a slower machine may take instead."""
    return _clip_of_patches(32, key="clip-b32-random")


def _clip_of_patches(side_px: int, *, key: str) -> VisionModel:
    torch.manual_seed(0)
    network = CLIPModel(CLIPConfig(vision_config={"patch_size": side_px}, text_config={"num_hidden_layers": 1})).eval()
    scale = PixelScale(factor=torch.full((3, 1, 1), 1 / 64), offset=torch.full((3, 1, 1), -2.0))
    return VisionModel(
        ClipVision(network.requires_grad_(requires_grad=False), scale, has_tiles=True).eval(),
        key=key,
        picture_px=PICTURE_PX,
        dimension=network.config.projection_dim,
        pictures_at_once=8,
        attends=True,
        exact_parts=(),
        worth_converting=True,
    )


def products_torch(threads: int) -> Embed:
    """As many multiply-adds as ViT-B/16 needs for the pictures, as plain matrix products in float32."""
    torch.set_num_threads(threads)
    a, b = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)

    def multiply(pictures: Sequence[Picture]) -> None:
        for _ in range(round(VIT_B16_GMAC * 1e9 / _SIDE**3 * len(pictures))):
            torch.mm(a, b)

    return multiply


def products_int8(threads: int) -> Embed:
    """The same in eight bits: a chain of quantized products, as OpenVINO runs them."""
    openvino = in_openvino.library()
    import nncf

    layers = torch.nn.Sequential(*[torch.nn.Linear(_SIDE, _SIDE, bias=False) for _ in range(8)]).eval()
    graph = openvino.convert_model(layers, example_input=torch.randn(_SIDE, _SIDE))
    batches = [np.random.default_rng(seed).normal(size=(_SIDE, _SIDE)).astype(np.float32) for seed in range(4)]
    graph = nncf.quantize(graph, nncf.Dataset(batches), subset_size=len(batches))
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(graph, "CPU", options)

    def multiply(pictures: Sequence[Picture]) -> None:
        for _ in range(round(VIT_B16_GMAC * 1e9 / (8 * _SIDE**3) * len(pictures))):
            compiled([batches[0]])

    return multiply


def quantized(model: VisionModel, cache: Path) -> Any:
    """The model in eight bits, calibrated on made-up pictures; kept in ``cache``."""
    path = quantized_path(model, folder=cache)
    if read_card(path) is None:
        shown = made_up_pictures(model.picture_px, count=_CALIBRATION_PICTURES)
        save_graph(in_eight_bits(converted(model, folder=cache), model, shown), path)
    return read_graph(path)
