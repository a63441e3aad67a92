"""Events: stored when they open, carried on, closed. Implements `domain.ports.EventSink`.

`opened` and `closed` return after the commit: an event, its still, its window and the deliveries it owes are one
transaction, so a kill leaves either all of it or nothing. `extended` and `observed` are small news that come every
second; they are gathered and written by the db-writer thread (`spool`) at most a second later.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import Clock, SystemClock, to_ms
from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.domain.events import (
    DeliveryPhase,
    DescriptionStatus,
    Event,
    EventState,
    EventStill,
    Source,
)
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.store import tables
from vidsense_daemon.store.changes import note_change
from vidsense_daemon.store.complaints import Complaint
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.deliveries import HooksFor, nobody, owe
from vidsense_daemon.store.faults import DatabaseFaultError, DatabaseUnavailableError
from vidsense_daemon.store.looks import insert_look
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.records import box_to_list, event_to_row, progress_to_row
from vidsense_daemon.store.windows import WindowStore, insert_windows, window_to_row

_REPLAY_GONE_AFTER = timedelta(hours=1)  # a replay that wrote nothing for so long was killed


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a killed daemon had left behind."""

    events_closed: int
    descriptions_pending: int


class EventStore:
    """Every method is thread-safe.

    ``hooks_for`` names the hooks that are owed a phase of an event; ``describe`` says whether its words are.
    """

    def __init__(
        self,
        *,
        database: Database,
        media: MediaFolder,
        windows: WindowStore,
        hooks_for: HooksFor = nobody,
        describe: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._media = media
        self._windows = windows
        self._hooks_for = hooks_for
        self._describe = describe
        self._clock = clock or SystemClock()
        self._progress: dict[str, dict[str, Any]] = {}  # newest news of each open event, by event id
        self._lock = threading.Lock()
        self._progress_not_stored = Complaint("progress_not_stored", clock=self._clock)
        self._still_not_stored = Complaint("still_not_stored", clock=self._clock)

    # what perception tells

    def opened(self, event: Event, first: EventStill | None, window: Window, *, told: Collection[str] = ()) -> None:
        """Store a new event, its first still and what it owes; returns after the commit.

        Hooks that were ``told`` of it already, while it could not be stored, are not told again.
        """
        still_rows = self._save_stills(event, [first] if first is not None else [], from_number=0)
        window_row = window_to_row(window, encoder=event.encoder, event_id=event.id)

        def store(connection: Connection) -> None:
            if self._insert(connection, event, told):
                _insert_stills(connection, still_rows)
                insert_windows(connection, [window_row])
                insert_look(connection, event)

        self._database.write(store)

    def extended(self, event: Event) -> None:
        """Note the event's newest end, score and box; returns at once."""
        with self._lock:
            self._progress[event.id] = progress_to_row(event, stored_at_ms=self._now_ms())

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        """Store the event's end and remaining stills; its description is due from now on."""
        with self._lock:
            self._progress.pop(event.id, None)  # the closing row knows better
        still_rows = self._save_stills(event, stills, from_number=1)
        window_row = window_to_row(window, encoder=event.encoder, event_id=event.id)

        def store(connection: Connection) -> None:
            self._insert(connection, event)  # only when its opening could not be stored
            progress = progress_to_row(event, stored_at_ms=self._now_ms())
            connection.execute(
                update(tables.events)
                .where(tables.events.c.id == event.id)
                .values(**progress, state=EventState.CLOSED.value)
            )
            _insert_stills(connection, still_rows)
            insert_windows(connection, [window_row])
            insert_look(connection, event)
            owe(connection, event, DeliveryPhase.CLOSED, self._hooks_for, now_ms=self._now_ms())
            note_change(connection, event.id, "closed", now_ms=self._now_ms())

        self._database.write(store)

    def observed(self, window: Window, encoder: str) -> None:
        """Keep a window; returns at once."""
        self._windows.add(window, encoder)

    # what the db-writer thread calls

    def flush(self) -> None:
        """Write what `extended` and `observed` gathered; what the database does not take now waits on.

        Raises:
            DatabaseFaultError: it will never take anything again.
        """
        self._windows.flush()
        with self._lock:
            progress, self._progress = self._progress, {}
        if not progress:
            return
        try:
            self._database.write(lambda connection: _update_progress(connection, progress))
        except DatabaseFaultError as fault:
            self._progress_not_stored.say(events=len(progress), reason=str(fault))
            with self._lock:
                self._progress = progress | self._progress
            if not isinstance(fault, DatabaseUnavailableError):
                raise

    # at the start

    def recover(self, now: datetime) -> Recovered:
        """Tidy up after a killed daemon; only for who holds the state folder's lock.

        Its open events are closed where they were last seen, and what it was describing is owed again. A replay that
        runs at this moment is left alone.
        """

        def tidy(connection: Connection) -> Recovered:
            e, d = tables.events.c, tables.descriptions.c
            gone_ms = to_ms(now - _REPLAY_GONE_AFTER)
            abandoned = (e.source == Source.LIVE.value) | (e.stored_at_ms < gone_ms)
            closed = (
                connection.execute(
                    update(tables.events)
                    .where(e.state == EventState.OPEN.value, abandoned)
                    .values(state=EventState.CLOSED.value, stored_at_ms=to_ms(now))
                    .returning(e.id)
                )
                .scalars()
                .all()
            )
            for event_id in closed:
                note_change(connection, event_id, "closed", now_ms=to_ms(now))
            live = select(e.id).where(e.source == Source.LIVE.value)
            pending = connection.execute(
                update(tables.descriptions)
                .where(d.status == DescriptionStatus.RUNNING.value)
                .where(d.event_id.in_(live) | (d.claimed_at_ms < gone_ms))
                .values(status=DescriptionStatus.PENDING.value, next_attempt_at_ms=None)
            )
            return Recovered(len(closed), pending.rowcount)

        return self._database.write(tidy)

    # inside

    def _insert(self, connection: Connection, event: Event, told: Collection[str] = ()) -> bool:
        """The event's row and what it owes; false when it is there already, so that a repeated call does no harm."""
        row = event_to_row(event, stored_at_ms=self._now_ms())
        if not connection.execute(insert(tables.events).on_conflict_do_nothing(), row).rowcount:
            return False
        if self._describe:
            pending = {"event_id": event.id, "status": DescriptionStatus.PENDING.value}
            connection.execute(insert(tables.descriptions), pending)
        owe(connection, event, DeliveryPhase.OPENED, self._hooks_for, now_ms=self._now_ms(), told=told)
        note_change(connection, event.id, "opened", now_ms=self._now_ms())
        return True

    def _save_stills(self, event: Event, stills: Sequence[EventStill], *, from_number: int) -> list[dict[str, Any]]:
        """Write the files and return their rows. A still that can't be written must not cost its event."""
        rows = []
        for number, still in enumerate(stills, start=from_number):
            try:
                file = self._media.save(still.still.jpeg, event_id=event.id, number=number, started_at=event.started_at)
            except StoreError as error:
                self._still_not_stored.say(event_id=event.id, reason=str(error))
                continue
            rows.append(
                {
                    "event_id": event.id,
                    "role": still.role,
                    "path": file.path,
                    "captured_at_ms": to_ms(still.still.captured_at),
                    "width_px": still.still.width_px,
                    "height_px": still.still.height_px,
                    "box": box_to_list(still.still.box),
                    "score": still.score,
                    "bytes": file.size_bytes,
                    "sha256": file.sha256,
                }
            )
        return rows

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _insert_stills(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(tables.stills).on_conflict_do_nothing(), rows)


def _update_progress(connection: Connection, progress: dict[str, dict[str, Any]]) -> None:
    for event_id, row in progress.items():
        connection.execute(
            update(tables.events)
            .where(tables.events.c.id == event_id, tables.events.c.state == EventState.OPEN.value)
            .values(**row)
        )
