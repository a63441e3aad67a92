"""One clip: packets copied from the stream into an MP4 file as they come, nothing decoded, nothing encoded.

The file is a fragmented MP4 while it grows, so that whatever a kill leaves can be played, and FFmpeg turns it into an
ordinary one when it is closed (`hybrid_fragmented`): players then know its length and can jump. H.265 is marked
`hvc1`, the only one of its names that Apple's players take.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

CLIP_CODECS = ("h264", "hevc")  # what browsers play from an MP4 file, and cameras send
_JUMP_S = 5.0  # more than any camera's pause between two pictures: its clock has jumped
_USUAL_FPS = 25  # until two packets have told the real rate
_MUX_OPTIONS = {"movflags": "hybrid_fragmented+frag_keyframe"}


class FileTimes:
    """Stream times as a file can hold them: from 0 on, never back, and no hole where a clock jumped. Pure, in ticks."""

    def __init__(self, *, ticks_per_s: float) -> None:
        self._jump = _JUMP_S * ticks_per_s
        self._step = max(1, round(ticks_per_s / _USUAL_FPS))
        self._last_dts: int | None = None
        self._base = 0
        self.end = 0  # where the next packet is expected

    def place(self, pts: int | None, dts: int | None) -> tuple[int, int]:
        """(pts, dts) in the file; cameras leave either out, mostly in their first packets."""
        if dts is None:
            dts = self._last_dts + self._step if self._last_dts is not None else pts or 0
        if pts is None or not 0 <= pts - dts <= self._jump:
            pts = dts
        if self._last_dts is None:
            self._base = dts
        elif 0 < dts - self._last_dts <= self._jump:
            self._step = dts - self._last_dts
        else:
            self._base += dts - self._last_dts - self._step
        self._last_dts = dts
        self.end = dts - self._base + self._step
        return pts - self._base, dts - self._base


class ClipFile:
    """A file that grows packet by packet; the first one must be a keyframe that tells its pts."""

    def __init__(self, path: Path, template: VideoStream, parameters: bytes) -> None:
        """``parameters``: the keyframe's own parameter sets, empty when it relies on those of the stream's opening.

        Raises:
            OSError, av.FFmpegError: the file can't be made, or not with this stream.
        """
        # of its owner alone, and never through a link that somebody has laid there
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(descriptor, "w+b")
        try:
            self._container: OutputContainer = av.open(self._file, "w", format="mp4", options=_MUX_OPTIONS)
            self._stream = self._container.add_stream_from_template(template)
        except av.FFmpegError:
            self._file.close()
            raise
        context = self._stream.codec_context
        context.extradata = parameters or context.extradata
        if context.name in ("hevc", "libx265"):
            context.codec_tag = "hvc1"
        self._ticks_per_s = float(1 / template.time_base) if template.time_base else 90_000.0
        self._times = FileTimes(ticks_per_s=self._ticks_per_s)
        self._key_pts: int | None = None  # of the first keyframe, while pictures before it may follow

    @property
    def duration_s(self) -> float:
        return self._times.end / self._ticks_per_s

    def add(self, packet: Packet[VideoStream]) -> None:
        """Write a copy: the packet itself is still to be decoded, and another clip may want it as well.

        Raises:
            OSError, av.FFmpegError: the disk is full, or the packet can't stand in a file.
        """
        if self._leads(packet):
            return
        copy = cast("Packet[VideoStream]", Packet(bytes(packet)))
        copy.stream = self._stream
        copy.time_base = packet.time_base
        copy.is_keyframe = packet.is_keyframe
        copy.duration = packet.duration
        copy.pts, copy.dts = self._times.place(packet.pts, packet.dts)
        self._container.mux_one(copy)

    def close(self) -> None:
        """Finish the file; what can't be finished stays a fragmented one."""
        with contextlib.suppress(OSError, av.FFmpegError):
            self._container.close()
        with contextlib.suppress(OSError):
            self._file.close()

    def _leads(self, packet: Packet[VideoStream]) -> bool:
        """Whether it is shown before the clip's first keyframe: its pictures refer to ones that are not there."""
        if packet.is_keyframe and self._times.end == 0:
            self._key_pts = packet.pts
            return False
        if self._key_pts is None or packet.pts is None:
            return False
        if self._key_pts - _JUMP_S * self._ticks_per_s < packet.pts < self._key_pts:
            return True
        self._key_pts = None
        return False


def parameter_sets(keyframe: bytes, codec: str, extradata: bytes | None) -> bytes:
    """The parameter sets (SPS, PPS, VPS) that a keyframe of a live stream carries, with their start codes.

    A camera may change its picture's size in the middle of a stream, and only the keyframes then tell. Empty when it
    carries none, and for recordings, whose packets have no start codes (H.264 and H.265, Annex B).
    """
    if (extradata or b"")[:1] == b"\x01":
        return b""
    wanted, first_slice = ((7, 8), range(1, 6)) if codec == "h264" else ((32, 33, 34), range(32))
    found = b""
    start = keyframe.find(b"\x00\x00\x01")
    while start >= 0 and start + 3 < len(keyframe):
        kind = keyframe[start + 3] & 0x1F if codec == "h264" else keyframe[start + 3] >> 1 & 0x3F
        if kind in first_slice:
            break
        following = keyframe.find(b"\x00\x00\x01", start + 3)
        end = following if following >= 0 else len(keyframe)
        if kind in wanted:
            found += b"\x00" + keyframe[start:end].rstrip(b"\x00")
        start = following
    return found
