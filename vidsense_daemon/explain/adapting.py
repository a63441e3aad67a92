"""Part 7, LoRA in numbers: what a low-rank adapter trains, beside all that stays frozen (Hu et al. 2021).

A layer W of (out, in) keeps its weights; trained are B (out, r) and A (r, in), r·(out + in) numbers, and W + B·A runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from vidsense_daemon.learning.lora import RANK
from vidsense_daemon.learning.lora_report import LoraReport
from vidsense_daemon.perception.adapters import fresh_temporal

_BYTES_A_NUMBER = 4


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter that was trained, or what one would train."""

    report: LoraReport | None  # none: none has been trained for this camera
    dimension: int  # of the embedding space
    rank: int
    layers: int  # linear layers of the temporal transformer
    would_train: int  # parameters, the gate among them
    frozen: int
    would_take_bytes: int


def lora(report: LoraReport | None, *, dimension: int) -> Lora:
    """The part's numbers: the report of a training, and the count that every training begins with."""
    temporal = fresh_temporal(dimension)
    linear = [layer for layer in temporal.modules() if isinstance(layer, nn.Linear)]
    gate = 1
    count = gate + sum(RANK * (layer.in_features + layer.out_features) for layer in linear)
    return Lora(
        report=report,
        dimension=dimension,
        rank=RANK,
        layers=len(linear),
        would_train=count,
        frozen=sum(parameter.numel() for parameter in temporal.parameters()),
        would_take_bytes=count * _BYTES_A_NUMBER,
    )
