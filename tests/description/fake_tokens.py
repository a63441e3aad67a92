"""The token counting of the fake Ollama: LLaVA 1.6's measured table, and a prompt cache that matches prefixes.

The table is written down as it was counted on two real engines, not computed by the product's own rule: the product's
rule is tested against it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import cv2
import numpy as np

# (width_px, height_px) → tokens, as counted
MEASURED_TOKENS = {
    (336, 336): 576,
    (224, 224): 576,
    (448, 252): 1728,
    (512, 288): 1728,
    (672, 336): 1728,
    (337, 337): 2880,
    (640, 360): 2880,
    (640, 480): 2880,
    (672, 672): 2880,
    (1280, 720): 2880,
    (1920, 1080): 2880,
    (360, 640): 2880,
    (1008, 336): 2304,
    (336, 1008): 2304,
}
_DEAREST = 2880
_SMALL_PX = 336


class PromptCache:
    """What the slot holds from the last request."""

    def __init__(self) -> None:
        self.prompt: list[tuple[str, int]] = []


def picture_size_px(jpeg: bytes) -> tuple[int, int] | None:
    """(width, height), or none for what is no picture."""
    picture = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    return None if picture is None else (picture.shape[1], picture.shape[0])


def picture_tokens(size_px: tuple[int, int]) -> int:
    if max(size_px) <= _SMALL_PX:
        return 576
    return MEASURED_TOKENS.get(size_px, _DEAREST)


def evaluated_tokens(cache: PromptCache, body: dict[str, Any], pictures: list[bytes]) -> tuple[int, int]:
    """(tokens of the whole prompt, tokens after the prefix that the last request had too)."""
    prompt = [(hashlib.sha256(jpeg).hexdigest(), picture_tokens(picture_size_px(jpeg) or (0, 0))) for jpeg in pictures]
    for message in body["messages"]:
        prompt += [(word, 1) for word in message.get("content", "").split()]
    same = 0
    for old, new in zip(cache.prompt, prompt, strict=False):
        if old != new:
            break
        same += 1
    cache.prompt = prompt
    total = sum(tokens for _, tokens in prompt)
    return total, sum(tokens for _, tokens in prompt[same:]) or 1
