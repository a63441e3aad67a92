"""A camera may not send its viewers, password and all, to another host.

FFmpeg follows an RTSP redirect by itself, answers the new host's request for a password, and has no option against it.
But it says so in its log before it connects, and the log's handler runs right there, inside the opening call: it ends
the process. The capture child is made to be ended; a test with a redirecting server holds this true.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import av.logging

from vidsense_daemon.capture.urls import quoted

_REDIRECT = re.compile(r"Redirecting to (\S+)")


class RedirectGuard(logging.Handler):
    """Listens to FFmpeg's log; calls ``on_other_host``, which must not return, with the other host's name."""

    def __init__(self, urls: Iterable[str], *, on_other_host: Callable[[str], None]) -> None:
        super().__init__()
        self._hosts = {_host(url) for url in urls}
        self._on_other_host = on_other_host

    def install(self) -> None:
        """Hear all that FFmpeg says, and let none of it out: its lines hold what strangers sent."""
        logger = logging.getLogger("libav")
        logger.handlers = [self]
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
        av.logging.set_level(av.logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by FFmpeg's own thread of control, before it goes on."""
        found = _REDIRECT.search(record.getMessage())
        if found and (host := _host(found.group(1))) not in self._hosts:
            self._on_other_host(host)


def _host(url: str) -> str:
    try:
        return urlsplit(quoted(url)).hostname or ""
    except ValueError:
        return ""
