"""What each camera does right now: the daemon tells it, the live page and the metrics read it.

Capture threads write, HTTP threads read. The newest still is kept as the JPEG that capture made anyway, so the live
page costs no decoding; it shows the last moment in which something moved, or the last minute of a calm camera.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from vidsense_daemon.domain.frames import Frame, Still

_BUSY_FOR = timedelta(seconds=5)  # after the last motion: a person who stands still for a moment is still "busy"


class StateOfCamera(Protocol):
    """What capture says of a camera: `capture.state.CameraState`."""

    @property
    def camera(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def since(self) -> datetime: ...
    @property
    def fault(self) -> str | None: ...
    @property
    def message(self) -> str: ...
    @property
    def fps(self) -> float | None: ...
    @property
    def codec(self) -> str: ...
    @property
    def width_px(self) -> int: ...
    @property
    def height_px(self) -> int: ...
    @property
    def decoder(self) -> str: ...
    @property
    def sessions(self) -> int: ...
    @property
    def faults(self) -> int: ...
    @property
    def rss_bytes(self) -> int: ...
    @property
    def counts(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class CameraSight:
    """One camera, as of now."""

    name: str
    state: StateOfCamera | None = None  # none until capture has said a word
    frames: int = 0  # sampled frames seen since the start
    last_frame_at: datetime | None = None
    last_motion_at: datetime | None = None
    still: Still | None = None
    faults: Mapping[str, int] = field(default_factory=dict)  # by kind, since the start
    offline_since: datetime | None = None  # the first of the tries in vain, not the last one

    def word(self) -> str:
        """calm, busy, starting, offline or ended: the state for people, in the camera's own time."""
        if self.offline_since is not None:
            return "offline"  # also while it is being tried again
        phase = self.state.phase if self.state else "opening"
        if phase == "streaming":
            moved, seen = self.last_motion_at, self.last_frame_at
            return "busy" if moved and seen and seen - moved < _BUSY_FOR else "calm"
        return "ended" if phase == "ended" else "starting"


class CameraBoard:
    """The newest of every camera; every method is thread-safe and quick."""

    def __init__(self, names: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._cameras = {name: CameraSight(name) for name in names}

    def heard(self, state: StateOfCamera) -> None:
        """Capture has a new state of its camera."""
        with self._lock:
            before = self._cameras.get(state.camera, CameraSight(state.camera))
            faults = before.faults
            if state.fault is not None and (before.state is None or before.state.faults != state.faults):
                faults = {**faults, state.fault: faults.get(state.fault, 0) + 1}
            since = _offline_since(state, before.offline_since)
            self._cameras[state.camera] = replace(before, state=state, faults=faults, offline_since=since)

    def saw(self, frame: Frame) -> None:
        """A sampled frame has come."""
        with self._lock:
            before = self._cameras.get(frame.camera, CameraSight(frame.camera))
            self._cameras[frame.camera] = replace(
                before,
                frames=before.frames + 1,
                last_frame_at=frame.captured_at,
                last_motion_at=frame.captured_at if frame.moving else before.last_motion_at,
                still=frame.still or before.still,
            )

    def forget(self, name: str) -> None:
        """The camera is no longer watched."""
        with self._lock:
            self._cameras.pop(name, None)

    def cameras(self) -> list[CameraSight]:
        """All cameras, in the configuration's order."""
        with self._lock:
            return list(self._cameras.values())

    def camera(self, name: str) -> CameraSight | None:
        with self._lock:
            return self._cameras.get(name)


def _offline_since(state: StateOfCamera, before: datetime | None) -> datetime | None:
    if state.phase in ("streaming", "ended"):
        return None
    return before if state.phase == "opening" else before or state.since
