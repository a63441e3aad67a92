"""When was a frame taken? Arrival time and stream time together: neither can be trusted alone. Pure.

Cameras' stream time (pts) jumps, runs at a wrong speed and starts anywhere; the first frame of an RTSP session has
none, and an RTP timestamp that goes back an hour arrives as twelve hours forward. Arrival is right on the long run, but
late and uneven by what the network and the camera's buffers add. So

    captured_at = stream time + the smallest (arrival - stream time) seen in the last minute

the smallest, because a delay is never negative: it belongs to the frame that was held up least. Where stream time and
arrival part company by more than a few seconds, a new run starts, and so it does where this computer's clock is set:
what comes next may be older than what came before. Windows never cross runs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

_JUMP_S = 5.0  # more than any buffer holds back: stream time and arrival no longer tell the same story
_CLOCK_SET_S = 1.0  # smaller corrections are made by running slower or faster for a while
_REORDER_S = 1.0  # servers that stamp B-frames in decoding order send times that go a few frames back: no jump
_MEMORY_S = 60.0  # long enough to meet a frame that was not held up, short enough to follow a clock that drifts
_BUCKET_S = 5.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a frame stands in time."""

    captured_at: datetime
    pts_s: float  # from the run's first frame
    starts_run: bool


class LiveTimeline:
    """Places the frames of one stream session."""

    def __init__(self) -> None:
        self._first_pts_s: float | None = None
        self._last_pts_s = 0.0
        self._guessed = False  # no frame of this run has told its pts yet
        self._offset_s = 0.0  # added to each pts, so that it goes on where the guesses ended
        self._last_arrived_mono_s = 0.0
        self._last_arrived_at: datetime | None = None
        self._least: deque[tuple[float, float]] = deque()  # (arrived, smallest arrival - pts) for each bucket

    def place(self, pts_s: float | None, *, arrived_at: datetime, arrived_mono_s: float) -> Moment:
        """The moment of the frame that arrived now; ``pts_s`` is missing in some streams' first frames."""
        elapsed_s = arrived_mono_s - self._last_arrived_mono_s
        if pts_s is None:
            stream_s = self._last_pts_s + elapsed_s if self._first_pts_s is not None else 0.0
        else:
            if self._guessed:
                self._offset_s, self._guessed = self._last_pts_s + elapsed_s - pts_s, False
            stream_s = _in_order(pts_s + self._offset_s, self._last_pts_s)
        starts_run = self._first_pts_s is None or self._jumped(stream_s - self._last_pts_s, elapsed_s)
        starts_run = self._clock_was_set(arrived_at, elapsed_s) or starts_run
        if starts_run:
            self._first_pts_s, self._guessed = stream_s, pts_s is None
            self._least.clear()
        self._last_pts_s, self._last_arrived_mono_s = stream_s, arrived_mono_s
        delay_s = arrived_mono_s - stream_s
        behind_s = min(delay_s - self._smallest_delay(arrived_mono_s, delay_s), _JUMP_S)
        return Moment(arrived_at - timedelta(seconds=behind_s), stream_s - (self._first_pts_s or 0.0), starts_run)

    def _clock_was_set(self, arrived_at: datetime, elapsed_s: float) -> bool:
        before, self._last_arrived_at = self._last_arrived_at, arrived_at
        return before is not None and abs((arrived_at - before).total_seconds() - elapsed_s) > _CLOCK_SET_S

    @staticmethod
    def _jumped(step_s: float, elapsed_s: float) -> bool:
        return step_s < 0 or abs(step_s - elapsed_s) > _JUMP_S

    def _smallest_delay(self, now_mono_s: float, delay_s: float) -> float:
        if not self._least or now_mono_s - self._least[-1][0] >= _BUCKET_S:
            self._least.append((now_mono_s, delay_s))
        elif delay_s < self._least[-1][1]:
            self._least[-1] = (self._least[-1][0], delay_s)
        while now_mono_s - self._least[0][0] > _MEMORY_S:
            self._least.popleft()
        return min(delay for _, delay in self._least)


class RecordedTimeline:
    """Places the frames of a file: its first frame was taken at ``started_at``."""

    def __init__(self, *, started_at: datetime, frame_s: float) -> None:
        self._started_at = started_at
        self._frame_s = frame_s  # stands in for a missing pts
        self._run_starts_s = 0.0  # file time at which the run began
        self._first_pts_s: float | None = None
        self._last_pts_s = 0.0

    def place(self, pts_s: float | None) -> Moment:
        """The moment of the next frame; a jump in the file starts a new run right behind the old one."""
        stream_s = self._last_pts_s + self._frame_s if pts_s is None else _in_order(pts_s, self._last_pts_s)
        step_s = stream_s - self._last_pts_s
        starts_run = self._first_pts_s is None or step_s < 0 or step_s > _JUMP_S
        if starts_run:
            if self._first_pts_s is not None:
                self._run_starts_s += self._last_pts_s - self._first_pts_s + self._frame_s
            self._first_pts_s = stream_s
        self._last_pts_s = stream_s
        pts_in_run_s = stream_s - (self._first_pts_s or 0.0)
        return Moment(self._started_at + timedelta(seconds=self._run_starts_s + pts_in_run_s), pts_in_run_s, starts_run)


def _in_order(stream_s: float, last_s: float) -> float:
    return last_s if last_s - _REORDER_S < stream_s < last_s else stream_s
