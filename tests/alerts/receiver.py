"""A real HTTP receiver on a free port of this machine, which answers as a test tells it."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["_Handler"], None]


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass
class Receiver:
    """What came, and what is answered: the queued answers first, then ``always``."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    always: Answer = field(default_factory=lambda: status(204))
    closing: threading.Event = field(default_factory=threading.Event)
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/vidsense?token=s3cr3t"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.receiver.received.append(Received(self.path, headers, body))
        answer = self.receiver.answers.pop(0) if self.receiver.answers else self.receiver.always
        answer(self)

    def log_request(self, *_: object) -> None:
        """Say nothing: pytest shows what matters."""


def status(code: int, **headers: str) -> Answer:
    """Answer with this status and these headers."""

    def answer(handler: _Handler) -> None:
        handler.send_response(code)
        for key, value in headers.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def hang(handler: _Handler) -> None:
    """Take the request and say nothing."""
    handler.receiver.closing.wait()
    handler.close_connection = True


def drip(handler: _Handler) -> None:
    """Send the answer's header a byte at a time, for ever."""
    handler.close_connection = True
    with contextlib.suppress(OSError):  # the sender has hung up
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while not handler.receiver.closing.wait(0.02):
            handler.wfile.write(b"x")


def endless_body(handler: _Handler) -> None:
    """Say 200, then never finish the body."""
    handler.send_response(200)
    handler.send_header("content-length", "1000000000")
    handler.end_headers()
    handler.wfile.write(b"o")
    hang(handler)


def cut(handler: _Handler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


@contextmanager
def receiver(*, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that listens until the block ends."""
    found = Receiver(scheme="https" if tls else "http")
    handler = type("Handler", (_Handler,), {"receiver": found})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        found.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
