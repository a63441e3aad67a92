"""What is known of each family of seeing models: how pictures are laid out for it and what they cost. Pure.

Told apart by the model's name, architecture and families, as the server reports them. An unknown model is taken for
the dearest and simplest one, LLaVA 1.6 with one picture: a wrong guess then wastes room, it never overflows.
Token rules marked `measured` were counted on a running engine; the others follow the models' papers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil


class Layout(StrEnum):
    STORYBOARD = "storyboard"  # all frames in one picture, for models trained on one picture
    FRAMES = "frames"  # one small picture a frame, for models trained on several
    SLOWFAST = "slowfast"  # few large and many small frames, for models with room for both


TokenRule = Callable[[int, int], int]

TILE_PX = 336  # the side of CLIP ViT-L/14-336, the eye of every LLaVA
_TILE_TOKENS = 576  # 24 × 24 patches of 14 px
# LLaVA-1.6's image_grid_pinpoints: the sizes that a picture may be cut into tiles from
_LLAVA_GRIDS_PX = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))


@dataclass(frozen=True, slots=True)
class Family:
    """How to show frames to one kind of model."""

    name: str
    layout: Layout
    picture_tokens: TokenRule  # (width_px, height_px) → tokens
    num_ctx: int  # constant over all requests: another value makes the server load the model anew
    measured: bool


def llava_16_tokens(width_px: int, height_px: int) -> int:
    """An overview plus one tile a 336 px square of the best fitting grid (LLaVA-NeXT's select_best_resolution)."""
    if width_px <= TILE_PX and height_px <= TILE_PX:
        return _TILE_TOKENS

    def fitness(grid: tuple[int, int]) -> tuple[int, int]:
        scale = min(grid[0] / width_px, grid[1] / height_px)
        kept = min(int(width_px * scale) * int(height_px * scale), width_px * height_px)
        return kept, kept - grid[0] * grid[1]  # most of the picture kept, then least of the grid wasted

    wide_px, high_px = max(_LLAVA_GRIDS_PX, key=fitness)
    return _TILE_TOKENS * (1 + wide_px * high_px // TILE_PX**2)


def _fixed(tokens: int) -> TokenRule:
    return lambda _width_px, _height_px: tokens


def _merged_patches(side_px: int) -> TokenRule:
    """One token for each square of ``side_px``, and one at the start and the end of the picture."""
    return lambda width_px, height_px: ceil(width_px / side_px) * ceil(height_px / side_px) + 2


LLAVA_16 = Family("llava-1.6", Layout.STORYBOARD, llava_16_tokens, num_ctx=4096, measured=True)
_UNKNOWN = Family("unknown", Layout.STORYBOARD, llava_16_tokens, num_ctx=4096, measured=False)
# first match wins; the pattern is searched in "<name> <architecture> <families>"
_FAMILIES: tuple[tuple[str, Family], ...] = (
    (
        r"bakllava|llava-llama3|llava-phi3|llava.*v1\.5",
        Family("llava-1.5", Layout.STORYBOARD, _fixed(_TILE_TOKENS), num_ctx=4096, measured=False),
    ),
    (r"llava", LLAVA_16),
    # patches of 16 px, merged two by two
    (
        r"qwen-?3\.?-?vl|qwen3\.?[5-9]",
        Family("qwen3-vl", Layout.FRAMES, _merged_patches(32), num_ctx=8192, measured=False),
    ),
    # patches of 14 px, merged two by two
    (r"qwen-?2\.?5-?vl", Family("qwen2.5-vl", Layout.FRAMES, _merged_patches(28), num_ctx=8192, measured=False)),
    # 256 pooled tokens a picture and two marks
    (r"gemma-?[34]", Family("gemma", Layout.FRAMES, _fixed(258), num_ctx=8192, measured=False)),
    # 64 queries and two marks for a picture that is not sliced
    (r"minicpm", Family("minicpm-v", Layout.FRAMES, _fixed(66), num_ctx=8192, measured=False)),
    (r"moondream", Family("moondream", Layout.STORYBOARD, _fixed(729), num_ctx=2048, measured=False)),
    (r"clip", LLAVA_16),  # a LLaVA under a name of the operator's own
)
# Ollama since 0.30 refuses it: "unknown model architecture: 'mllama'"
_DEAD = re.compile(r"mllama|llama-?3\.2-vision")


def family_of(*, model: str, architecture: str = "", families: Sequence[str] = ()) -> Family:
    """The row of the table for a model."""
    known = " ".join([model, architecture, *families]).lower()
    return next((family for pattern, family in _FAMILIES if re.search(pattern, known)), _UNKNOWN)


def is_dead(model: str) -> bool:
    """Whether today's Ollama can no longer load it at all."""
    return _DEAD.search(model.lower()) is not None
