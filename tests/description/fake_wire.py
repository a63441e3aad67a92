"""What all fake model servers share: a real socket, counted requests, and every way in which a server can fail."""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

STEP_S = 0.02
JSON = "application/json; charset=utf-8"


@dataclass
class Fault:
    """One way to fail, used up by one request to its path.

    before the answer:  http{status,body} · hang · delay{seconds} · reset · drop · raw{body}
    in the middle:      mid_error{body} · mid_hang · mid_reset · mid_drop · truncated_json · blank_line · no_done
    throughout:         drip{seconds} · cut (of a pull)
    """

    kind: str
    status: int = 500
    body: str = ""
    seconds: float = 0.0


class GoneError(Exception):
    """The client has closed its end."""


class FakeServer:
    """A server on a real socket; `url` is where it listens. What a test asks about it is a plain attribute."""

    chat_path = ""

    def __init__(self, handler: type[WireHandler]) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.ignores_limits = False  # writes on beyond the longest answer
        self.in_flight = 0
        self.most_in_flight = 0
        self.disconnects = 0
        self.defects: list[BaseException] = []
        self.stopping = threading.Event()
        self._handler = handler
        self._faults: dict[str, deque[Fault]] = {}
        self._always: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._port = 0
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self._port), self._handler, self)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": STEP_S}, daemon=True).start()

    def down(self) -> None:
        """Stop listening, as after `systemctl stop`: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop; a request that broke the fake itself fails the test that sent it."""
        self.stopping.set()
        self.down()
        assert not self.defects

    def fail(self, path: str, *faults: Fault) -> None:
        """Let the next requests to ``path`` fail, one after the other."""
        self._faults.setdefault(path, deque()).extend(faults)

    def fail_always(self, path: str, fault: Fault | None) -> None:
        """Let every request to ``path`` fail until told otherwise."""
        if fault is None:
            self._always.pop(path, None)
        else:
            self._always[path] = fault

    def fault_for(self, path: str) -> Fault | None:
        with self._lock:
            waiting = self._faults.get(path)
            return waiting.popleft() if waiting else self._always.get(path)

    @contextmanager
    def counted(self, path: str, body: dict[str, Any]) -> Iterator[None]:
        with self._lock:
            self.requests.append((path, body))
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            with self._lock:
                self.in_flight -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[WireHandler], fake: FakeServer) -> None:
        self.fake = fake
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError | GoneError):
            self.fake.defects.append(error)


class WireHandler(BaseHTTPRequestHandler):
    """Reads a request, writes an answer, and fails where a fault says so."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.route(self.path.partition("?")[0], self.rfile.read(length))

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class names them

    def route(self, path: str, payload: bytes) -> None:
        raise NotImplementedError

    def gone(self) -> None:
        """The client hung up: that is what frees a real server's slot."""
        self.server.fake.disconnects += 1
        self.close_connection = True

    def failed_before(self, fault: Fault) -> bool:
        """The faults that come before the first byte of an answer; true when nothing more is to be sent."""
        match fault.kind:
            case "http":
                self.send(fault.status, fault.body or '{"error":"broken"}', JSON)
            case "raw":
                self.send(200, fault.body, JSON)
            case "hang":
                self.pause(3600.0)
            case "delay":
                self.pause(fault.seconds)
                return False
            case "reset":
                self.reset()
            case "drop":
                self.close_connection = True
            case _:
                return False
        return True

    def failed_amid(self, fault: Fault, *, prefix: str = "") -> bool:
        """The faults in the middle of a stream; true when nothing more is to be sent."""
        match fault.kind:
            case "mid_error":
                self.raw_line(prefix + (fault.body or '{"error":"an error was encountered while running the model"}'))
                self.end_stream()
            case "mid_hang":
                self.pause(3600.0)
            case "mid_reset":
                self.reset()
            case "mid_drop":
                self.close_connection = True
            case "truncated_json":
                self.raw_line(prefix + '{"model":"x","message":{"role":"assi')
                self.end_stream()
            case "blank_line":
                self.raw_line("")
                return False
            case _:
                return False
        return True

    def pause(self, seconds: float) -> None:
        """Be busy, as long as the client is there."""
        end = time.monotonic() + seconds
        while True:
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise GoneError
            left_s = end - time.monotonic()
            if left_s <= 0:
                return
            if self.server.fake.stopping.wait(min(left_s, STEP_S)):
                raise GoneError

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def plain(self, status: int, text: str) -> None:
        self.send(status, text, "text/plain; charset=utf-8")

    def json(self, status: int, answer: dict[str, Any]) -> None:
        self.send(status, json.dumps(answer), JSON)

    def send(self, status: int, text: str, kind: str) -> None:
        packed = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(packed)

    def start_stream(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def raw_line(self, text: str) -> None:
        packed = text.encode() + b"\n"
        try:
            self.wfile.write(f"{len(packed):x}\r\n".encode() + packed + b"\r\n")
            self.wfile.flush()
        except OSError:
            raise GoneError from None

    def end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")
