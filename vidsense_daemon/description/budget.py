"""Count tokens before they are sent: what does not fit is an error of the server's, after minutes of work. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import TypeVar

from vidsense_daemon.description.families import Family

# English runs at four letters a token and names and numbers at two: three is on the safe side
_LETTERS_A_TOKEN = 3
# the chat template's own marks
_TEMPLATE_TOKENS = 64

T = TypeVar("T")


def text_tokens(*texts: str) -> int:
    """Tokens of texts, estimated on the high side."""
    return sum(ceil(len(text) / _LETTERS_A_TOKEN) for text in texts)


def picture_tokens(sizes_px: Iterable[tuple[int, int]], family: Family) -> int:
    """Tokens of pictures of (width, height)."""
    return sum(family.picture_tokens(width_px, height_px) for width_px, height_px in sizes_px)


def room_for_pictures(*, num_ctx: int, text: int, answer: int) -> int:
    """Tokens left for pictures, beside the prompt's text and the longest answer."""
    return max(0, num_ctx - text - answer - _TEMPLATE_TOKENS)


def thinned(items: Sequence[T], most: int, *, peak: int | None) -> list[T]:
    """At most ``most`` items in their order: the first, the one at ``peak`` and the last stay longest.

    The middle goes first, and what stays of it is spread evenly.
    """
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    dear = list(dict.fromkeys([0, last] if peak is None else [peak, 0, last]))
    if most <= len(dear):
        return [items[index] for index in sorted(dear[:most])]
    middle = [index for index in range(len(items)) if index not in dear]
    wanted = most - len(dear)
    spread = [middle[(2 * place + 1) * len(middle) // (2 * wanted)] for place in range(wanted)]
    return [items[index] for index in sorted([*dear, *spread])]
