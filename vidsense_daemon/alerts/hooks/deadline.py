"""One limit for a whole HTTP exchange.

httpx limits every single read; a receiver that sends a byte a second passes all of them and would hold a hook for
hours. So a timer shuts the connection down, and the read that waits on it fails at once.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any, Self


class Deadline:
    """Shuts the watched connection down ``limit_s`` after entering; give `watch` to httpx as the trace extension."""

    def __init__(self, limit_s: float) -> None:
        self.passed = False
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._timer = threading.Timer(limit_s, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def watch(self, step: str, values: dict[str, Any]) -> None:
        """Called by httpcore at every step of the exchange."""
        if not step.endswith("connect_tcp.complete"):
            return
        connected = values["return_value"].get_extra_info("socket")
        with self._lock:
            # a duplicate: TLS wraps the socket object later, while this one stays usable from the timer's thread
            self._connection = connected.dup()
        if self.passed:
            self._cut()

    def _cut(self) -> None:
        self.passed = True
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(OSError):  # the other side has closed already
                    self._connection.shutdown(socket.SHUT_RDWR)
