"""What is this camera like, and what should stand in the settings? `probe` asks the camera, in a child process."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from vidsense_daemon.base.redact import url_credentials
from vidsense_daemon.capture.faults import NEXT_STEP, CameraError, Fault
from vidsense_daemon.capture.options import StreamOptions, is_file
from vidsense_daemon.capture.process import CaptureProcess
from vidsense_daemon.capture.wire import Message

_GOOD_CODECS = ("h264", "hevc")
_GOOD_KEYFRAME_S = 2.5  # capture.decoding watches keyframes only while calm, when they are not rarer
_LARGE_PX = 1280 * 720  # above it, a substream saves most of the decoding
_CLOCK_TOLERANCE_RATIO = 0.15  # a frame early or late makes 4 % in the shortest measurement
_DAMAGED_RATIO = 0.02
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a stream is like; no password is in it."""

    url: str
    codec: str
    width_px: int
    height_px: int
    stated_fps: float | None
    measured_fps: float | None
    keyframe_interval_s: float | None  # none when fewer than two came
    gop_frames: int | None  # frames from keyframe to keyframe
    bits_per_s: float | None
    clock: str  # steady | fast | slow | jumps | missing | recording
    opened_s: float
    first_frame_s: float | None
    has_sound: bool
    reorders: bool  # B-frames
    decoder: str
    corrupt_ratio: float
    advice: tuple[str, ...]
    yaml: str  # to put under `cameras:`


def probe(
    url: str,
    *,
    transport: str = "tcp",
    tls_ca_file: str | None = None,
    hwaccel: str = "none",
    max_pixels: int = 16_777_216,
    measure_s: float = 6.0,
    limit_s: float = 30.0,
    name: str = "camera",
) -> ProbeReport:
    """Watch the stream for ``measure_s`` seconds; blocks up to ``limit_s``.

    Raises:
        CameraError: it cannot be opened, or breaks; the message says what to do.
        ConfigError: the url or an option is none that can be used.
    """
    options = StreamOptions(
        url=url,
        transport=transport,
        tls_ca_file=tls_ca_file,
        hwaccel=hwaccel,
        max_pixels=max_pixels,
        measure_s=measure_s,
    )
    end_mono_s = time.monotonic() + limit_s
    with CaptureProcess(options) as child:
        while time.monotonic() < end_mono_s:
            for message in child.read(_POLL_S):
                if message.kind == "measured":
                    return report(url, message.header, name=name)
                if message.kind == "fault":
                    raise _with_next_step(message)
    fault = Fault.TIMEOUT
    raise CameraError(fault, f"{url_credentials(url)}: nothing came within {limit_s:g} s; {NEXT_STEP[fault]}")


def report(url: str, measured: dict[str, Any], *, name: str = "camera") -> ProbeReport:
    """The report from the child's figures (`capture.measuring`). Pure."""
    recording = is_file(url)
    span_s = _span_s(measured, recording=recording)
    intervals_s = [b - a for a, b in zip(measured["keyframes_s"], measured["keyframes_s"][1:], strict=False) if b > a]
    keyframe_interval_s = median(intervals_s) if intervals_s else None
    packets, packets_s = (measured["packets"] - 1, span_s) if recording else _steady(measured)
    measured_fps = packets / packets_s if packets_s > 0 else None
    found = ProbeReport(
        url=url_credentials(url),
        codec=str(measured["codec"]),
        width_px=int(measured["width_px"]),
        height_px=int(measured["height_px"]),
        stated_fps=measured["fps"],
        measured_fps=measured_fps,
        keyframe_interval_s=keyframe_interval_s,
        gop_frames=round(keyframe_interval_s * measured_fps) if keyframe_interval_s and measured_fps else None,
        bits_per_s=8 * measured["size_bytes"] / span_s if span_s > 0 else None,
        clock="recording" if recording else _clock(measured),
        opened_s=measured["opened_s"],
        first_frame_s=measured["first_frame_s"],
        has_sound=bool(measured["has_sound"]),
        reorders=bool(measured["reorders"]),
        decoder=str(measured["decoder"]),
        corrupt_ratio=measured["corrupt_frames"] / max(1, measured["frames"]),
        advice=(),
        yaml="",
    )
    return _advised(found, url, measured, name, span_s=span_s)


def _advised(found: ProbeReport, url: str, measured: dict[str, Any], name: str, *, span_s: float) -> ProbeReport:
    advice = list(_advice(found, span_s=span_s))
    if measured["hardware_refused"]:
        advice.append(f"decoded in software: {measured['hardware_refused']}")
    return replace(found, advice=tuple(advice), yaml=_yaml(found, url, name))


def _advice(found: ProbeReport, *, span_s: float) -> Sequence[str]:
    checks = [
        (
            found.codec not in _GOOD_CODECS,
            f"{found.codec} costs more to decode and to send: set the camera to H.264 or H.265",
        ),
        (
            found.width_px * found.height_px > _LARGE_PX,
            "give the camera's small stream as substream_url: watching it costs a tenth",
        ),
        (
            (span_s if found.keyframe_interval_s is None else found.keyframe_interval_s) > _GOOD_KEYFRAME_S,
            "set the camera's keyframe (I-frame) interval to 1 or 2 s: else every frame is decoded, calm or not",
        ),
        (found.reorders, "switch B-frames off in the camera (profile Baseline or Main): they delay the picture"),
        (
            found.clock in ("fast", "slow", "jumps", "missing"),
            f"the stream's clock is not to be trusted ({found.clock}): the time of arrival is used",
        ),
        (
            found.corrupt_ratio > _DAMAGED_RATIO,
            f"{found.corrupt_ratio:.0%} of the pictures are damaged: check the network, and use transport: tcp",
        ),
    ]
    return [text for applies, text in checks if applies]


def _span_s(measured: dict[str, Any], *, recording: bool) -> float:
    """Seconds from the first packet to the last, by our own clock; by the file's for a recording."""
    if recording:
        return float((measured["last_pts_s"] or 0.0) - (measured["first_pts_s"] or 0.0))
    return float(measured["last_mono_s"] - (measured["first_mono_s"] or measured["last_mono_s"]))


def _steady(measured: dict[str, Any]) -> tuple[int, float]:
    return int(measured["steady_packets"]), float(measured["steady_s"])


def _clock(measured: dict[str, Any]) -> str:
    """Does stream time pass as ours does?"""
    if measured["missing_pts"] > measured["packets"] / 2 or measured["first_pts_s"] is None:
        return "missing"
    if measured["backward_pts"]:
        return "jumps"
    ratio = measured["steady_stream_s"] / measured["steady_s"] if measured["steady_s"] > 0 else 1.0
    if abs(ratio - 1) <= _CLOCK_TOLERANCE_RATIO:
        return "steady"
    return "fast" if ratio > 1 else "slow"


def _yaml(found: ProbeReport, url: str, name: str) -> str:
    """The camera's block for the settings, its password left to the environment."""
    shown = re.sub(r"://\*\*\*@", "://{CAM_USER}:{CAM_PASSWORD}@", found.url)
    lines = [f"{name}:", f"  url: {shown}"]
    if found.width_px * found.height_px > _LARGE_PX and not is_file(url):
        lines.append("  # substream_url: the same camera's small stream")
    return "\n".join(lines) + "\n"


def _with_next_step(message: Message) -> CameraError:
    fault = Fault(message.header["fault"])
    return CameraError(fault, f"{message.header['message']}; {NEXT_STEP[fault]}")
