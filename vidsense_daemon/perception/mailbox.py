"""Hand sampled frames from the capture threads to the one perception thread.

Many put, one takes. When perception falls behind, a camera's oldest waiting frame makes room for its newest: late news
about an old scene is worth less than prompt news about the present. What is replaced is counted. Memory is bounded by a
few frames per camera, so a busy camera can't push another one's frames out. A replay must see every frame, so its
mailbox is lossless: putting waits for room instead.
"""

from __future__ import annotations

import threading
from collections import Counter, deque

from vidsense_daemon.domain.frames import Frame


class FrameMailbox:
    """At most ``frames_per_camera`` waiting frames per camera; every method is thread-safe."""

    def __init__(self, *, frames_per_camera: int = 4, lossless: bool = False) -> None:
        if frames_per_camera < 1:
            raise ValueError("a mailbox holds at least one frame per camera")
        self._frames_per_camera = frames_per_camera
        self._lossless = lossless
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Frame]] = {}  # longest-waiting camera first
        self._replaced: Counter[str] = Counter()
        self._closed = False

    def put(self, frame: Frame) -> bool:
        """Leave a frame; false when the mailbox is closed and the frame was not taken in.

        Never blocks, unless the mailbox is lossless and full: then until there is room, or it is closed.
        """
        with self._changed:
            if self._lossless:
                self._changed.wait_for(lambda: self._closed or not self._full(frame.camera))
            if self._closed:
                return False
            frames = self._waiting.setdefault(frame.camera, deque())
            if len(frames) == self._frames_per_camera:
                frames.popleft()
                self._replaced[frame.camera] += 1
            frames.append(frame)
            self._changed.notify_all()
            return True

    def take_all(self, timeout_s: float) -> list[Frame]:
        """Take everything that waits.

        Returns:
            The frames, longest-waiting camera first and each camera's oldest first; empty when none came within
            ``timeout_s`` or the mailbox is closed and empty.
        """
        return self.take(timeout_s, cameras=None)

    def take(self, timeout_s: float, *, cameras: int | None) -> list[Frame]:
        """Take what waits of so many cameras, the longest-waiting ones, in the order of `take_all`; none means all."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout_s)
            taken = [frame for name in list(self._waiting)[:cameras] for frame in self._waiting.pop(name)]
            self._changed.notify_all()
            return taken

    def holds(self, camera: str) -> bool:
        """Whether a frame of this camera waits."""
        with self._changed:
            return camera in self._waiting

    def close(self) -> None:
        """Take nothing more in and wake everybody who waits; what is inside can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def replaced(self) -> dict[str, int]:
        """How many frames of each camera made room for newer ones, since the start."""
        with self._changed:
            return dict(self._replaced)

    def _full(self, camera: str) -> bool:
        return len(self._waiting.get(camera, ())) >= self._frames_per_camera
