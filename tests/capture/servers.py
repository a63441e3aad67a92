"""Servers that fail on purpose: scripted RTSP answers, and a proxy that hurts a real camera's stream on its way."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Reply = Callable[[socket.socket, str, str, list[str]], bool]
"""Answers one request (connection, method, CSeq, lines); false closes the connection."""

SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "c=IN IP4 0.0.0.0\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track0\r\n"
)


class Listener:
    """Accepts on a free port and serves each connection in a thread until closed; counts the connections."""

    def __init__(self, serve: Callable[[socket.socket], None], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._serve = serve
        self.connections = 0
        self._open: list[socket.socket] = []
        self._socket = socket.create_server((host, port))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for connection in [self._socket, *self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self._serve(connection)


@contextmanager
def listening(serve: Callable[[socket.socket], None], *, host: str = "127.0.0.1") -> Iterator[Listener]:
    listener = Listener(serve, host=host)
    try:
        yield listener
    finally:
        listener.close()


def scripted(reply: Reply) -> Callable[[socket.socket], None]:
    """Serve RTSP requests, one after the other, with ``reply``."""

    def serve(connection: socket.socket) -> None:
        waiting = b""
        while piece := connection.recv(4096):
            waiting += piece
            while b"\r\n\r\n" in waiting:
                request, waiting = waiting.split(b"\r\n\r\n", 1)
                lines = request.decode("latin1").split("\r\n")
                number = next((line.split(":")[1].strip() for line in lines if line.lower().startswith("cseq")), "1")
                if not reply(connection, lines[0].split()[0], number, lines):
                    return

    return serve


def answer(connection: socket.socket, number: str, *, status: str = "200 OK", head: str = "", body: str = "") -> bool:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    connection.sendall(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{head}{length}\r\n{body}".encode())
    return True


def always(status: str, head: str = "") -> Reply:
    """Every request is answered with ``status``."""
    return lambda connection, _method, number, _lines: answer(connection, number, status=status, head=head)


def no_picture(connection: socket.socket, method: str, number: str, lines: list[str]) -> bool:
    """A perfect handshake, and never a packet after it."""
    if method == "DESCRIBE":
        return answer(connection, number, head="Content-Type: application/sdp\r\n", body=SDP)
    if method == "SETUP":
        transport = next(line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("transport"))
        return answer(connection, number, head=f"Session: 1;timeout=60\r\nTransport: {transport}\r\n")
    return answer(connection, number, head="Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\nSession: 1\r\n")


def busy_at_setup(connection: socket.socket, method: str, number: str, lines: list[str]) -> bool:
    """All viewers' places are taken."""
    if method == "SETUP":
        return answer(connection, number, status="453 Not Enough Bandwidth")
    return no_picture(connection, method, number, lines)


def redirecting(location: str) -> Reply:
    def reply(connection: socket.socket, method: str, number: str, _lines: list[str]) -> bool:
        if method == "DESCRIBE":
            return answer(connection, number, status="302 Moved", head=f"Location: {location}\r\n")
        return answer(connection, number, head="Public: DESCRIBE\r\n")

    return reply


def drip(connection: socket.socket, _method: str, _number: str, _lines: list[str]) -> bool:
    """A byte every half second, for ever: no socket timeout strikes."""
    for letter in "RTSP/1.0 200 OK\r\nX: " + "a" * 400:
        connection.sendall(letter.encode())
        time.sleep(0.5)
    return False


def not_rtsp(connection: socket.socket, _method: str, _number: str, _lines: list[str]) -> bool:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    return True


def silent(connection: socket.socket) -> None:
    """Accepts, reads, never answers."""
    while connection.recv(4096):
        pass


def huge_answer(connection: socket.socket, _method: str, number: str, _lines: list[str]) -> bool:
    """Announces two gigabytes and sends none of them."""
    connection.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nContent-Length: 2000000000\r\n\r\n".encode())
    return True


@contextmanager
def host_down() -> Iterator[int]:
    """A port whose connection requests are dropped without an answer, as a dead host drops them.

    The queue of a listener that never accepts is filled; the kernel then ignores further requests.
    """
    with socket.socket() as listener, contextlib.ExitStack() as held:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


class FaultyWire:
    """A proxy before an RTSP server (over TCP) that hurts what the server sends. Attributes may be set at any time."""

    def __init__(self, upstream_port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._upstream_port = upstream_port
        self._tls = tls
        self._random = random.Random(5)
        self.timestamp_jump_ticks = 0
        self.damaged_ratio = 0.0
        self.dropped_ratio = 0.0
        self.rtp_frozen = False  # the encoder stands still; the server goes on answering
        self.frozen = False  # nothing comes at all, and nobody says goodbye
        self.damaged = 0
        self._resetting = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    def reset(self) -> None:
        """Break every connection with a TCP reset."""
        self._resetting = True
        pairs, self._pairs = self._pairs, []
        for client, upstream in pairs:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.frozen = False
        self._listener.close()
        for pair in self._pairs:
            for connection in pair:
                connection.close()

    def _serve(self, client: socket.socket) -> None:
        if self._tls:
            client = self._tls.wrap_socket(client, server_side=True)
        self._resetting = False
        with socket.create_connection(("127.0.0.1", self._upstream_port)) as upstream:
            self._pairs.append((client, upstream))
            threading.Thread(target=self._requests, args=(client, upstream), daemon=True).start()
            try:
                reader = upstream.makefile("rb")
                while piece := self._next_piece(reader):
                    client.sendall(piece)
            finally:
                # closing alone says nothing while the other thread still reads; a reset must not say goodbye first
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RD if self._resetting else socket.SHUT_RDWR)

    def _requests(self, client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := client.recv(4096):
                upstream.sendall(piece)
            upstream.shutdown(socket.SHUT_RDWR)

    def _next_piece(self, reader: object) -> bytes:
        """One RTP packet, hurt as told, or one line of an answer; b"" at the end."""
        read = reader.read  # type: ignore[attr-defined]
        while True:
            first = read(1)
            if first != b"$":
                line = first + reader.readline() if first else b""  # type: ignore[attr-defined]
                self._hold()
                return line
            head = read(3)
            packet = bytearray(read(int.from_bytes(head[1:], "big")))
            self._hold()
            if head[0] % 2 == 1 or self._hurt(packet):
                return first + head + bytes(packet)

    def _hold(self) -> None:
        while self.frozen:
            time.sleep(0.02)

    def _hurt(self, packet: bytearray) -> bool:
        """Damage the RTP packet in place; false when it shall not arrive."""
        if self.rtp_frozen or self._random.random() < self.dropped_ratio:
            return False
        if self.timestamp_jump_ticks and len(packet) >= 12:
            (ticks,) = struct.unpack_from(">I", packet, 4)
            struct.pack_into(">I", packet, 4, (ticks + self.timestamp_jump_ticks) & 0xFFFFFFFF)
        if len(packet) > 40 and self._random.random() < self.damaged_ratio:
            self.damaged += 1
            for _ in range(8):
                packet[self._random.randrange(20, len(packet))] ^= 0xFF
        return True
