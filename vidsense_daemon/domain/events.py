"""An event, what is said of it and who is told.

event         open → closed
description   pending → running → done | partial | failed | skipped      (durable: attempts, next_attempt_at)
delivery      pending → sent | dead                                      (one a hook and phase)
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.frames import Box, Still


class Severity(StrEnum):
    """How much an event matters to its owner, least first."""

    INFO = "info"
    WARNING = "warning"
    ALERT = "alert"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return tuple(Severity).index(self)


class Source(StrEnum):
    """Where an event's frames came from."""

    LIVE = "live"
    REPLAY = "replay"


# the alarms that no trigger asks for, by the name that stands in the trigger's place
NOVELTY = "novelty"  # unlike anything that the camera is used to
TAMPER = "tamper"  # somebody has frozen, covered or turned the camera
ALARMS = (NOVELTY, TAMPER)


class EventState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class DescriptionStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"  # the model answered, but not in the form asked for: its text is kept
    FAILED = "failed"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What its owner thinks of an event."""

    GOOD = "good"  # it was right to tell
    BAD = "bad"  # it was not


class DeliveryPhase(StrEnum):
    """Why a hook is called; all phases of an event carry the same event id."""

    OPENED = "opened"  # at once, with the trigger's own words
    CLOSED = "closed"  # it is over: for hooks that show a state, such as MQTT
    DESCRIBED = "described"  # the same event, now with a description


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"  # given up; listed, and retried only by hand


def new_event_id(started_at: datetime) -> str:
    """`<milliseconds>-<six random letters>`: sorts by time, is safe in a URL, a topic and a file name."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return f"{to_ms(started_at)}-{''.join(secrets.choice(letters) for _ in range(6))}"


@dataclass(frozen=True, slots=True, eq=False)
class ClearestLook:
    """What an event's clearest look saw: learning from feedback begins with it. T = frames, D = dimension."""

    captured_at: datetime  # its newest frame
    presence: float  # its score in spreads, before feedback counted
    threshold: float  # what the score had to exceed at that moment
    change: NDArray[np.float32]  # (D,): what was new before the camera, as the encoder alone has it
    frames: NDArray[np.float32]  # (T, D): the window's embeddings before the temporal transformer, oldest first
    seconds: tuple[float, ...]  # (T,): since the first of them
    present: tuple[bool, ...]  # (T,): those that `change` is the mean of


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A verdict, and the look that made the event it is about."""

    event_id: str
    camera: str
    trigger: str
    prompt: str  # the trigger's sentence when the event opened
    encoder: str  # whose space the look is in
    verdict: Verdict
    look: ClearestLook


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened before a camera."""

    id: str
    camera: str
    trigger: str
    prompt: str  # the trigger's sentence when the event opened
    severity: Severity
    source: Source
    state: EventState
    run_id: str
    encoder: str  # whose scores these are
    started_at: datetime
    ended_at: datetime  # the newest moment known to belong to it
    started_pts_s: float
    ended_pts_s: float
    score: float  # the highest so far, over the camera's background (unit: spread of the encoder's space)
    first_box: Box | None = None
    last_box: Box | None = None
    zones: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # what it shows, in words of the vocabulary, clearest first
    look: ClearestLook | None = field(default=None, compare=False, repr=False)  # only on its way to the store
    explanation: str = ""  # of an alarm that no trigger of the operator makes: why it is one
    nearest_at: datetime | None = None  # when the camera saw what is most like it


@dataclass(frozen=True, slots=True, eq=False)
class EventStill:
    """A still that belongs to an event."""

    still: Still
    role: str  # first | middle | peak | last
    score: float


@dataclass(frozen=True, slots=True)
class StoredStill:
    """A still on disk."""

    path: str  # absolute
    role: str
    captured_at: datetime
    width_px: int
    height_px: int
    box: Box | None
    score: float


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A clip on disk: an MP4 file that begins some seconds before its event."""

    path: str  # absolute
    started_at: datetime
    duration_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the operator's questions about an event, answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Description:
    """An event in words."""

    backend: str  # ollama | openai | builtin
    model: str
    status: DescriptionStatus
    summary: str
    answers: tuple[Answer, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)  # the structured answer, as validated
    error: str | None = None  # why it is not done
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What its owner said of an event; the newest counts."""

    verdict: Verdict
    note: str  # their own words; may be empty
    given_at: datetime
    given_by: str  # cli | review


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event with all that is stored about it: what the CLI prints, hooks send and describers read."""

    event: Event
    stills: tuple[StoredStill, ...]
    description: Description | None
    acknowledged_at: datetime | None = None  # somebody has seen to it: people need not be told again
    opinion: Opinion | None = None
    clip: StoredClip | None = None  # none before it is complete, and for cameras without clips

    @property
    def words(self) -> str:
        """What is said of it: the description's summary when there is one, else the trigger's sentence."""
        return (self.description.summary.strip() if self.description else "") or self.event.prompt


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message owed to one hook."""

    id: int
    event_id: str
    hook: str
    phase: DeliveryPhase
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    last_error: str | None
