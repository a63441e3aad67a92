"""The main stream of a camera that is watched on its substream: taken in, and decoded only for a still.

Its packets since the last keyframe wait in memory (a megabyte or two), so that a still of *now* is there at once: a
stream that had to be opened first would show the moment three seconds later. Taking packets in costs 0.2 ms a
camera-second, decoding them 77.

A thread of the capture child reads; the watching loop asks for stills. When the main stream fails, stills come from the
substream until it is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from av.packet import Packet
from av.video.stream import VideoStream

from vidsense_daemon.base.backoff import Backoff
from vidsense_daemon.capture.decoding import Waiting
from vidsense_daemon.capture.faults import CameraError
from vidsense_daemon.capture.source import DecodedFrame, PacketDecoder, Source

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_CATCH_UP_PACKETS = 60  # to decode a whole group of pictures for one still is worth it up to here: 0.3 s


@dataclass(frozen=True, slots=True, eq=False)
class MainPicture:
    """A decoded picture of the main stream."""

    frame: DecodedFrame
    captured_at: datetime


class MainStream:
    """Keeps the main stream's newest packets; `close` it to end its thread."""

    def __init__(self, open_source: Callable[[], Source], *, on_fault: Callable[[CameraError], None]) -> None:
        self._open_source = open_source
        self._on_fault = on_fault
        self._lock = threading.Lock()
        self._waiting = Waiting()
        self._keyframe_at = datetime.now(UTC)
        self._newest_at = self._keyframe_at
        self._given_at: datetime | None = None
        self._decoder: Callable[[], PacketDecoder] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="main-stream", daemon=True)
        self._thread.start()

    @property
    def flows(self) -> bool:
        """Whether there is anything to make a still of."""
        return bool(self._waiting.packets)

    def picture(self, *, newest: bool) -> MainPicture | None:
        """The picture of now (``newest``), or of the last keyframe if it was not given yet; none when there is none.

        Blocks while it decodes: the keyframe, or all packets since.
        """
        with self._lock:
            packets, new_decoder = list(self._waiting.packets), self._decoder
            newest = newest and len(packets) <= _CATCH_UP_PACKETS
            captured_at = self._newest_at if newest else self._keyframe_at
        if not packets or new_decoder is None or captured_at == self._given_at:
            return None
        frame = new_decoder().last_of(packets if newest else packets[:1])
        if frame is None:
            return None
        self._given_at = captured_at
        return MainPicture(frame, captured_at)

    def close(self) -> None:
        """Ask the thread to end; it does at the next packet or timeout, and with the process in any case."""
        self._stopping.set()

    def _run(self) -> None:
        backoff = Backoff(first_s=_FIRST_WAIT_S, cap_s=_LONGEST_WAIT_S)
        while not self._stopping.is_set():
            try:
                self._read(backoff)
            except CameraError as error:
                self._forget()
                self._on_fault(error)
                self._stopping.wait(max(backoff.next_s(), error.retry_after_s or 0.0))

    def _read(self, backoff: Backoff) -> None:
        source = self._open_source()
        try:
            self._decoder = source.another_decoder
            for packet in source.packets():
                if self._stopping.is_set():
                    return
                if packet.size:
                    self._take(packet)
                    backoff.reset()
        finally:
            source.close()

    def _take(self, packet: Packet[VideoStream]) -> None:
        now = datetime.now(UTC)
        with self._lock:
            self._waiting.add(packet)
            self._newest_at = now
            if packet.is_keyframe:
                self._keyframe_at = now

    def _forget(self) -> None:
        with self._lock:
            self._waiting = Waiting()
            self._decoder = None
