"""Is the camera back? A knock at its port now and then, while the next real try is up to a minute away.

A try starts a process and asks for a stream, so tries become rare while a camera is away. A knock is one TCP connection
that is closed at once: cheap enough for every second. Only a door that was closed and is open now counts, and once; a
camera that answers and fails is left alone until the next try. What a knock has found outlasts the tries in between: a
camera that comes back just after one failed must not wait for another.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

from vidsense_daemon.capture.options import scheme_of
from vidsense_daemon.capture.urls import quoted

_EVERY_S = 1.0
_TIMEOUT_S = 1.5
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


class Knocker:
    """Knocks at one camera's door; `came_back` never blocks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._was_closed = False
        self._open: bool | None = None  # the answer to the last knock
        self._due_mono_s = float("-inf")
        self._thread: threading.Thread | None = None

    def forget(self) -> None:
        """The camera streams: what was found before is of no use when it goes the next time."""
        self._was_closed, self._open = False, None

    def came_back(self, now_mono_s: float) -> bool:
        """Whether the door has opened since it was found closed."""
        if self._thread is not None and self._thread.is_alive():
            return False
        if self._was_closed and self._open:
            self._was_closed, self._open = False, None
            return True
        self._was_closed |= self._open is False
        if now_mono_s >= self._due_mono_s:
            self._due_mono_s = now_mono_s + _EVERY_S
            # in a thread of its own: looking a name up can take ten seconds, and a stop may not wait for that
            self._thread = threading.Thread(target=self._knock, name="knock", daemon=True)
            self._thread.start()
        return False

    def _knock(self) -> None:
        scheme = scheme_of(self._url)
        if scheme in _PORTS:
            self._open = _connects(self._url, _PORTS[scheme])
        elif scheme == "v4l2":
            self._open = Path(self._url).exists()


def _connects(url: str, default_port: int) -> bool:
    try:
        parts = urlsplit(quoted(url))
        address = (parts.hostname or "", parts.port or default_port)
        with contextlib.closing(socket.create_connection(address, timeout=_TIMEOUT_S)):
            return True
    except (OSError, ValueError):
        return False
