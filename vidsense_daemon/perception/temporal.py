"""The temporal transformer: each frame's embedding in the light of the other frames of its window.

    u_t = x_t + W_d (x_t − x_{t−1}) + W_c (x_t − x̄)             tokens: what is there, what changed, what is unusual
    h   = Blocks(u + PE)                                         pre-LN, L = 2, H = 8; PE from timestamps in seconds
    y   = x + g · [h − (u + PE)]                                 contextualised, still in the encoder's text space
    z   = mean_t(y)                                              pooled

W_d, W_c and the gate g start at zero. So an untrained model is mean pooling to the last bit, whatever its blocks hold:
x + 0·(…) = x. (A plain residual whose last layers are zero is *not*: PE leaks into the stream.) Training opens the gate
as far as it helps. The block is the pre-LN one of GPT-2 (Radford et al. 2019); the residual on the encoder's own
embeddings follows X-CLIP (Ni et al. 2022), the difference tokens CLIP2Video (Fang et al. 2021).

`TilePredictor` puts the same trunk over every tile's own sequence, to foretell what the tile shows next:

    h_k  = Blocks(u_k + PE + place_k + W_a (PE_{t+1} − PE_t))    k: where in the picture; W_a: how far ahead
    r̂    = W_h LN h / √D                                         what the simpler prediction beneath it gets wrong

B = windows, T = frames of a window, D = dimension of the embedding space (512), H = heads, L = layers, K = tiles of a
picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidsense_daemon.domain.windows import TILES

_SHORTEST_PERIOD_S = 0.4  # two frames at 5 fps: nothing faster can be told apart
_LONGEST_PERIOD_S = 600.0  # calm cameras: T frames at one every minute or so
_CHANGE_COUNTS = 3.0  # a walker changes a tile's unit embedding by a third or so


@dataclass(frozen=True, slots=True, eq=False)
class Contextualised:
    """What the temporal transformer makes of a batch of windows."""

    frames: Tensor  # (B, T, D)
    pooled: Tensor  # (B, D): their mean
    attention: Tensor | None  # (B, L, H, T, T): from row to column, each row sums to 1; only on request


class TemporalTransformer(nn.Module):
    """The gated residual of the module's head around ``layers`` pre-LN blocks."""

    def __init__(self, *, dimension: int = 512, layers: int = 2, heads: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        if dimension % heads or dimension % 2:
            raise ValueError(f"dimension {dimension} must be even and a multiple of the {heads} heads")
        self.difference = nn.Linear(dimension, dimension, bias=False)  # W_d
        self.centred = nn.Linear(dimension, dimension, bias=False)  # W_c
        self.blocks = nn.ModuleList(Block(dimension, heads, dropout) for _ in range(layers))
        self.gate = nn.Parameter(torch.zeros(()))  # g
        nn.init.zeros_(self.difference.weight)
        nn.init.zeros_(self.centred.weight)

    def forward(
        self,
        x: Tensor,
        seconds: Tensor,
        *,
        causal: bool = True,
        with_attention: bool = False,
        skip_closed_gate: bool = True,
    ) -> Contextualised:
        """Contextualise windows ``x`` (B, T, D) whose frames were taken at ``seconds`` (B, T), oldest first.

        ``causal`` lets a frame see only itself and earlier ones: for live use. ``skip_closed_gate`` spares the blocks
        while they can't matter (g = 0, no gradients wanted); the result is the same.
        """
        if skip_closed_gate and not with_attention and not torch.is_grad_enabled() and self.gate.item() == 0:
            return Contextualised(frames=x, pooled=x.mean(dim=1), attention=None)
        start = self.tokens(x, causal=causal) + positions(seconds, x.shape[-1])  # (B, T, D)
        h, attention = self.think(start, causal=causal, with_attention=with_attention)
        y = x + self.gate * (h - start)  # (B, T, D)
        return Contextualised(frames=y, pooled=y.mean(dim=1), attention=attention)

    def think(self, h: Tensor, *, causal: bool, with_attention: bool = False) -> tuple[Tensor, Tensor | None]:
        """What leaves the last block (B, T, D), and the attention of all (B, L, H, T, T) when asked for."""
        weights = []
        for block in self.blocks:
            h, attention = block(h, causal=causal, with_attention=with_attention)  # (B, T, D), (B, H, T, T)
            weights.append(attention)
        return h, torch.stack(weights, dim=1) if with_attention else None

    def tokens(self, x: Tensor, *, causal: bool) -> Tensor:
        """u: the embeddings with their difference to the frame before and to the window's mean. (B, T, D)"""
        before = torch.cat([x[:, :1], x[:, :-1]], dim=1)  # (B, T, D); the first frame has changed by nothing
        if causal:
            count = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)  # (T,)
            mean = x.cumsum(dim=1) / count[None, :, None]  # (B, T, D): of the frames so far
        else:
            mean = x.mean(dim=1, keepdim=True)  # (B, 1, D)
        tokens: Tensor = x + self.difference(x - before) + self.centred(x - mean)  # (B, T, D)
        return tokens


class TilePredictor(nn.Module):
    """What each tile will show next, beyond what a simpler model foretells of it; one trunk for all tiles.

    Both heads start at zero, so an untrained predictor adds exactly nothing. Its trunk's gate stays closed: learning to
    foretell says nothing about sentences, and must not move what triggers and search compare with them.
    """

    def __init__(
        self, *, dimension: int = 512, tiles: int = TILES, layers: int = 2, heads: int = 8, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.trunk = TemporalTransformer(dimension=dimension, layers=layers, heads=heads, dropout=dropout)
        self.trunk.gate.requires_grad_(False)
        self.place = nn.Parameter(torch.zeros(tiles, dimension))
        self.ahead = nn.Linear(dimension, dimension, bias=False)  # W_a
        self.norm = nn.LayerNorm(dimension)
        self.next = nn.Linear(dimension, dimension)  # W_h
        self.masked = nn.Linear(dimension, dimension)  # W_h of a masked frame
        self.mask = nn.Parameter(torch.zeros(dimension))
        for zero in (self.ahead.weight, self.next.weight, self.next.bias, self.masked.weight, self.masked.bias):
            nn.init.zeros_(zero)
        for seen in (self.trunk.difference.weight, self.trunk.centred.weight):
            nn.init.eye_(seen)  # of tiles, what moves is all there is to foretell: let it be seen from the first step
            seen.data.mul_(_CHANGE_COUNTS)

    def forward(self, x: Tensor, seconds: Tensor, place: Tensor) -> Tensor:
        """r̂ (B, T − 1, D) of the frames after the first, each seen from those before it only.

        ``x`` (B, T, D) are tiles' sequences, ``seconds`` (B, T) their times, ``place`` (B,) where in the picture they
        lie, 0 to K − 1.
        """
        position = positions(seconds, x.shape[-1])  # (B, T, D)
        far = self.ahead(position[:, 1:] - position[:, :-1])  # (B, T − 1, D)
        h = self.trunk.tokens(x[:, :-1], causal=True) + position[:, :-1] + self.place[place][:, None] + far
        h, _ = self.trunk.think(h, causal=True)  # (B, T − 1, D)
        foretold: Tensor = self.next(self._unit(h))
        return foretold

    def restored(self, x: Tensor, seconds: Tensor, place: Tensor, *, masked: int) -> Tensor:
        """What frame ``masked`` differs by from the one before it (B, D), told from the frames on both sides.

        For training only. The masked frame looks like the one before, so that no difference token gives it away.
        """
        filled = torch.cat([x[:, :masked], x[:, masked - 1 : masked], x[:, masked + 1 :]], dim=1)  # (B, T, D)
        start = self.trunk.tokens(filled, causal=False) + positions(seconds, x.shape[-1]) + self.place[place][:, None]
        start = torch.cat([start[:, :masked], start[:, masked : masked + 1] + self.mask, start[:, masked + 1 :]], dim=1)
        h, _ = self.trunk.think(start, causal=False)
        difference: Tensor = self.masked(self._unit(h[:, masked]))
        return difference

    def _unit(self, h: Tensor) -> Tensor:
        """LN h at the length of an embedding: at √D, Adam's first steps on the heads overshoot what a tile moves by."""
        scaled: Tensor = self.norm(h) / math.sqrt(h.shape[-1])
        return scaled


class Block(nn.Module):
    """x + attention(LN x), then x + MLP(LN x)."""

    def __init__(self, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(dimension)
        self.query_key_value = nn.Linear(dimension, 3 * dimension)
        self.attention_out = nn.Linear(dimension, dimension)
        self.mlp_norm = nn.LayerNorm(dimension)
        self.mlp = nn.Sequential(
            nn.Linear(dimension, 4 * dimension), nn.GELU(), nn.Linear(4 * dimension, dimension), nn.Dropout(dropout)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, *, causal: bool, with_attention: bool) -> tuple[Tensor, Tensor | None]:
        """What leaves this block (B, T, D), and its attention (B, H, T, T) when asked for."""
        attended, weights = self.attend(self.attention_norm(x), causal=causal, with_attention=with_attention)
        x = x + self.dropout(self.attention_out(attended))  # (B, T, D)
        return x + self.mlp(self.mlp_norm(x)), weights

    def attend(self, x: Tensor, *, causal: bool, with_attention: bool) -> tuple[Tensor, Tensor | None]:
        """Softmax(QKᵀ/√d)·V of all heads side by side (Vaswani et al. 2017)."""
        b, t, d = x.shape
        split = self.query_key_value(x).view(b, t, 3, self.heads, d // self.heads)  # (B, T, 3, H, D/H)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (B, H, T, D/H)
        if not with_attention:
            mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=causal)  # (B, H, T, D/H)
            return mixed.transpose(1, 2).reshape(b, t, d), None  # (B, T, D)
        scores = query @ key.transpose(-2, -1) / math.sqrt(d // self.heads)  # (B, H, T, T)
        if causal:
            later = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)  # (T, T)
            scores = scores.masked_fill(later, -math.inf)
        weights = scores.softmax(dim=-1)  # (B, H, T, T)
        return (weights @ value).transpose(1, 2).reshape(b, t, d), weights  # (B, T, D)


def positions(seconds: Tensor, dimension: int) -> Tensor:
    """PE: sines and cosines of the time since the window's first frame; unit length, like the embeddings. (B, T, D)

    Frames come at an uneven pace (calm and busy rates), so their time counts, not their number. At their usual length,
    √(D/2), positions would drown the embeddings, whose length is 1.
    """
    half = dimension // 2
    steps = torch.linspace(0, 1, half, device=seconds.device, dtype=seconds.dtype)  # (D/2,)
    period_s = _SHORTEST_PERIOD_S * (_LONGEST_PERIOD_S / _SHORTEST_PERIOD_S) ** steps  # (D/2,)
    since_first_s = seconds - seconds[:, :1]  # (B, T)
    angle = 2 * math.pi * since_first_s[..., None] / period_s  # (B, T, D/2)
    return torch.cat([angle.sin(), angle.cos()], dim=-1) / math.sqrt(half)  # (B, T, D)
