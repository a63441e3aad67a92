"""The main stream of a camera that is watched on its substream: open only around motion, decoded only for stills.

    closed ──want──► opening ──first keyframe──► flows ──nobody wanted it for 8 s──► closed
                        └─fault─► waiting (1 s … 60 s) ──still wanted──► opening

It is open once at the start, so that a wrong url is told at once and not at the first burglar. Only its newest keyframe
is kept and decoded: a still is at most a group of pictures old and costs 10 to 20 ms; the moment itself would cost up
to 0.3 s. Until the first keyframe of a motion is there, some two seconds later, the substream gives the stills.

A thread of the capture child reads; the watching loop wants and takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from av.packet import Packet
from av.video.stream import VideoStream

from vidsense_daemon.base.backoff import Backoff
from vidsense_daemon.capture.clips import Clips
from vidsense_daemon.capture.faults import CameraError
from vidsense_daemon.capture.source import DecodedFrame, PacketDecoder, Source

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_LINGER_S = 8.0  # without motion: who has stopped often moves again, and opening costs 40 ms and a second
_PATIENCE_S = 5.0  # to open, and for a keyframe: then the substream's stills are better than none
_NAP_S = 1.0  # nobody waits for its packets


@dataclass(frozen=True, slots=True, eq=False)
class MainPicture:
    """A decoded picture of the main stream."""

    frame: DecodedFrame
    captured_at: datetime


class MainStream:
    """Keeps the main stream's newest keyframe while it is wanted; `close` it to end its thread."""

    def __init__(
        self,
        open_source: Callable[[], Source],
        *,
        on_fault: Callable[[CameraError], None],
        linger_s: float = _LINGER_S,
        clips: Clips | None = None,
    ) -> None:
        """It opens at once, in its own thread; ``linger_s``: how long it stays open after it was last wanted.

        With ``clips``, which are cut from its packets, it is always wanted.
        """
        self._open_source = open_source
        self._on_fault = on_fault
        self._clips = clips
        self._linger_s = linger_s
        self._lock = threading.Lock()
        self._keyframe: Packet[VideoStream] | None = None
        self._keyframe_at = datetime.now(UTC)
        self._decoder: Callable[[], PacketDecoder] | None = None
        self._hopeless = False  # it has failed, and is not back
        self._wanted_mono_s = self._asked_mono_s = time.monotonic()
        self._wanted = threading.Event()
        self._wanted.set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="main-stream", daemon=True)
        self._thread.start()

    def want(self, *, anew: bool) -> None:
        """Keep it open for the next seconds; ``anew``: a motion begins, and no older picture is of use."""
        with self._lock:
            self._wanted_mono_s = time.monotonic()
            self._wanted.set()
            if anew:
                self._keyframe, self._asked_mono_s = None, self._wanted_mono_s

    @property
    def is_awaited(self) -> bool:
        """Whether a picture may be there soon: another still of the substream would be one too many."""
        return not self._hopeless and time.monotonic() - self._asked_mono_s < _PATIENCE_S

    def picture(self) -> MainPicture | None:
        """The newest keyframe's picture; none when it was given already. Blocks while it decodes."""
        with self._lock:
            packet, self._keyframe = self._keyframe, None
            new_decoder, captured_at = self._decoder, self._keyframe_at
        if packet is None or new_decoder is None:
            return None
        self._asked_mono_s = time.monotonic()
        frame = new_decoder().last_of([packet])
        return MainPicture(frame, captured_at) if frame is not None else None

    def close(self) -> None:
        """Ask the thread to end; it does at the next packet or timeout, and with the process in any case."""
        self._stopping = True
        self._wanted.set()

    def _run(self) -> None:
        backoff = Backoff(first_s=_FIRST_WAIT_S, cap_s=_LONGEST_WAIT_S)
        while self._wanted.wait() and not self._stopping:
            try:
                self._read(backoff)
            except CameraError as error:
                self._hopeless = True
                self._on_fault(error)
                time.sleep(max(backoff.next_s(), error.retry_after_s or 0.0))
            with self._lock:
                self._keyframe = self._decoder = None
                if self._unwanted:
                    self._wanted.clear()

    def _read(self, backoff: Backoff) -> None:
        """Take packets until nobody wants any."""
        source = self._open_source()
        try:
            self._decoder = source.another_decoder
            for packet in source.packets(nap_s=lambda: _NAP_S):
                if self._clips is not None:
                    self._clips.saw(packet, datetime.now(UTC))
                if packet.is_keyframe and packet.size:
                    self._take(packet)
                    backoff.reset()
                if self._stopping or self._unwanted:
                    return
        finally:
            if self._clips is not None:
                self._clips.stream_ended()  # before the stream is closed: their files refer to it
            source.close()

    @property
    def _unwanted(self) -> bool:
        return self._clips is None and time.monotonic() - self._wanted_mono_s > self._linger_s

    def _take(self, packet: Packet[VideoStream]) -> None:
        with self._lock:
            self._keyframe, self._keyframe_at = packet, datetime.now(UTC)
        self._hopeless = False
