"""The seams: what a stage asks of the next one. `daemon/` decides who stands behind each.

`B` = batch, `S` = picture side in px, `D` = dimension of the embedding space, `N` = texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.events import Delivery, Description, Event, EventRecord, EventStill
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.windows import EmbeddedFrame, Window


class Encoder(Protocol):
    """Pictures and sentences into one space. Not thread-safe: the perception thread owns it."""

    @property
    def name(self) -> str:
        """Stored with every embedding; two names never share a space."""

    @property
    def dimension(self) -> int:
        """D."""

    @property
    def picture_px(self) -> int:
        """S: the side of the square pictures it takes."""

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """(B, D), unit length, of B RGB pictures of (S, S, 3)."""

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """What `embed_pictures` says of a camera's whole pictures, and (B, TILES, D), unit length, tile by tile.

        One pass gives both. Pictures are squashed to a square, so a tile of the grid is nearly square in a 16:9 scene.
        None when the model does not tell what it sees where.
        """

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D), unit length; a prompt ensemble over the encoder's own templates."""

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,): standard deviation of ordinary pictures along each text (N, D); it makes scores comparable."""


class EventSink(Protocol):
    """Takes what perception found.

    A store returns from `opened` and `closed` after the commit, so what was acknowledged survives a kill; the spool
    before it returns at once, and nobody is told before the commit unless that takes longer than two seconds.
    `extended` and `observed` are stored within a second or two: they come all day, and an fsync each would wear out a
    disk.
    """

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:
        """Store a new event, what it owes and its first still, in one transaction."""

    def extended(self, event: Event) -> None:
        """The event goes on: its end, score and last box have moved."""

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        """Nothing more will come: store the remaining stills and make the description due."""

    def observed(self, window: Window, encoder: str) -> None:
        """Keep a window's embedding, event or not: search, novelty and back-tests read it."""


class Recorder(Protocol):
    """Keeps some of what the cameras see by day, for training by night."""

    def record(self, frame: EmbeddedFrame) -> None:
        """Consider a frame; never blocks. Called by the perception thread, each camera's frames in order."""


class ClipCutter(Protocol):
    """Cuts clips from a camera's stream. Both return at once; nothing comes of them where there are no clips."""

    def begin(self, event: Event) -> None:
        """A live event is stored: its clip begins some seconds before it."""

    def end(self, event: Event) -> None:
        """It is over: its clip goes on for some seconds, and is then stored."""


class Describer(Protocol):
    """Words for an event. Called by the description thread only; may take minutes; must not hang for ever."""

    @property
    def backend(self) -> str:
        """Which kind of describer: ollama, openai or builtin."""

    @property
    def model(self) -> str:
        """Which model writes; "" when none does."""

    def describe(self, record: EventRecord) -> Description:
        """The event in words, from its stored stills and scores.

        Raises:
            DescriberUnavailableError: nobody is there, or it stops; the event stays pending, none is to blame.
            DescriberError: not now; the event stays pending and is tried again a few times.
            PermanentError: never for this event; it is marked failed.
            ConfigError is not raised: a missing model is unavailable, with a message that says what to run.
        """

    def close(self) -> None:
        """Give up what is in flight, from any thread; `describe` then raises DescriberUnavailableError."""


class DescriptionQueue(Protocol):
    """The descriptions that are owed, as the store keeps them."""

    def claim(self, now: datetime) -> EventRecord | None:
        """The next due event, marked running; none when nothing is due."""

    def finish(self, event_id: str, description: Description, now: datetime) -> None:
        """Store the words and the deliveries they cause, in one transaction."""

    def postpone(self, event_id: str, error: str, next_attempt_at: datetime) -> None:
        """It did not work now: pending again, one attempt more."""


class Outbox(Protocol):
    """The deliveries that are owed, as the store keeps them."""

    def due(self, now: datetime, limit: int, hook: str | None = None) -> list[tuple[Delivery, EventRecord]]:
        """Pending deliveries whose time has come, oldest first, of one hook or of all.

        A later phase of an event is not due while an earlier one of the same hook is pending. Asked for one hook,
        because a long queue of one must not hide what is owed to the others.
        """

    def sent(self, delivery_id: int, now: datetime) -> None:
        """The hook took it."""

    def postpone(self, delivery_id: int, error: str, next_attempt_at: datetime) -> None:
        """The hook did not take it now."""

    def give_up(self, delivery_id: int, error: str, now: datetime) -> None:
        """The hook's limit is reached: dead, but kept and shown."""


class Hook(Protocol):
    """Somebody who wants to know. Called by the delivery thread only."""

    @property
    def name(self) -> str:
        """Unique among the hooks; the outbox is kept by it."""

    def deliver(self, delivery: Delivery, record: EventRecord) -> None:
        """Hand it over, within the hook's own time limit.

        Raises:
            DeliveryError: not now; tried again after ``retry_after_s`` or with backoff.
            PermanentError: never; the delivery is dead.
        """
