"""What this room asks of the others. `daemon/` decides who stands behind each; what has nobody behind it is left out.

A page hides what it has no port for, and the API answers 501: a daemon without a search index still shows its events.
Every method is called from one of the HTTP threads, so whoever implements one is thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from vidsense_daemon.domain.events import Delivery, Event, EventRecord, Severity, Source, Verdict


class Change(Protocol):
    """One line of the journal of what happened to events."""

    @property
    def sequence(self) -> int:
        """A reader's bookmark."""

    @property
    def kind(self) -> str:
        """opened, closed or described."""

    @property
    def record(self) -> EventRecord:
        """The event, as it is now."""


class Archive(Protocol):
    """Events as they are read back."""

    def get(self, event_id: str) -> EventRecord | None:
        """One event; none when there is no such id."""

    def find(
        self,
        *,
        camera: str | None = None,
        trigger: str | None = None,
        source: Source | None = None,
        severity: Severity | None = None,
        acknowledged: bool | None = None,
        pinned: bool | None = None,
        verdict: Verdict | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        label: str | None = None,
        limit: int = 50,
        skip: int = 0,
        cursor: str | None = None,
        last: str | None = None,
    ) -> list[EventRecord]:
        """Events that began in ``since`` ≤ t < ``until``, newest first, without the newest ``skip``.

        They come after ``cursor`` and not after ``last``; both are `<started_at_ms>:<id>`. ``label`` is part of what an
        event shows.
        """

    def began_between(self, since: datetime, until: datetime, *, camera: str | None, limit: int) -> Sequence[Event]:
        """The newest events that began in ``since`` ≤ t < ``until``."""

    def newer_than(self, sequence: int, *, limit: int = 100) -> Sequence[Change]:
        """What changed after the bookmark, in order."""

    def newest_sequence(self) -> int:
        """The bookmark of now."""

    def counts(self) -> Mapping[str, int]:
        """How many of each thing stand in the database."""


class Reviews(Protocol):
    """Marks events as looked at: `EventRecord.acknowledged_at`."""

    def set_reviewed(self, event_ids: Sequence[str], *, reviewed: bool, now: datetime) -> None:
        """Mark these as looked at, or as new again; unknown ids are passed over."""

    def set_all_reviewed(self, *, until: datetime, now: datetime) -> None:
        """Mark everything as looked at that began before ``until``."""


class Pins(Protocol):
    """Events that retention never deletes."""

    def pinned(self, event_ids: Sequence[str]) -> Collection[str]:
        """Those of these events that are pinned."""

    def set_pinned(self, event_id: str, *, pinned: bool, now: datetime) -> None:
        """Pin or unpin; an unknown id is passed over."""


class Opinion(Protocol):
    """What its owner said of an event."""

    @property
    def verdict(self) -> str:
        """Good or bad."""

    @property
    def note(self) -> str:
        """Their own words; may be empty."""


class Feedback(Protocol):
    """What the owner says of events; learning reads it."""

    def given(self, event_ids: Sequence[str]) -> Mapping[str, Opinion]:
        """The opinions on those of these events that have one."""

    def give(self, event_id: str, *, verdict: str, note: str, now: datetime) -> object:
        """Keep it; a second opinion replaces the first."""

    def clear(self, event_id: str) -> object:
        """Take the opinion back; one that was never given is passed over."""


class Eraser(Protocol):
    """Deletes events with all that belongs to them."""

    def delete(self, event_id: str, *, now: datetime) -> bool:
        """Delete its rows, stills and clip; false when there is no such event that is over."""


class Redescription(Protocol):
    """Puts an event back into the queue of owed descriptions."""

    def describe_again(self, event_id: str) -> bool:
        """Make it due; false when it is still open or in a describer's hands."""


class DeliveryLog(Protocol):
    """What was sent of an event, and to whom."""

    def deliveries(self, event_id: str) -> Sequence[Delivery]:
        """Its deliveries, oldest first."""


class Attention(Protocol):
    """How much one moment counted in the event's window."""

    @property
    def captured_at(self) -> datetime:
        """When the frame was captured."""

    @property
    def weight(self) -> float:
        """The weights of a window add up to 1."""


class WindowAttention(Protocol):
    """What the temporal transformer looked at."""

    def of_event(self, event_id: str) -> Sequence[Attention]:
        """Oldest first; empty when the window is no longer kept."""


class Found(Protocol):
    """An event that a search found: `store.search.Found`."""

    @property
    def record(self) -> EventRecord:
        """The event."""

    @property
    def score(self) -> float:
        """Comparable within one search only."""

    @property
    def by(self) -> tuple[str, ...]:
        """words, meaning or both."""

    @property
    def seen_at(self) -> datetime | None:
        """The moment that resembles the sentence most."""


class Search(Protocol):
    """Text → events: `store.search.EventSearch.by_words`, or what joins it with the encoder."""

    def __call__(
        self, sentence: str, *, camera: str | None, since: datetime | None, until: datetime | None, limit: int
    ) -> Sequence[Found]:
        """The best ones first; empty when nothing fits."""


class Told(Protocol):
    """A text about events that names those it rests on: `description.telling.Told`."""

    @property
    def text(self) -> str:
        """Plain words, perhaps of several lines."""

    @property
    def event_ids(self) -> tuple[str, ...]:
        """What it rests on."""

    @property
    def by(self) -> str:
        """Which model wrote it; empty when none did."""


class Questions(Protocol):
    """Answers questions about stored events. May take as long as a language model takes."""

    def ask(self, question: str) -> Told:
        """An answer that cites its events; says so when nothing was found."""


class Digests(Protocol):
    """A day in a few lines."""

    def of_day(self, day: date) -> Told:
        """What happened on that day, in the machine's time zone."""


@dataclass(frozen=True, slots=True)
class TriggerInfo:
    """A trigger as it is configured, and what became of it."""

    name: str
    prompt: str
    contrast: tuple[str, ...]
    severity: Severity
    cameras: tuple[str, ...]
    thresholds: Mapping[str, float] = field(default_factory=dict)  # present threshold by camera; unit of `Event.score`
    learned: Mapping[str, str] = field(default_factory=dict)  # by camera: what verdicts taught, and whether it counts


class Firing(Protocol):
    """One time that a sentence would have made an event of."""

    @property
    def camera(self) -> str:
        """Where."""

    @property
    def started_at(self) -> datetime:
        """When it would have opened."""

    @property
    def ended_at(self) -> datetime:
        """When it would have closed."""

    @property
    def score(self) -> float:
        """The highest in it; unit of `Event.score`."""

    @property
    def event_id(self) -> str | None:
        """An event that was stored at that time: its stills show what was there."""


class Backtest(Protocol):
    """A sentence against stored windows."""

    @property
    def firings(self) -> Sequence[Firing]:
        """All above a low floor, so that the threshold can be moved afterwards."""

    @property
    def threshold(self) -> float:
        """What the trigger would use."""

    @property
    def days(self) -> float:
        """How long a time was looked at."""


class Backtests(Protocol):
    """Tries a trigger on what the cameras have already seen. May take seconds."""

    def run(
        self, *, prompt: str, contrast: Sequence[str], camera: str | None, since: datetime, until: datetime
    ) -> Backtest:
        """When it would have fired.

        Raises:
            PermanentError: the encoder does not understand the sentence.
        """


class TriggerBook(Protocol):
    """The triggers; saving one changes the configuration."""

    def triggers(self) -> Sequence[TriggerInfo]:
        """All enabled ones."""

    def save(
        self, *, name: str, prompt: str, contrast: Sequence[str], threshold: float, cameras: Sequence[str]
    ) -> None:
        """Add or replace one.

        Raises:
            PermanentError: the configuration can't be written by the daemon; the message says what to put where.
        """


class Liveness(Protocol):
    """One thread of the daemon: `base.worker.Worker`."""

    @property
    def name(self) -> str:
        """What it does."""

    @property
    def beat_limit_s(self) -> float:
        """How old its last beat may get."""

    def beat_age_s(self) -> float:
        """How old it is."""

    def is_live(self) -> bool:
        """Whether it runs and its beat is young enough."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number for `/metrics`. Names end in their unit; those of counters in `_total`."""

    name: str
    text: str
    value: float
    kind: Literal["gauge", "counter", "histogram"] = "gauge"
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: tuple[tuple[float, int], ...] = ()  # of a histogram: how many were not above each bound; value: their sum


Measurements = Callable[[], Iterable[Measurement]]


@dataclass(frozen=True, slots=True)
class Ports:
    """All that the room is built from; what is none is left out of the pages."""

    archive: Archive
    media_dir: Path  # no file outside it is ever served
    reviews: Reviews | None = None
    pins: Pins | None = None
    feedback: Feedback | None = None
    eraser: Eraser | None = None
    redescription: Redescription | None = None
    deliveries: DeliveryLog | None = None
    attention: WindowAttention | None = None
    clip_of: Callable[[str], Path | None] | None = None  # event id → its clip
    search: Search | None = None
    questions: Questions | None = None
    digests: Digests | None = None
    backtests: Backtests | None = None
    triggers: TriggerBook | None = None
    config_schema: Callable[[], Mapping[str, Any]] | None = None
    workers: Callable[[], Sequence[Liveness]] = tuple
    is_ready: Callable[[], bool] = lambda: True
    measurements: tuple[Measurements, ...] = ()
