"""What the supervisor says of its camera: for the log, metrics, health and the status page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vidsense_daemon.capture.faults import Fault


class CameraPhase(StrEnum):
    """opening → streaming → (a fault) → waiting → opening …; a recording ends, a stopped camera is stopped."""

    OPENING = "opening"
    STREAMING = "streaming"
    WAITING = "waiting"  # for the next try
    ENDED = "ended"  # a recording was read to its end
    STOPPED = "stopped"

    @property
    def is_lost(self) -> bool:
        """Whether there is no stream any more, without anybody having stopped it."""
        return self in (CameraPhase.WAITING, CameraPhase.ENDED)


@dataclass(frozen=True, slots=True)
class CutClip:
    """A clip that is complete: `<event id>-<started_at in ms>.mp4`, in the folder that was named with the order."""

    event_id: str
    started_at: datetime
    duration_s: float


@dataclass(frozen=True, slots=True)
class CameraState:
    """One camera, as of ``since``."""

    camera: str
    phase: CameraPhase
    since: datetime
    fault: Fault | None = None  # why it waits
    message: str = ""  # the fault in words, with the next step; holds no password
    next_try_in_s: float | None = None
    codec: str = ""
    width_px: int = 0
    height_px: int = 0
    fps: float | None = None
    decoder: str = ""  # software, or the hardware that decodes
    sessions: int = 0  # times that the stream was opened
    faults: int = 0  # times that it was lost or could not be opened
    last_frame_at: datetime | None = None
    rss_bytes: int = 0  # of the capture process
    counts: Mapping[str, int] = field(default_factory=dict)  # of decoded frames: sampling.SampleCounts
