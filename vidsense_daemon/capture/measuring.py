"""The child's other task: look at a stream for some seconds and tell what it is like, for `vidsense cameras probe`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from vidsense_daemon.capture.source import Source

_BACK_S = 0.001
_SETTLING_S = 1.0  # what waited in buffers while the stream was opened arrives in one gush: no measure of its speed


@dataclass(slots=True)
class Tally:
    """What the packets tell; times in seconds since the first one."""

    packets: int = 0
    steady_packets: int = 0  # those after the gush, and their span by the stream's clock and by ours
    steady_stream_s: float = 0.0
    steady_s: float = 0.0
    size_bytes: int = 0
    keyframes_s: list[float] = field(default_factory=list)
    frames: int = 0
    corrupt_frames: int = 0
    missing_pts: int = 0
    backward_pts: int = 0
    first_pts_s: float | None = None
    last_pts_s: float | None = None
    first_mono_s: float | None = None
    last_mono_s: float = 0.0
    _steady_from: tuple[float, float] | None = None

    def packet(self, *, size_bytes: int, is_keyframe: bool, pts_s: float | None, at_mono_s: float) -> None:
        if self.first_mono_s is None:
            self.first_mono_s = at_mono_s
        if pts_s is not None and at_mono_s - self.first_mono_s >= _SETTLING_S:
            self._steady(pts_s, at_mono_s)
        self.packets += 1
        self.size_bytes += size_bytes
        self.last_mono_s = at_mono_s
        if pts_s is None:
            self.missing_pts += 1
        else:
            self.first_pts_s = pts_s if self.first_pts_s is None else self.first_pts_s
            self.last_pts_s = max(pts_s, self.last_pts_s or pts_s)
        if is_keyframe:
            self.keyframes_s.append(at_mono_s - self.first_mono_s if pts_s is None else pts_s)

    def _steady(self, pts_s: float, at_mono_s: float) -> None:
        if self._steady_from is None:
            self._steady_from = (pts_s, at_mono_s)
            return
        self.steady_packets += 1
        self.steady_stream_s = max(self.steady_stream_s, pts_s - self._steady_from[0])
        self.steady_s = at_mono_s - self._steady_from[1]

    def frame(self, pts_s: float | None, before_s: float | None, *, is_corrupt: bool) -> None:
        self.frames += 1
        self.corrupt_frames += is_corrupt
        if pts_s is not None and before_s is not None and pts_s < before_s - _BACK_S:
            self.backward_pts += 1


def measure(source: Source, *, seconds: float, started_mono_s: float, mono_s: Callable[[], float]) -> dict[str, Any]:
    """Facts and figures of ``seconds`` of the stream; ``started_mono_s`` is from before it was opened.

    Raises:
        CameraError: the stream broke while it was measured.
    """
    opened_s = mono_s() - started_mono_s
    tally, first_frame_s, before_s = Tally(), None, None
    for packet in source.packets():
        if packet.size:
            pts_s = float(packet.pts * packet.time_base) if packet.pts is not None and packet.time_base else None
            tally.packet(size_bytes=packet.size, is_keyframe=packet.is_keyframe, pts_s=pts_s, at_mono_s=mono_s())
        for frame in source.decode(packet):
            first_frame_s = mono_s() - started_mono_s if first_frame_s is None else first_frame_s
            tally.frame(frame.pts_s, before_s, is_corrupt=frame.is_corrupt)
            before_s = frame.pts_s
        if _span_s(tally, is_file=source.is_file) >= seconds:
            break
    return {
        **asdict(source.facts),
        **asdict(tally),
        "reorders": source.reorders,
        "has_sound": source.has_sound,
        "opened_s": opened_s,
        "first_frame_s": first_frame_s,
        "damaged_packets": source.damaged_packets,
    }


def _span_s(tally: Tally, *, is_file: bool) -> float:
    if is_file:
        return (tally.last_pts_s or 0.0) - (tally.first_pts_s or 0.0)
    return tally.last_mono_s - (tally.first_mono_s or tally.last_mono_s)
