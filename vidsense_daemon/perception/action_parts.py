"""What an action model is made of: three ways from a window of embeddings to the log-probabilities of classes.

    pooled       W·(p − μ)/σ + b                 p = mean_t x_t  or  p = mean_t |x_t − x_{t−1}|
    transformer  V z + c                         z = TemporalTransformer(u), u_t = P (x_t − x̄)
    corrected    pooled + g · V [z − mean_t u]   u_t = P (|x_t − x_{t−1}| − μ)/σ

The corrected part stands on the |difference| pool as the temporal transformer stands on mean pooling: with g = 0 it is
the pool, to the last bit, and training opens the gate as far as order and company of the differences tell more.

B = windows, T = frames of a window, D = dimension of the embedding space, C = classes, P = dimension inside a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidsense_daemon.perception.temporal import TemporalTransformer


class Part(Protocol):
    """Windows to log-probabilities."""

    def log_probabilities(self, x: Tensor, seconds: Tensor) -> Tensor:
        """(B, C) of windows (B, T, D) taken at ``seconds`` (B, T)."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledPart:
    """Logistic regression on a window's pooled embeddings."""

    pooling: str  # mean | difference
    mean: Tensor  # μ (D,)
    deviation: Tensor  # σ (D,)
    weight: Tensor  # W (C, D)
    bias: Tensor  # b (C,)

    def logits(self, x: Tensor) -> Tensor:
        """(B, C)."""
        return (pooled(x, self.pooling) - self.mean) / self.deviation @ self.weight.T + self.bias

    def log_probabilities(self, x: Tensor, seconds: Tensor) -> Tensor:  # noqa: ARG002 - the port's signature
        return functional.log_softmax(self.logits(x), dim=-1)


def pooled(x: Tensor, pooling: str) -> Tensor:
    """(B, D): what is there on average, or how much it changes from frame to frame."""
    return x.mean(dim=1) if pooling == "mean" else x.diff(dim=1).abs().mean(dim=1)


class TemporalPart(nn.Module):
    """The temporal transformer on centred and difference tokens; of an ensemble, one member."""

    projection: Tensor

    def __init__(self, *, projection: Tensor, classes: int, layers: int, heads: int, dropout: float = 0.0) -> None:
        """``projection`` (D, P) also scales what comes out to about unit length, as the transformer expects it."""
        super().__init__()
        inner = projection.shape[1]
        self.register_buffer("projection", projection)
        self.temporal = TemporalTransformer(dimension=inner, layers=layers, heads=heads, dropout=dropout)
        nn.init.ones_(self.temporal.gate)  # centred tokens have a mean of 0: behind a closed gate there is nothing
        nn.init.eye_(self.temporal.difference.weight)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(inner, classes)

    def forward(self, x: Tensor, seconds: Tensor) -> Tensor:
        centred = (x - x.mean(dim=1, keepdim=True)) @ self.projection  # (B, T, P)
        made = self.temporal(centred, seconds, causal=False)
        logits: Tensor = self.out(self.dropout(made.pooled))  # (B, C)
        return logits

    def log_probabilities(self, x: Tensor, seconds: Tensor) -> Tensor:
        return functional.log_softmax(self(x, seconds), dim=-1)


class CorrectedPart(nn.Module):
    """The |difference| pool, and what the temporal transformer has to add to it; of an ensemble, one member."""

    mean: Tensor
    deviation: Tensor
    weight: Tensor
    bias: Tensor
    projection: Tensor

    def __init__(self, *, base: PooledPart, projection: Tensor, layers: int, heads: int, dropout: float = 0.0) -> None:
        """``base`` stays as it is; ``projection`` (D, P) is for its standardised differences."""
        super().__init__()
        inner = projection.shape[1]
        for name in ("mean", "deviation", "weight", "bias"):
            self.register_buffer(name, getattr(base, name))
        self.register_buffer("projection", projection)
        self.temporal = TemporalTransformer(dimension=inner, layers=layers, heads=heads, dropout=dropout)
        nn.init.ones_(self.temporal.gate)  # the part has a gate of its own
        nn.init.eye_(self.temporal.difference.weight)
        nn.init.eye_(self.temporal.centred.weight)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(inner, len(base.bias))
        self.gate = nn.Parameter(torch.zeros(()))  # g

    def forward(self, x: Tensor, seconds: Tensor) -> Tensor:
        base = PooledPart("difference", self.mean, self.deviation, self.weight, self.bias)
        changes = (x.diff(dim=1).abs() - self.mean) / self.deviation @ self.projection  # (B, T − 1, P)
        made = self.temporal(changes, seconds[:, 1:], causal=False)
        added: Tensor = self.out(self.dropout(made.pooled - changes.mean(dim=1)))  # (B, C)
        return base.logits(x) + self.gate * added

    def log_probabilities(self, x: Tensor, seconds: Tensor) -> Tensor:
        return functional.log_softmax(self(x, seconds), dim=-1)


def taken_apart(part: Part) -> tuple[dict[str, object], dict[str, Tensor]]:
    """What to write down of a part, and its tensors."""
    if isinstance(part, PooledPart):
        names = ("mean", "deviation", "weight", "bias")
        return {"pooling": part.pooling}, {name: getattr(part, name) for name in names}
    assert isinstance(part, TemporalPart | CorrectedPart)
    blocks = part.temporal.blocks
    about: dict[str, object] = {"layers": len(blocks), "heads": blocks[0].heads}
    return about | {"corrects": isinstance(part, CorrectedPart)}, dict(part.state_dict())


def put_together(about: dict[str, object], tensors: dict[str, Tensor]) -> Part:
    """The part that `taken_apart` wrote down.

    Raises:
        KeyError, RuntimeError, TypeError, ValueError: something is missing or does not fit.
    """
    if "pooling" in about:
        return PooledPart(pooling=str(about["pooling"]), **tensors)
    sizes = {"layers": int(str(about["layers"])), "heads": int(str(about["heads"]))}
    part: TemporalPart | CorrectedPart
    if about["corrects"]:
        base = PooledPart("difference", *(tensors[name] for name in ("mean", "deviation", "weight", "bias")))
        part = CorrectedPart(base=base, projection=tensors["projection"], **sizes)
    else:
        part = TemporalPart(projection=tensors["projection"], classes=len(tensors["out.bias"]), **sizes)
    part.load_state_dict(tensors)
    return part.train(mode=False).requires_grad_(requires_grad=False)
