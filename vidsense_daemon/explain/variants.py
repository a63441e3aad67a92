"""The precisions that an encoder's picture side can be computed in on this machine, each behind a tower of its own.

fp32 and bf16 in PyTorch are always there; OpenVINO's when it is installed, eight bits once somebody has quantized.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.explain.precisions import Embedded, Variant
from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.in_openvino import OpenVinoTower, converted, quantized_path, read_graph
from vidsense_daemon.perception.runtimes.tower import RuntimeUnusableError, TorchTower, Tower, VisionModel, embed

_MB = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class TowerVariant:
    """A tower, and how much memory or disk its weights take."""

    name: str
    megabytes: float
    tower: Tower

    def embed(self, pictures: Sequence[Picture]) -> Embedded:
        return embed(self.tower, pictures)


def variants(
    model: VisionModel, *, folder: Path, threads: int, may_convert: bool = True
) -> tuple[list[Variant], list[str]]:
    """What can be measured here, PyTorch's float32 first, and what is left out with the reason.

    ``folder`` keeps converted graphs: the first conversion takes up to half a minute, if it ``may_convert``.
    """
    weights_mb = sum(tensor.numel() * tensor.element_size() for tensor in model.network.state_dict().values()) / _MB
    there: list[Variant] = [
        TowerVariant("PyTorch fp32", weights_mb, TorchTower(model)),
        # autocast rounds as it computes: the weights in memory stay what they are
        TowerVariant("PyTorch bf16 (autocast)", weights_mb, TorchTower(model, dtype=torch.bfloat16)),
    ]
    if not may_convert:
        return there, ["OpenVINO: encoder.runtime keeps to PyTorch"]
    if not in_openvino.is_installed():
        return there, ["OpenVINO, which also computes in eight bits, is not installed (vidsense-daemon[openvino])"]
    left_out = []
    for name, precision, path in (
        ("OpenVINO fp32", "fp32", folder / f"{model.key}.xml"),
        ("OpenVINO int8", "int8", quantized_path(model, folder=folder)),
    ):
        if precision == "int8" and not path.exists():
            left_out.append(f"{name}: nothing is quantized yet; vidsense models quantize does it")
            continue
        try:
            graph = read_graph(path) if precision == "int8" else converted(model, folder=folder)
            tower = OpenVinoTower(graph, precision=precision, threads=threads)
        except (RuntimeUnusableError, RuntimeError) as error:
            left_out.append(f"{name}: {error}")
        else:
            there.append(TowerVariant(name, path.with_suffix(".bin").stat().st_size / _MB, tower))
    return there, left_out
