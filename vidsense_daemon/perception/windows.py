"""Cut a camera's embedded frames into windows. Pure; the perception thread calls it.

Each frame is embedded once, and overlapping windows share its embedding: live, every new frame ends one window of up to
`T` frames. A run's first windows are shorter, since waiting for `T` frames would delay the first alert after a start by
seconds. No window crosses runs: between two runs an unknown time has passed, and perhaps another scene is shown.

T = frames of a window, D = dimension of the embedding space.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import EmbeddedFrame, Embedding

Frames = tuple[EmbeddedFrame, ...]

DEFAULT_WINDOW_FRAMES = 8


class SlidingWindow:
    """The newest frames of one camera's present run."""

    def __init__(self, *, window_frames: int) -> None:
        if window_frames < 1:
            raise ValueError("a window has at least one frame")
        self._frames: deque[EmbeddedFrame] = deque(maxlen=window_frames)
        self._unobserved = 0

    @property
    def run_id(self) -> str | None:
        """The run of the frames inside; none while there are none."""
        return self._frames[-1].run_id if self._frames else None

    def takes(self, frame: EmbeddedFrame) -> bool:
        """Whether ``frame`` can come next: of the same run, and not older than the one before."""
        if not self._frames:
            return True
        last = self._frames[-1]
        return frame.run_id == last.run_id and frame.captured_at >= last.captured_at

    def add(self, frame: EmbeddedFrame) -> Frames:
        """The window that ends with ``frame``, oldest first.

        Raises:
            ValueError: the frame can't come next (`takes`); at a run's end, `clear` first.
        """
        if not self.takes(frame):
            raise ValueError(f"frame {frame.index} of run {frame.run_id} can't follow the last one")
        self._frames.append(frame)
        self._unobserved += 1
        return tuple(self._frames)

    def take_unobserved(self, *, partial: bool = False) -> Frames:
        """The frames that no stored window holds yet, once they fill a window; empty before.

        Stored windows don't overlap: each frame stands in exactly one. ``partial`` takes what there is, at a run's end.
        """
        full = self._unobserved == self._frames.maxlen
        if not full and not partial:
            return ()
        taken = tuple(self._frames)[len(self._frames) - self._unobserved :]
        self._unobserved = 0
        return taken

    def clear(self) -> None:
        """The run has ended."""
        self._frames.clear()
        self._unobserved = 0


def input_of(frame: EmbeddedFrame) -> Embedding:
    """What a window sees of a frame: the crop when something moves in it, else the whole picture. (D,)"""
    return frame.crop if frame.moving and frame.crop is not None else frame.whole


def inputs_of(frames: Sequence[EmbeddedFrame]) -> NDArray[np.float32]:
    """The window's embeddings before the temporal transformer."""
    return np.stack([input_of(frame) for frame in frames]).astype(np.float32, copy=False)  # (T, D)


def seconds_of(frames: Sequence[EmbeddedFrame]) -> NDArray[np.float32]:
    """Stream time from the window's first frame, in seconds."""
    first_s = frames[0].pts_s  # subtracted in double precision: a stream may be up for weeks
    return np.array([frame.pts_s - first_s for frame in frames], np.float32)  # (T,)
