"""Make a model's words, and names that go into a prompt, harmless plain text.

What a model writes is data from outside: a sign before the camera may have told it what to write. So control
characters, markup and links go, and the length is capped, before the words reach the database, a page or a phone.
"""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MARKUP = re.compile(r"<[^<>]{0,200}>|[`*#<>{}|\\]")
# "[img]" and "[img-0]" are the places where Ollama puts pictures: in a name they would move them
_PICTURE_MARK = re.compile(r"\[\s*img", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_ELLIPSIS = "…"


def plain(text: str, longest: int) -> str:
    """``text`` as one line of plain text of at most ``longest`` characters."""
    text = "".join(_visible(letter) for letter in unicodedata.normalize("NFC", text))
    text = _MARKUP.sub(" ", _LINK.sub("(link)", text))
    text = _SPACE.sub(" ", _PICTURE_MARK.sub("(img", text)).strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + _ELLIPSIS


def _visible(letter: str) -> str:
    """Controls, formatting marks (such as right-to-left overrides) and lone surrogates become a space."""
    return " " if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} else letter
