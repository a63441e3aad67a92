"""How far perception is behind the cameras, and how many frames a second it can take: the house's limit follows that.

    free ── busy more than 85 % of two seconds ──► lowered: 80 % of what it has shown that it can do
    lowered ── busier still: lower ── busy less than 70 %: a quarter more … up to the configured limit ──► free

The share of its time that perception is busy tells of overload before anything waits; the length of a queue tells it
afterwards. Calm cameras keep their frame a second as long as the limit allows; the busy ones share what is left, so no
camera is slowed for another's sake (`capture.budget`). Called by the perception thread; others may read.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.domain.frames import Frame

_LOOK_EVERY_S = 2.0
_OVERLOADED = 0.85  # of its time; what is left is for bursts
_AT_EASE = 0.7
_AIM = 0.8  # between the two, so that a steady load leaves the limit where it is
_RAISE = 1.25
_LEAST_FRAMES_PER_S = 0.5
_LATENCIES_KEPT = 1000  # the last minutes


@dataclass(frozen=True, slots=True)
class Latency:
    """From a frame's capture until it is perceived, over the last minutes."""

    median_s: float
    p95_s: float


class Governor:
    """The limit of frames a second, as the load allows. Pure: the caller gives the time."""

    def __init__(self, *, max_frames_per_s: float) -> None:
        self.limit_fps = max_frames_per_s
        self.busy_ratio = 0.0  # of the last two seconds
        self._max_fps = max_frames_per_s
        self._since_mono_s: float | None = None
        self._busy_s = 0.0
        self._frames = 0

    @property
    def is_lowered(self) -> bool:
        return self.limit_fps < self._max_fps

    def note(self, *, frames: int, busy_s: float, now_mono_s: float) -> bool:
        """Perception took ``busy_s`` for ``frames``; true when the limit has changed."""
        if self._since_mono_s is None:
            self._since_mono_s = now_mono_s  # what led here is no whole look
            return False
        self._busy_s += busy_s
        self._frames += frames
        passed_s = now_mono_s - self._since_mono_s
        if passed_s < _LOOK_EVERY_S:
            return False
        self.busy_ratio = min(1.0, self._busy_s / passed_s)
        before_fps, self.limit_fps = self.limit_fps, self._next_fps()
        self._since_mono_s, self._busy_s, self._frames = now_mono_s, 0.0, 0
        return self.limit_fps != before_fps

    def _next_fps(self) -> float:
        if self.busy_ratio > _OVERLOADED and self._frames:
            can_fps = self._frames / self._busy_s
            return max(_LEAST_FRAMES_PER_S, min(self.limit_fps, _AIM * can_fps))
        if self.busy_ratio < _AT_EASE:
            return min(self._max_fps, self.limit_fps * _RAISE)
        return self.limit_fps


class Pace:
    """Measures perception, lets the governor decide, and says so: one log line for each change of state."""

    def __init__(
        self,
        *,
        max_frames_per_s: float,
        on_limit: Callable[[float], None] = lambda _limit_fps: None,
        clock: Clock | None = None,
    ) -> None:
        """``on_limit`` is told the frames a second that all cameras together may send from now on."""
        self._governor = Governor(max_frames_per_s=max_frames_per_s)
        self._on_limit = on_limit
        self._clock = clock or SystemClock()
        self._latencies_s: deque[float] = deque(maxlen=_LATENCIES_KEPT)
        self._lock = threading.Lock()
        self._log = structlog.get_logger()
        self.times_lowered = 0

    @property
    def limit_fps(self) -> float:
        """What all cameras together may send."""
        return self._governor.limit_fps

    @property
    def busy_ratio(self) -> float:
        """The share of its time that perception is busy: 1 is all of it."""
        return self._governor.busy_ratio

    def latency(self) -> Latency | None:
        """How late perception is; none before the first frame. From any thread."""
        with self._lock:
            ordered = sorted(self._latencies_s)
        if not ordered:
            return None
        return Latency(median_s=ordered[len(ordered) // 2], p95_s=ordered[int(len(ordered) * 0.95)])

    @contextmanager
    def over(self, frames: Sequence[Frame]) -> Iterator[None]:
        """Around the perceiving of ``frames``, which may be none."""
        began_mono_s = self._clock.mono_s()
        yield
        ended_mono_s, now = self._clock.mono_s(), self._clock.now()
        with self._lock:
            # a camera's clock that runs ahead makes no frame early
            self._latencies_s.extend(max(0.0, (now - frame.captured_at).total_seconds()) for frame in frames)
        was_lowered = self._governor.is_lowered
        busy_s = ended_mono_s - began_mono_s if frames else 0.0
        if self._governor.note(frames=len(frames), busy_s=busy_s, now_mono_s=ended_mono_s):
            self._on_limit(self._governor.limit_fps)
            self._say(was_lowered=was_lowered)

    def _say(self, *, was_lowered: bool) -> None:
        is_lowered = self._governor.is_lowered
        if is_lowered and not was_lowered:
            self.times_lowered += 1
            self._log.warning(
                "rates_lowered",
                limit_fps=round(self.limit_fps, 1),
                busy_ratio=round(self.busy_ratio, 2),
                reason="perception can't keep up: busy cameras are looked at less often; encoder.threads, "
                "encoder.precision: int8 or a lower sampling.busy_fps help",
            )
        elif was_lowered and not is_lowered:
            self._log.info("rates_restored", limit_fps=round(self.limit_fps, 1))
