"""Camera urls as operators write them become urls that FFmpeg understands. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:]+\](?::\d+)?|[\w-]+(?:\.[\w-]+)+(?::\d+)?|[\w-]+:\d+|localhost)(?=[/?#]|$)")
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
    """`user:password` and `host/path`; `/`, `?`, `#` and `@` may stand in the password.

    Of several `@`, the last one that an address follows (a name with a dot, a port, an IP address) ends the user part;
    else the last one before the path.
    """
    ends = [place.start() for place in re.finditer("@", rest)]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    addresses = [end for end in ends if _ADDRESS.match(rest, end + 1)]
    before_path = [end for end in ends if end < len(authority)]
    if not before_path and _is_host(authority):
        return "", rest  # the @ stands in the path
    chosen = addresses or before_path or ends
    if not chosen:
        return "", rest
    return rest[: chosen[-1]], rest[chosen[-1] + 1 :]


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
