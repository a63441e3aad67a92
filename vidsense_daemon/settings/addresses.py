"""Checks of single values: addresses and outlines. Pure; a `ValueError` says what is wrong and what is allowed.

No message repeats an address: it may hold a password.
"""

from __future__ import annotations

import re

from vidsense_daemon.settings.mistakes import in_words, nearest

Point = tuple[float, float]
Outline = tuple[Point, ...]  # of an area; ratios of the picture's width and height, from the upper left corner

CAMERA_SCHEMES = ("rtsp", "rtsps", "http", "https", "file")
HTTP_SCHEMES = ("http", "https")
_RESTREAMED = ("rtmp", "rtmps", "srt", "udp", "rtp", "webrtc", "whep")  # video, but not ours to read

_FEWEST_POINTS = 3
_SMALLEST_AREA_RATIO = 1e-6  # of the picture: one pixel of 1000 × 1000
_HIGHEST_PORT = 65_535
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f]")


def camera_address(text: str) -> str:
    """``text`` when a camera can be opened by it: a stream's URL, or a path to a file or a video device.

    A password may hold any character but a space: capture encodes it where it must be.
    """
    if "://" in text:
        _check_scheme(text, CAMERA_SCHEMES)
        if not text.lower().startswith("file:"):
            _check_host(split_user_part(text)[1])
    elif not text.startswith("/"):
        raise ValueError(
            "found neither a URL nor an absolute path; a camera is rtsp://…, http://…, /dev/video0 or /path/to/file.mp4"
        )
    return text


def http_address(text: str) -> str:
    """``text`` when it is an http or https URL."""
    if "://" not in text:
        raise ValueError("found no http:// or https:// at the beginning")
    _check_scheme(text, HTTP_SCHEMES)
    rest = text.partition("://")[2]
    _check_host(_authority(rest).rpartition("@")[2])
    return text


def absolute_path(text: str) -> str:
    """``text`` when it is a path that means the same file wherever the daemon is started."""
    if not text.startswith("/"):
        raise ValueError("found no absolute path; it begins with /")
    return text


def outline(text: str) -> Outline:
    """The points of `x,y,x,y,…`."""
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        raise ValueError('found something else than numbers with commas between; write "x,y,x,y,x,y"') from None
    if len(numbers) % 2:
        raise ValueError(f"found {len(numbers)} numbers; each point has two, x and y")
    points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if len(points) < _FEWEST_POINTS:
        raise ValueError(f"found {len(points)} points; an area has at least {_FEWEST_POINTS}")
    if not all(0 <= number <= 1 for number in numbers):
        raise ValueError("found a number outside 0 to 1; divide x by the picture's width and y by its height")
    if _area(points) < _SMALLEST_AREA_RATIO:
        raise ValueError("the points enclose no area: they lie on one line")
    return points


def outline_text(points: Outline) -> str:
    """`x,y,x,y,…`, as the file has it."""
    return ",".join(f"{number:g}" for point in points for number in point)


def _area(points: Outline) -> float:
    """The shoelace formula."""
    following = (*points[1:], points[0])
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(points, following, strict=True))) / 2


def split_user_part(url: str) -> tuple[str, str]:
    """`user:password` and `host/path` of a URL; a `/`, `?`, `#` or `@` may stand in the password as it is."""
    rest = url.partition("://")[2]
    before, _, host = _authority(rest).rpartition("@")
    if before and _names_a_host(host):
        user_part = before
    elif "@" in rest and not _names_a_host(_authority(rest)):
        user_part = rest.rpartition("@")[0]
    else:
        return "", rest
    return user_part, rest[len(user_part) + 1 :]


def _authority(rest: str) -> str:
    return re.split(r"[/?#]", rest, maxsplit=1)[0]


def _check_scheme(url: str, schemes: tuple[str, ...]) -> None:
    scheme = url.partition("://")[0].lower()
    if scheme not in schemes:
        meant = nearest(scheme, schemes)
        hint = f"; did you mean {meant}://?" if meant else ""
        if scheme in _RESTREAMED and "rtsp" in schemes:
            hint = "; a restreamer, such as go2rtc, makes rtsp:// of it"
        raise ValueError(f"found the scheme {scheme[:20]!r}; allowed are {in_words(schemes)}{hint}")
    if _BREAKS.search(url):
        raise ValueError("found a space or a line break inside the URL; a space is written %20")


def _check_host(host_and_path: str) -> None:
    if not _names_a_host(_authority(host_and_path)):
        raise ValueError("found no host, or a port that is no number from 1 to 65535, after ://")


def _names_a_host(text: str) -> bool:
    found = re.fullmatch(r"(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^\[\]:@]+)(?::(?P<port>[0-9]{1,5}))?", text)
    return found is not None and (found["port"] is None or 1 <= int(found["port"]) <= _HIGHEST_PORT)
