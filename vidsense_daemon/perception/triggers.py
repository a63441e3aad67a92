"""When evidence becomes an event: one small state machine per camera and trigger. Pure; reads no clock.

    state     on                                                          goes to    says
    quiet     k of the last n looks hold, one of them moving              active     Opened
    active    a look holds, moving or not                                 active     Extended
    active    no look has held for gap_s, the run ended, the stream lost  cooldown   Closed
    active    the event is max_event_s long                               cooldown   Closed
    cooldown  cooldown_s have passed since the event's end                quiet      –

Time is the frames' own (captured_at), so a replay decides as the live daemon did. What only *stands* there never opens
an event (a parked car, a coat on a chair): something must move. But what stands there keeps an open event alive. Two
sightings less than gap_s apart are one event.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from vidsense_daemon.domain.events import Severity
from vidsense_daemon.domain.hours import Hours

DEFAULT_THRESHOLD = 1.5
DEFAULT_COLD_THRESHOLD = 3.0  # above every calm crop of the measured cameras


@dataclass(frozen=True, slots=True)
class TriggerRule:
    """What to look for on a camera, and how long to believe it."""

    name: str
    prompt: str
    contrast: tuple[str, ...] = ()  # what it is not
    severity: Severity = Severity.ALERT
    cooldown_s: float = 5.0  # after an event's end
    zones: tuple[str, ...] = ()  # only motion in one of these counts; empty: anywhere
    active: tuple[Hours, ...] = ()  # in local time; empty: always
    threshold: float = DEFAULT_THRESHOLD  # the least δ, in spreads of the encoder's space
    cold_threshold: float = DEFAULT_COLD_THRESHOLD  # while the camera has no background picture to compare with
    looks_needed: int = 2  # k
    looks_considered: int = 3  # n
    gap_s: float = 3.0  # evidence may pause this long within one event
    min_event_s: float = 0.0  # evidence must last this long before the event opens
    max_event_s: float = 120.0  # then it is closed and, after the cooldown, a new one may open
    action: str = ""  # what a trained model looks for instead of the prompt, which then is for people only

    def __post_init__(self) -> None:
        if not 1 <= self.looks_needed <= self.looks_considered:
            raise ValueError(f"trigger {self.name}: it can't need {self.looks_needed} of {self.looks_considered} looks")

    def is_active(self, at: datetime, time_zone: tzinfo | None) -> bool:
        """Whether it looks at ``at``; ``time_zone`` none is the machine's own."""
        return not self.active or any(hours.holds(at.astimezone(time_zone)) for hours in self.active)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one frame says about one trigger."""

    at: datetime
    presence: float  # s
    holds: bool  # over the threshold, beats its rivals, in the trigger's zones
    moving: bool


class CloseReason(StrEnum):
    GONE = "gone"
    TOO_LONG = "too_long"
    RUN_ENDED = "run_ended"


@dataclass(frozen=True, slots=True)
class Opened:
    first: Evidence  # the first look that held
    best: Evidence


@dataclass(frozen=True, slots=True)
class Extended:
    latest: Evidence


@dataclass(frozen=True, slots=True)
class Closed:
    reason: CloseReason


Decision = Opened | Extended | Closed


@dataclass(slots=True)
class _Sighting:
    """Looks that hold, less than gap_s apart, before they are an event."""

    first: Evidence
    best: Evidence
    last: Evidence
    moved: bool


class TriggerState:
    """Quiet, active or cooling down, for one trigger on one camera."""

    def __init__(self, rule: TriggerRule) -> None:
        self._rule = rule
        self._gap = timedelta(seconds=rule.gap_s)
        self._cooldown = timedelta(seconds=rule.cooldown_s)
        self._held: deque[bool] = deque(maxlen=rule.looks_considered)
        self._sighting: _Sighting | None = None
        self._started_at: datetime | None = None
        self._held_at: datetime | None = None  # the newest look that held, of the event or the one before
        self._quiet_from: datetime | None = None  # end of the cooldown

    @property
    def active(self) -> bool:
        return self._started_at is not None

    def observe(self, evidence: Evidence) -> Decision | None:
        """Take in the next frame's evidence; frames come in the order of their time."""
        if self._started_at is not None:
            return self._observe_active(evidence, self._started_at)
        # longer than a cooldown can't be left of it: then the clock was set back, and nobody knows
        if self._quiet_from is not None and timedelta(0) < self._quiet_from - evidence.at <= self._cooldown:
            return None
        return self._observe_quiet(evidence)

    def end_run(self) -> Closed | None:
        """The run ended or the stream was lost: nothing is known from here on. The cooldown survives."""
        self._forget_looks()
        return self._close(CloseReason.RUN_ENDED) if self.active else None

    def _observe_quiet(self, evidence: Evidence) -> Opened | None:
        sighting = self._sighting
        if sighting is not None and evidence.at - sighting.last.at > self._gap:
            self._forget_looks()  # a calm camera is sampled seldom: looks far apart don't support each other
            sighting = None
        self._held.append(evidence.holds)
        if not evidence.holds:
            return None
        sighting = self._sighting = _joined(sighting, evidence)
        lasted = evidence.at - sighting.first.at
        enough = sum(self._held) >= self._rule.looks_needed
        if not (enough and sighting.moved and lasted >= timedelta(seconds=self._rule.min_event_s)):
            return None
        self._started_at, self._held_at = sighting.first.at, evidence.at
        self._forget_looks()
        return Opened(first=sighting.first, best=sighting.best)

    def _observe_active(self, evidence: Evidence, started_at: datetime) -> Extended | Closed | None:
        if self._held_at is not None and evidence.at - self._held_at > self._gap:
            return self._close(CloseReason.GONE)
        if evidence.at - started_at >= timedelta(seconds=self._rule.max_event_s):
            return self._close(CloseReason.TOO_LONG)
        if not evidence.holds:
            return None
        self._held_at = evidence.at
        return Extended(latest=evidence)

    def _close(self, reason: CloseReason) -> Closed:
        if self._held_at is not None:
            self._quiet_from = self._held_at + self._cooldown
        self._started_at = None
        return Closed(reason=reason)

    def _forget_looks(self) -> None:
        self._held.clear()
        self._sighting = None


def _joined(sighting: _Sighting | None, evidence: Evidence) -> _Sighting:
    if sighting is None:
        return _Sighting(first=evidence, best=evidence, last=evidence, moved=evidence.moving)
    best = max(sighting.best, evidence, key=lambda look: look.presence)
    return _Sighting(first=sighting.first, best=best, last=evidence, moved=sighting.moved or evidence.moving)
