"""How many frames a second each camera may send, so that all together stay within what perception can take. Pure.

Calm cameras send a frame a second each; the busy ones share the rest equally. A camera's share changes when another one
becomes busy; each learns its own when it next asks. A calm camera is told the share that it would have if it were busy:
its first moving frames must not wait for an answer.
"""

from __future__ import annotations

import threading

_CALM_FPS = 1.0
_LEAST_FPS = 0.2  # a camera that sends nothing at all would be taken for a dead one


class FrameBudget:
    """The house's frames a second; thread-safe, one for all supervisors."""

    def __init__(self, *, max_frames_per_s: float) -> None:
        self._max_frames_per_s = max_frames_per_s
        self._busy: dict[str, bool] = {}
        self._lock = threading.Lock()

    def share(self, camera: str, *, busy: bool) -> float:
        """Frames a second that ``camera`` may send from now on."""
        with self._lock:
            self._busy[camera] = busy
            others_busy = sum(self._busy.values()) - busy
            others_calm = len(self._busy) - 1 - others_busy
            limit_fps = self._max_frames_per_s
        fair_fps = limit_fps / (others_busy + others_calm + 1)
        left_fps = limit_fps - min(_CALM_FPS, fair_fps) * others_calm
        return max(left_fps / (others_busy + 1), _LEAST_FPS)

    def limit_to(self, max_frames_per_s: float) -> None:
        """The house has another limit from now on: perception can't take more, or can again."""
        with self._lock:
            self._max_frames_per_s = max_frames_per_s

    def leave(self, camera: str) -> None:
        """The camera sends nothing any more: its share is the others'."""
        with self._lock:
            self._busy.pop(camera, None)
