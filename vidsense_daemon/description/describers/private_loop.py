"""Run one asynchronous request to its end, its time limit or its cancellation, for callers without an event loop.

Only an asynchronous client can be cancelled: closing a synchronous one from another thread does not wake its read, and
a read timeout restarts with every byte, so that a dripping server holds it for ever. Each request gets a loop of its
own that ends with it: nothing stays open between two events that may lie hours apart.

Looking up a host name runs in a thread that nobody can cancel; the resolver's own limit bounds it. An address in
digits avoids that.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from vidsense_daemon.base.errors import DescriberUnavailableError

T = TypeVar("T")


class PrivateLoop:
    """At most one request at a time, over all threads."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._closing = threading.Event()
        self._in_flight: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def run(self, request: Callable[[], Coroutine[Any, Any, T]], *, timeout_s: float) -> T:
        """The request's result; blocks.

        Raises:
            TimeoutError: it took longer than ``timeout_s`` as a whole, or the one before it did.
            DescriberUnavailableError: `close` was called.
        """
        if not self._turn.acquire(timeout=timeout_s):
            raise TimeoutError
        try:
            with asyncio.Runner() as runner:
                return runner.run(self._bounded(request, timeout_s))
        except asyncio.CancelledError:
            raise DescriberUnavailableError("the description was interrupted: the daemon stops") from None
        finally:
            self._in_flight = None
            self._turn.release()

    def close(self) -> None:
        """Cancel the request in flight; later ones are cancelled before they start. From any thread."""
        self._closing.set()
        if (in_flight := self._in_flight) is not None:
            loop, task = in_flight
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, and the request with it
                loop.call_soon_threadsafe(task.cancel)

    async def _bounded(self, request: Callable[[], Coroutine[Any, Any, T]], timeout_s: float) -> T:
        task = asyncio.current_task()
        assert task is not None, "a runner runs tasks"
        self._in_flight = (asyncio.get_running_loop(), task)
        if self._closing.is_set():  # read after the line above: one of the two threads sees the other
            raise asyncio.CancelledError
        async with asyncio.timeout(timeout_s):
            return await request()
