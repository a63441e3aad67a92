"""The HTTP thread: `ReviewServer.run` is the body of one worker; uvicorn's event loop lives and ends in it.

The loop only moves bytes: pages and API calls are plain functions in a small pool of threads, so a slow query holds up
one visitor and not the others. Cameras go on when the port is taken: the worker waits and tries again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from urllib.parse import urlsplit

import anyio.to_thread
import structlog
import uvicorn

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import ConfigError, TransientError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.review.access import Access, check_logins
from vidsense_daemon.review.app import build_app
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.review.connections import REQUEST_LIMIT_S, prompt_protocol
from vidsense_daemon.review.guard import KnownNames, is_loopback
from vidsense_daemon.review.ports import Ports

_BEAT_EVERY_S = 0.2  # also how soon a stop is noticed
_POOL_THREADS = 8  # SQLite answers in milliseconds; more threads would only hold more memory
_GOODBYE_S = 1  # for answers that are under way; live updates end at once
_MOST_CONNECTIONS = 128
_KEEP_ALIVE_S = 15


def check_access(host: str, *, users: Mapping[str, str], tokens: Mapping[str, str]) -> None:
    """Whether pages that listen on ``host`` are closed to strangers.

    Raises:
        ConfigError: others could reach them without logging in, or a user or token is not usable.
    """
    if not is_loopback(host) and not users and not tokens:
        raise ConfigError(
            f"review.host: {host} lets the whole network look at the cameras; add review.users or review.tokens, "
            "or use 127.0.0.1"
        )
    check_logins(users, tokens)


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; ``port`` 0 takes a free one.

    Raises:
        TransientError: the port is taken, or the address is not there yet.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise TransientError(
            f"the review page can't listen on {host} port {port}: {error.strerror}; "
            "stop what uses it, or set review.port"
        ) from error
    # connections inherit it. asyncio sets it on sockets of its own making only, and without it each answer's body
    # waited 40 ms until the visitor's kernel had acknowledged the headers
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class ReviewServer:
    """Serves the pages, the API and the metrics."""

    def __init__(
        self,
        host: str,
        port: int,
        ports: Ports,
        *,
        board: CameraBoard,
        users: Mapping[str, str] | None = None,
        tokens: Mapping[str, str] | None = None,
        allowed_hosts: Sequence[str] = (),
        public_url: str | None = None,
        zone: tzinfo = UTC,
        clock: Clock | None = None,
        request_limit_s: float = REQUEST_LIMIT_S,
        before: ReviewServer | None = None,
    ) -> None:
        """``port`` 0 takes a free one. ``public_url`` is the address that people use, when a proxy stands before us.

        ``before`` is the server whose place this one takes, and whose visitors stay logged in.

        Raises:
            ConfigError: others could reach it without logging in, or a user or token is not usable.
        """
        users, tokens = users or {}, tokens or {}
        check_access(host, users=users, tokens=tokens)
        self._host = host
        self._port = port
        self._request_limit_s = request_limit_s
        self._address: tuple[str, int] | None = None
        self._worker: Worker | None = None
        clock = clock or SystemClock()
        public = urlsplit(public_url or "")
        self.access: Access = Access(users=users, tokens=tokens, clock=clock, before=before.access if before else None)
        self.app = build_app(
            ports,
            board=board,
            access=self.access,
            names=KnownNames(host=host, allowed_hosts=[*allowed_hosts, *filter(None, [public.hostname])]),
            zone=zone,
            clock=clock,
            secure_cookies=public.scheme == "https",
            request_limit_s=request_limit_s,
            is_ending=lambda: self._worker is not None and self._worker.stopping.is_set(),
        )
        self._log = structlog.get_logger()

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens; none while it does not."""
        return self._address

    def run(self, worker: Worker) -> None:
        """Serve until ``worker`` is asked to stop.

        Raises:
            TransientError: the port is taken, or the address is not there yet.
        """
        self._worker = worker
        with listen(self._host, self._port) as listener:
            self._address = listener.getsockname()[:2]
            self._log.info("review_listening", host=self._address[0], port=self._address[1])
            try:
                asyncio.run(self._serve(worker, listener))
            finally:
                self._address = None

    async def _serve(self, worker: Worker, listener: socket.socket) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _POOL_THREADS
        server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                http=prompt_protocol(self._request_limit_s),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # a warning for each rubbish request would let strangers fill the log
                access_log=False,  # it would write down what people look at
                proxy_headers=False,  # anybody can send X-Forwarded-For
                server_header=False,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_GOODBYE_S,
            )
        )
        beating = asyncio.create_task(_beat(worker, server))
        await server.serve(sockets=[listener])
        await beating


async def _beat(worker: Worker, server: uvicorn.Server) -> None:
    while not worker.stopping.is_set():
        worker.beat()
        await asyncio.sleep(_BEAT_EVERY_S)
    server.should_exit = True
