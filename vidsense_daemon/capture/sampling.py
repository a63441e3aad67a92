"""Which frames are worth looking at, and which are worth sending. Pure: the caller gives the time.

    look     up to `busy_fps` decoded frames a second pass the gate; the rest is dropped unseen
    calm     of those, `calm_fps` are sent, so that perception knows what calm looks like
    busy     while something moves, and 3 s longer, every looked-at frame is sent
    budget   never more than `max_frames_per_s` a second

Every drop is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

_BUSY_AFTER_S = 3.0  # a person who stops for a moment is still worth watching
_EARLY_S = 0.01  # cameras' intervals wobble: a frame that is this early is on time


@dataclass(slots=True)
class SampleCounts:
    """What became of the decoded frames."""

    decoded: int = 0  # and whole
    looked: int = 0
    sent: int = 0
    dropped_unseen: int = 0  # between two looks
    dropped_calm: int = 0  # looked at; nothing moved
    dropped_budget: int = 0
    dropped_corrupt: int = 0


class Sampler:
    """Decides for one camera; all times are seconds of the same stream clock, never going back within a run."""

    def __init__(self, *, calm_fps: float, busy_fps: float, max_frames_per_s: float) -> None:
        self._calm_s = 1 / min(calm_fps, busy_fps)
        self._look_s = 1 / busy_fps
        self._budget_fps = max_frames_per_s
        self._look_due_s = float("-inf")
        self._calm_due_s = float("-inf")
        self._busy_until_s = float("-inf")
        self._allowance = 1.0
        self._allowance_at_s = 0.0
        self.counts = SampleCounts()

    def start_run(self) -> None:
        """The stream's clock has jumped: forget its old times."""
        self._look_due_s = self._calm_due_s = self._busy_until_s = self._allowance_at_s = float("-inf")

    def set_budget(self, max_frames_per_s: float) -> None:
        """The house's budget for this camera has changed."""
        self._budget_fps = max_frames_per_s

    def busy(self, at_s: float) -> bool:
        """Whether something moves, or did a moment ago."""
        return at_s <= self._busy_until_s

    def looks(self, at_s: float) -> bool:
        """Whether to look at the frame decoded at ``at_s``."""
        self.counts.decoded += 1
        if at_s < self._look_due_s - _EARLY_S:
            self.counts.dropped_unseen += 1
            return False
        self._look_due_s = _next_due_s(self._look_due_s, at_s, self._look_s)
        self.counts.looked += 1
        return True

    def sends(self, at_s: float, *, wanted: bool, moving: bool) -> bool:
        """Whether to send the frame that was looked at; ``wanted`` asks for it although nothing moves."""
        if moving:
            self._busy_until_s = at_s + _BUSY_AFTER_S
        due = at_s >= self._calm_due_s - _EARLY_S
        if not (due or wanted or self.busy(at_s)):
            self.counts.dropped_calm += 1
            return False
        if not self._within_budget(at_s):
            self.counts.dropped_budget += 1
            return False
        if due:
            self._calm_due_s = _next_due_s(self._calm_due_s, at_s, self._calm_s)
        self.counts.sent += 1
        return True

    def _within_budget(self, at_s: float) -> bool:
        """A bucket that holds one second's frames: a burst is let through, a flood is not."""
        full = max(1.0, self._budget_fps)
        passed_s = max(0.0, at_s - self._allowance_at_s)
        self._allowance = min(full, self._allowance + passed_s * self._budget_fps)
        self._allowance_at_s = at_s
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True


def _next_due_s(due_s: float, at_s: float, every_s: float) -> float:
    """Counted from when it was due, so that 5 of 12.5 fps are 5 and not 4.2; from now after a gap."""
    return due_s + every_s if at_s - due_s < every_s else at_s + every_s
