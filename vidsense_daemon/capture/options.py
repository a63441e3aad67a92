"""How one camera is watched: plain values with units, checked once, in the form in which they go to the child.

They travel as JSON on the child's standard input, never in its arguments or environment: the url holds the password.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.redact import url_credentials

Polygon = Sequence[tuple[float, float]]  # corners as (x, y), ratios of the picture's width and height

SCHEMES = ("rtsp", "rtsps", "http", "https", "file")
TRANSPORTS = ("tcp", "udp")
PACES = ("live", "asap")
HWACCELS = ("none", "auto", "vaapi", "qsv", "cuda")


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """All that a capture child is told."""

    url: str = field(repr=False)  # rtsp, rtsps, http, https, a file's path or file: url, or /dev/video*
    substream_url: str | None = field(default=None, repr=False)  # the small stream of the same camera, to watch cheaply
    picture_px: int = 224  # S, the side of the square pictures that the encoder takes
    transport: str = "tcp"
    pace: str = "live"  # a file only: at its own speed, or (asap) as fast as the consumer takes the frames
    loop: bool = False  # a file only: begin again at its end
    started_at_ms: int | None = None  # a file only: when its first frame was taken; default is now
    calm_fps: float = 1.0
    busy_fps: float = 5.0
    max_frames_per_s: float = 10.0
    motion_threshold_levels: int = 10
    motion_changed_ratio: float = 0.00078
    motion_masks: Sequence[Polygon] = ()  # where motion does not count
    zones: Mapping[str, Polygon] = field(default_factory=dict)
    privacy_masks: Sequence[Polygon] = ()  # blackened before anything else sees the picture
    clips: bool = False  # keep the newest packets, for clips that are ordered later; never with privacy masks
    clip_before_s: float = 5.0
    clip_after_s: float = 5.0
    clip_max_s: float = 120.0
    clips_of_main: bool = False  # of a camera with a substream: its main stream is then always open
    stall_limit_s: float = 15.0
    hwaccel: str = "none"
    tls_ca_file: str | None = None
    max_pixels: int = 16_777_216  # four times 4K would be 33 million: 8192² in 0.8 MB is an attack, not a camera
    memory_limit_mb: int = 768
    measure_s: float | None = None  # only measure the stream for so long (capture.probe)

    def __post_init__(self) -> None:
        """Refuse what no camera can be watched with, naming the key."""
        for url in (self.url, self.substream_url):
            if url is not None:
                _check_url(url)
        _check_choice("transport", self.transport, TRANSPORTS)
        _check_choice("pace", self.pace, PACES)
        _check_choice("hwaccel", self.hwaccel, HWACCELS)
        for key in ("picture_px", "calm_fps", "busy_fps", "max_frames_per_s", "stall_limit_s", "max_pixels"):
            if getattr(self, key) <= 0:
                raise ConfigError(f"{key} must be above 0, not {getattr(self, key)}")
        if self.clips and self.privacy_masks:
            raise ConfigError("clips show what privacy_masks hide, since packets are copied as they are: choose one")

    def to_json(self) -> str:
        """The options as the child reads them; holds the password."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StreamOptions:
        known: dict[str, Any] = json.loads(text)
        return cls(**known)

    @property
    def is_file(self) -> bool:
        """Whether the frames come from a recording, whose end is no fault."""
        return is_file(self.url)

    @property
    def is_replay(self) -> bool:
        """Whether somebody waits for a recording's frames, and will say himself what is wrong with it."""
        return self.is_file and self.pace == "asap"


def scheme_of(url: str) -> str:
    """The url's scheme in small letters; `file` for a path, `v4l2` for a video device."""
    scheme, separator, _ = url.partition(":")
    if separator and scheme.isalnum() and len(scheme) > 1:
        return scheme.lower()
    return "v4l2" if url.startswith("/dev/video") else "file"


def is_file(url: str) -> bool:
    return scheme_of(url) == "file"


def file_path(url: str) -> Path:
    """The path that a file: url or a plain path names."""
    return Path(url.removeprefix("file://").removeprefix("file:") if url.startswith("file:") else url)


def _check_url(url: str) -> None:
    scheme = scheme_of(url)
    if scheme not in (*SCHEMES, "v4l2"):
        raise ConfigError(
            f"url {url_credentials(url)!r}: the scheme {scheme!r} is not allowed; "
            f"use one of {', '.join(SCHEMES)}, a file's path or /dev/video*"
        )


def _check_choice(key: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ConfigError(f"{key} must be one of {', '.join(allowed)}, not {value!r}")
