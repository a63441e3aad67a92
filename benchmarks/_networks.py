"""The picture networks that the benchmarks time: the builtin one, and CLIP's ViT-B/16 with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import CLIPConfig, CLIPModel

from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.encoders.hub_files import PixelScale
from vidsense_daemon.perception.encoders.vision import ClipVision
from vidsense_daemon.perception.runtimes.gate import made_up_pictures
from vidsense_daemon.perception.runtimes.in_openvino import converted, quantized_path, read_card, read_graph, save_graph
from vidsense_daemon.perception.runtimes.quantizing import in_eight_bits
from vidsense_daemon.perception.runtimes.tower import VisionModel

PICTURE_PX = 224
_CALIBRATION_PICTURES = 16  # of no use for accuracy; speed does not depend on them


def lite0_vision(cache: Path) -> VisionModel:
    return BuiltinEncoder(cache_dir=cache, threads=torch.get_num_threads()).vision


def clip_vision(_cache: Path) -> VisionModel:
    """The default model's shape; one layer of text, which is not timed."""
    torch.manual_seed(0)
    network = CLIPModel(CLIPConfig(vision_config={"patch_size": 16}, text_config={"num_hidden_layers": 1})).eval()
    scale = PixelScale(factor=torch.full((3, 1, 1), 1 / 64), offset=torch.full((3, 1, 1), -2.0))
    return VisionModel(
        ClipVision(network.requires_grad_(requires_grad=False), scale, has_tiles=True).eval(),
        key="clip-random",
        picture_px=PICTURE_PX,
        dimension=network.config.projection_dim,
        pictures_at_once=8,
        attends=True,
        exact_parts=(),
        worth_converting=True,
    )


def quantized(model: VisionModel, cache: Path) -> Any:
    """The model in eight bits, calibrated on made-up pictures; kept in ``cache``."""
    path = quantized_path(model, folder=cache)
    if read_card(path) is None:
        shown = made_up_pictures(model.picture_px, count=_CALIBRATION_PICTURES)
        save_graph(in_eight_bits(converted(model, folder=cache), model, shown), path)
    return read_graph(path)
