"""Stills and clips as answers, by id only: a request never names a file.

The store already keeps paths inside its folder. It is checked again here, since the database is a file that others can
edit, and what is served must be a plain file: no link, no device.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse

from vidsense_daemon.review.problems import Problem

# a still never changes under its address; `private`: no shared cache may keep what a camera saw
FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}
_LARGEST_STILL_BYTES = 32 * 1024 * 1024


def jpeg_response(jpeg: bytes, *, taken_at_ms: int) -> Response:
    """``taken_at_ms`` tells one picture from the next at the same address."""
    return Response(jpeg, media_type="image/jpeg", headers=FOR_EVER | {"etag": f'"{taken_at_ms}-{len(jpeg)}"'})


def unless_known(response: Response, request: Request) -> Response:
    """The response, or 304 to a visitor who has that very file already (`If-None-Match`)."""
    known = request.headers.get("if-none-match", "")
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    return NotModifiedResponse(response.headers) if response.headers["etag"] in tags or known == "*" else response


def read_still(path: str, *, media_dir: Path) -> bytes:
    """The JPEG file at ``path``.

    Raises:
        Problem: 404, it is gone, or no plain file inside the media folder.
    """
    return _read(_inside(Path(path), media_dir))


def clip_response(path: Path, *, media_dir: Path) -> Response:
    """The MP4 file at ``path``, or the range of it that the player asks for."""
    checked = _inside(path, media_dir)
    try:
        status = checked.lstat()
    except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
        raise _gone() from error
    if not stat.S_ISREG(status.st_mode):
        raise _gone()
    return FileResponse(checked, media_type="video/mp4", stat_result=status, headers=FOR_EVER)


def _inside(path: Path, media_dir: Path) -> Path:
    """``path`` without links above the file; a link in its own place stays one, and is then refused."""
    real = path.parent.resolve() / path.name
    if not real.is_relative_to(media_dir.resolve()):
        raise _gone()
    return real


def _read(path: Path) -> bytes:
    try:
        # NONBLOCK: opening a pipe that somebody put there would wait for its writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _gone()
            return file.read(_LARGEST_STILL_BYTES)
    except (OSError, ValueError) as error:
        raise _gone() from error


def _gone() -> Problem:
    return Problem(404, "the picture is no longer there: retention or somebody removed it")
