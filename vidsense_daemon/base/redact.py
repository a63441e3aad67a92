"""Keep secrets out of everything that is written: logs, errors, the database, the API.

FFmpeg puts whole URLs, passwords included, into its exceptions, and a password may hold any character: so a URL's
user part is cut by its shape, and secrets that are known (from the environment or credentials) by their value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"

_WORD = re.compile(r"\S+")
_QUERY_SECRET = re.compile(
    r"(?P<key>[?&;](?:password|passwd|pwd|pass|token|secret|api_?key|auth|access_token|sig|signature|usr|user)=)[^&\s]*",
    re.IGNORECASE,
)
_USER_PART_SAFE = "!$&'()*+,;=-._~"  # may stand in a URL's user part as they are (RFC 3986); capture leaves them
_SHORTEST_SECRET = 4  # shorter values occur in ordinary words; masking them would garble every line


class Redactor:
    """Masks URLs' credentials and a set of known secrets; ``text`` is thread-safe."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: tuple[str, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these values too, in plain and in percent-encoded form; longer ones first."""
        known = set(self._values)
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                known |= {secret, quote(secret, safe=""), quote(secret), quote(secret, safe=_USER_PART_SAFE)}
        self._values = tuple(sorted(known, key=len, reverse=True))

    def text(self, text: str) -> str:
        """``text`` without credentials."""
        for value in self._values:
            text = text.replace(value, MASK)
        return url_credentials(text)


def url_credentials(text: str) -> str:
    """``text`` with the user part of every URL, and password-like query values, masked."""
    if "://" in text:
        text = _WORD.sub(_without_user_part, text)
    return _QUERY_SECRET.sub(rf"\g<key>{MASK}", text)


def _without_user_part(word: re.Match[str]) -> str:
    """From :// to the last @ of the word, since a password may hold an @, a / and quotes; linear in its length."""
    before, _, rest = word[0].partition("://")
    _, at, address = rest.rpartition("@")
    return f"{before}://{MASK}@{address}" if at else word[0]
