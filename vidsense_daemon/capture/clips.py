"""The clips of one camera: cut from the packets that flow anyway, beginning before the event was noticed.

    begin ──► what the ring holds is written, from a keyframe ``before_s`` or more before the event on
              each packet that comes is written
    end ───► written until ``after_s`` after the event's end, if that is not past already ──► done
    the stream ends, its parameters change, the disk is full, ``max_s`` is reached ──► done: what is there is kept

Events that overlap get a clip each: one may be deleted or pinned without the other. Packets are dated by their arrival,
up to half a second after the moment they show (`capture.gulps`), so that a clip rather begins early than late.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.capture.clipfile import CLIP_CODECS, ClipFile, parameter_sets
from vidsense_daemon.capture.ring import PacketRing
from vidsense_daemon.capture.state import CutClip

_NOTICED_AFTER_S = 10.0  # a trigger judges a window of frames: an event began some seconds before it is known
_RING_BYTES = 16 * 1024 * 1024  # 17 s at 8 Mbit/s


@dataclass(slots=True)
class _Making:
    """A clip in the making."""

    event_id: str
    folder: Path
    until: datetime | None = None  # none while the event goes on
    started_at: datetime | None = None  # and its file; none until a keyframe came
    file: ClipFile | None = None


class Clips:
    """Every method is thread-safe: the main stream's packets come from a thread of their own."""

    def __init__(
        self,
        *,
        before_s: float,
        after_s: float,
        max_s: float,
        on_done: Callable[[CutClip], None],
        on_refused: Callable[[str], None],
        ring_bytes: int = _RING_BYTES,
    ) -> None:
        """``on_refused`` is told, once, which codec can't be cut."""
        self._before, self._after = timedelta(seconds=before_s), timedelta(seconds=after_s)
        self._max_s = max_s
        self._on_done = on_done
        self._on_refused = on_refused
        self._ring = PacketRing(seconds=before_s + _NOTICED_AFTER_S, max_bytes=ring_bytes)
        self._making: dict[str, _Making] = {}
        self._parameters = b""  # of the newest keyframe
        self._refused = False
        self._lock = threading.Lock()

    def saw(self, packet: Packet[VideoStream], arrived_at: datetime) -> None:
        """Take one packet of the stream."""
        if not packet.size or self._refuses(packet):
            return
        with self._lock:
            if packet.is_keyframe:
                if packet.pts is None and packet.dts is None:
                    return  # the first one of some sessions: nobody knows how it stands to the next
                self._note_parameters(packet)
            self._ring.add(packet, arrived_at)
            for clip in list(self._making.values()):
                self._write(clip, packet, arrived_at)
                if clip.until is not None and arrived_at >= clip.until:
                    self._finish(clip)

    def begin(self, event_id: str, folder: Path, started_at: datetime) -> None:
        """Cut a clip for an event that began at ``started_at``, into ``folder``: `<event id>-<start in ms>.mp4`."""
        with self._lock:
            clip = self._making[event_id] = _Making(event_id, folder)
            for arrived_at, packet in self._ring.since(started_at - self._before):
                if event_id in self._making:
                    self._write(clip, packet, arrived_at)

    def end(self, event_id: str, ended_at: datetime, now: datetime) -> None:
        """The event is over; its clip goes on for what is left of ``after_s``."""
        with self._lock:
            clip = self._making.get(event_id)
            if clip is not None:
                clip.until = ended_at + self._after
                if now >= clip.until:
                    self._finish(clip)

    def stream_ended(self) -> None:
        """Nothing more will come of this stream: keep what is there."""
        with self._lock:
            for clip in list(self._making.values()):
                self._finish(clip)
            self._ring.clear()
            self._parameters = b""

    def _refuses(self, packet: Packet[VideoStream]) -> bool:
        codec = packet.stream.codec_context.name
        if codec in CLIP_CODECS:
            return False
        if not self._refused:
            self._refused = True
            self._on_refused(codec)
        return True

    def _note_parameters(self, keyframe: Packet[VideoStream]) -> None:
        """Another picture size can't go on in the same file: what is there is kept."""
        context = keyframe.stream.codec_context
        parameters = parameter_sets(bytes(keyframe), context.name, context.extradata)
        if not parameters or parameters == self._parameters:
            return  # some cameras send them with their first keyframe only
        if self._parameters:
            for clip in list(self._making.values()):
                self._finish(clip)
            self._ring.clear()
        self._parameters = parameters

    def _write(self, clip: _Making, packet: Packet[VideoStream], arrived_at: datetime) -> None:
        try:
            if clip.file is None:
                if not packet.is_keyframe:
                    return
                path = clip.folder / f"{clip.event_id}-{to_ms(arrived_at)}.mp4"
                clip.file, clip.started_at = ClipFile(path, packet.stream, self._parameters), arrived_at
            clip.file.add(packet)
        except (OSError, av.FFmpegError):
            self._finish(clip)  # the disk is full, mostly: stills and events need what is left of it
            return
        if clip.file.duration_s >= self._max_s:
            self._finish(clip)

    def _finish(self, clip: _Making) -> None:
        if self._making.pop(clip.event_id, None) is None:
            return
        if clip.file is not None and clip.started_at is not None:
            clip.file.close()
            if clip.file.duration_s > 0:
                self._on_done(CutClip(clip.event_id, clip.started_at, clip.file.duration_s))
