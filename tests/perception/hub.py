"""A model hub on loopback: its answers, ranges, redirects and failures, as far as fetching needs them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Holds models; ``asked`` is every path that was asked for, with its range."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.stops_after_bytes: int | None = None  # the connection breaks there
        self.garbles = False  # one byte of every file is wrong
        self.ranges = True
        self.url = ""

    def description(self, name: str) -> bytes:
        siblings = [_described(path, content) for path, content in self.models[name].items()]
        return json.dumps({"id": name, "sha": REVISION, "siblings": siblings}).encode()


def _described(path: str, content: bytes) -> dict[str, object]:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": git}
    if path.endswith((".safetensors", ".bin")):
        entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return entry


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked_range = self.headers.get("range")
            hub.asked.append((self.path, asked_range))
            path = self.path.partition("?")[0]
            if path.startswith("/api/models/"):
                name = path.removeprefix("/api/models/")
                self._send(200, hub.description(name)) if name in hub.models else self._send(404, b"{}")
            elif path.startswith("/elsewhere/"):  # weights are kept on other servers
                self._send_file(path.removeprefix("/elsewhere"), asked_range)
            else:
                self.send_response(302)
                self.send_header("location", "/elsewhere" + path)
                self.send_header("content-length", "0")
                self.end_headers()

        def _send_file(self, path: str, asked_range: str | None) -> None:
            name, _, file = path.removeprefix("/").partition(f"/resolve/{REVISION}/")
            content = hub.models[name][file]
            if hub.garbles:
                content = content[:-1] + bytes([content[-1] ^ 1])
            start = int(asked_range.removeprefix("bytes=").removesuffix("-")) if asked_range and hub.ranges else 0
            self._send(206 if start else 200, content[start:], stop=hub.stops_after_bytes)

        def _send(self, status: int, body: bytes, stop: int | None = None) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if stop is None else body[:stop])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join(5)
