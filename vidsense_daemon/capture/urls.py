"""Camera urls as operators write them become urls that FFmpeg understands. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_USER_SAFE = "!$&'()*+,;=-._~"  # may stand in a url's user part as they are (RFC 3986)


def quoted(url: str) -> str:
    """The url with its user name and password percent-encoded; what is encoded already stays.

    Cameras' passwords hold any character, and the web page that sets them never says that a `/` or `#` ends a host.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    user_part, address = _split_user(rest)
    if not user_part:
        return url
    user, colon, password = user_part.partition(":")
    return f"{scheme}://{_quote(user)}{colon}{_quote(password)}@{address}"


def _split_user(rest: str) -> tuple[str, str]:
    """`user:password` and `host/path`; a `/`, `?`, `#` or `@` may stand in the password."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        user_part, _, _ = authority.rpartition("@")
    elif "@" in rest and not _is_host(authority):
        user_part, _, _ = rest.rpartition("@")
    else:
        return "", rest
    return user_part, rest[len(user_part) + 1 :]


def _is_host(authority: str) -> bool:
    """`host` or `host:554`: a colon that no port follows stands before a password."""
    _, colon, port = authority.rpartition(":")
    return not colon or port.isdigit() or authority.endswith("]")


def _quote(text: str) -> str:
    pieces = []
    start = 0
    for escaped in _ESCAPED.finditer(text):
        pieces += [quote(text[start : escaped.start()], safe=_USER_SAFE), escaped.group()]
        start = escaped.end()
    return "".join([*pieces, quote(text[start:], safe=_USER_SAFE)])
