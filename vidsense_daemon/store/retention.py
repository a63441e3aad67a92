"""What is deleted, and when: by age, by bytes, and when the disk runs full. A plan first, which a dry run prints.

    too_old      older than the rule that fits it best allows
    over_limit   all stills and clips together are larger than allowed: the least severe first, of those the oldest
    disk_full    the disk has less free space than it should: the same order, and it is said aloud

Open and pinned events are never deleted. `plan` is pure; `Retention` reads what there is and carries the plan out: rows
and a note of their files in one transaction, then the files, so that no row ever points at a missing file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Connection, Delete, Table, delete, func, insert, select

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.domain.events import EventState, Severity
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.records import has_event
from vidsense_daemon.store.space import SpaceReserve, free_bytes

_EVENTS_A_TRANSACTION = 100  # perception waits no longer than for these
_WINDOWS_A_TRANSACTION = 2_000
_PAGES_GIVEN_BACK = 2_000  # 33 MB of the database's free pages return to the disk at a time
_ROUNDS_WHEN_FULL = 25
_MEDIA = (tables.stills, tables.clips)  # the tables of files


@dataclass(frozen=True, slots=True)
class Rule:
    """How long events are kept; what is None fits all. The rule with more named wins, of two alike the first."""

    keep: timedelta
    camera: str | None = None
    severity: Severity | None = None
    trigger: str | None = None

    @property
    def named(self) -> int:
        return sum(value is not None for value in (self.camera, self.severity, self.trigger))

    def fits(self, event: Candidate) -> bool:
        wanted = ((self.camera, event.camera), (self.severity, event.severity), (self.trigger, event.trigger))
        return all(mine is None or mine == its for mine, its in wanted)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A closed, unpinned event as the plan sees it."""

    event_id: str
    camera: str
    trigger: str
    severity: Severity
    ended_at: datetime
    media_bytes: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """One event to delete."""

    event_id: str
    reason: str  # too_old | over_limit | disk_full
    media_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would delete."""

    events: tuple[Deletion, ...]
    windows_before: datetime | None  # windows that ended earlier go; none: all stay
    lacking_bytes: int = 0  # what can't be freed, because the rest is pinned, open or not ours

    @property
    def media_bytes(self) -> int:
        return sum(deletion.media_bytes for deletion in self.events)


def plan(
    candidates: Sequence[Candidate],
    *,
    now: datetime,
    rules: Sequence[Rule] = (),
    media_bytes: int = 0,
    max_media_bytes: int | None = None,
    lacking_bytes: int = 0,
    keep_windows: timedelta | None = None,
) -> Plan:
    """Decide what goes.

    ``media_bytes`` is what all stills and clips take now, pinned ones included; ``lacking_bytes`` is what the disk
    lacks.
    """
    deletions = [
        Deletion(event.event_id, "too_old", event.media_bytes) for event in candidates if _is_too_old(event, rules, now)
    ]
    gone = {deletion.event_id for deletion in deletions}
    freed = sum(deletion.media_bytes for deletion in deletions)
    over = 0 if max_media_bytes is None else media_bytes - max_media_bytes
    left = sorted(
        (event for event in candidates if event.event_id not in gone),
        key=lambda event: (event.severity.rank, event.ended_at),
    )
    for event in left:
        if freed >= max(over, lacking_bytes):
            break
        reason = "disk_full" if freed < lacking_bytes else "over_limit"
        deletions.append(Deletion(event.event_id, reason, event.media_bytes))
        freed += event.media_bytes
    return Plan(
        events=tuple(deletions),
        windows_before=None if keep_windows is None else now - keep_windows,
        lacking_bytes=max(0, lacking_bytes - freed),
    )


class Retention:
    """Keeps the store within its bounds; `run` is called by the scheduler every few minutes."""

    def __init__(
        self,
        *,
        database: Database,
        media: MediaFolder,
        rules: Sequence[Rule] = (),
        keep_windows: timedelta | None = None,
        max_media_bytes: int | None = None,
        min_free_bytes: int = 0,
        reserve: SpaceReserve | None = None,
    ) -> None:
        self._database = database
        self._media = media
        self._rules = tuple(rules)
        self._keep_windows = keep_windows
        self._max_media_bytes = max_media_bytes
        self._min_free_bytes = min_free_bytes
        self._reserve = reserve
        self._log = structlog.get_logger()

    def plan(self, now: datetime) -> Plan:
        """What `run` would delete now: the dry run."""
        with self._database.read() as connection:
            candidates = _candidates(connection)
            media_bytes = sum(connection.execute(select(_total(table))).scalar_one() for table in _MEDIA)
        return plan(
            candidates,
            now=now,
            rules=self._rules,
            media_bytes=media_bytes,
            max_media_bytes=self._max_media_bytes,
            lacking_bytes=max(0, self._min_free_bytes - free_bytes(self._database.path.parent)),
            keep_windows=self._keep_windows,
        )

    def run(self, now: datetime) -> Plan:
        """Delete what the plan says; a kill in between leaves nothing that the next run does not finish."""
        decided = self.plan(now)
        empty_garbage(self._database, self._media)  # what a kill left
        event_ids = [deletion.event_id for deletion in decided.events]
        for start in range(0, len(event_ids), _EVENTS_A_TRANSACTION):
            some = event_ids[start : start + _EVENTS_A_TRANSACTION]
            delete_events(self._database, some, now, keep_lessons=True)
            empty_garbage(self._database, self._media)
        windows = 0 if decided.windows_before is None else self._delete_windows(decided.windows_before)
        is_urgent = any(deletion.reason == "disk_full" for deletion in decided.events)
        for _ in range(_ROUNDS_WHEN_FULL if is_urgent else 1):
            self._database.shrink(_PAGES_GIVEN_BACK)
        self._tell(decided, windows)
        if self._reserve is not None:
            self._reserve.ensure()
        return decided

    def _delete_windows(self, before: datetime) -> int:
        c = tables.windows.c
        oldest = select(c.id).where(c.ended_at_ms < to_ms(before)).order_by(c.ended_at_ms)
        some = delete(tables.windows).where(c.id.in_(oldest.limit(_WINDOWS_A_TRANSACTION)))
        total = 0
        while (count := _execute(self._database, some)) > 0:
            total += count
        return total

    def _tell(self, decided: Plan, windows: int) -> None:
        if decided.events or windows:
            reasons = {deletion.reason for deletion in decided.events}
            tell = self._log.error if "disk_full" in reasons else self._log.info
            tell(
                "retention_deleted",
                events=len(decided.events),
                windows=windows,
                media_bytes=decided.media_bytes,
                reasons=sorted(reasons),
            )
        if decided.lacking_bytes:
            self._log.error("disk_still_full", lacking_bytes=decided.lacking_bytes, min_free_bytes=self._min_free_bytes)


def delete_events(database: Database, event_ids: Sequence[str], now: datetime, *, keep_lessons: bool = False) -> None:
    """Delete events with all that belongs to them; their files are noted as garbage in the same transaction.

    ``keep_lessons`` leaves verdicts and the looks they are about, which learning goes on to need; no picture.
    """

    def remove(connection: Connection) -> None:
        found = (select(table.c.path).where(table.c.event_id.in_(event_ids)) for table in _MEDIA)
        paths = [path for query in found for path in connection.execute(query).scalars()]
        if paths:
            rows = [{"path": path, "deleted_at_ms": to_ms(now)} for path in paths]
            connection.execute(insert(tables.garbage).prefix_with("OR IGNORE"), rows)
        connection.execute(delete(tables.events).where(tables.events.c.id.in_(event_ids)))
        _delete_lessons(connection, event_ids, keep=keep_lessons)

    database.write(remove)


def empty_garbage(database: Database, media: MediaFolder) -> int:
    """Remove the files of deleted rows; how many are gone."""
    with database.read() as connection:
        paths = list(connection.execute(select(tables.garbage.c.path)).scalars())
    gone = media.remove(paths)
    for start in range(0, len(gone), _EVENTS_A_TRANSACTION):
        some = gone[start : start + _EVENTS_A_TRANSACTION]
        _execute(database, delete(tables.garbage).where(tables.garbage.c.path.in_(some)))
    return len(gone)


def _delete_lessons(connection: Connection, event_ids: Sequence[str], *, keep: bool) -> None:
    """What is deleted of looks and verdicts; one without the other teaches nothing, so such are never kept."""
    look, verdict = tables.looks.c.event_id, tables.feedback.c.event_id
    for table, mine, other in ((tables.looks, look, verdict), (tables.feedback, verdict, look)):
        gone = delete(table).where(mine.in_(event_ids))
        connection.execute(gone.where(mine.not_in(select(other))) if keep else gone)


def pin(database: Database, event_id: str, now: datetime) -> bool:
    """Keep an event for ever; false when there is no such event."""

    def store(connection: Connection) -> bool:
        if not has_event(connection, event_id):
            return False
        row = {"event_id": event_id, "pinned_at_ms": to_ms(now)}
        connection.execute(insert(tables.pins).prefix_with("OR IGNORE"), row)
        return True

    return database.write(store)


def unpin(database: Database, event_id: str) -> bool:
    """Let retention have it again; false when it was not pinned."""
    return _execute(database, delete(tables.pins).where(tables.pins.c.event_id == event_id)) > 0


def _execute(database: Database, statement: Delete) -> int:
    """How many rows went."""
    return database.write(lambda connection: connection.execute(statement).rowcount)


def _is_too_old(event: Candidate, rules: Sequence[Rule], now: datetime) -> bool:
    fitting = [rule for rule in rules if rule.fits(event)]
    # max takes the first of those that name as much
    return bool(fitting) and now - event.ended_at > max(fitting, key=lambda rule: rule.named).keep


def _total(media: Table) -> ColumnElement[int]:
    return func.coalesce(func.sum(media.c.bytes), 0)


def _candidates(connection: Connection) -> list[Candidate]:
    e = tables.events.c
    stills, clips = (select(_total(table)).where(table.c.event_id == e.id).scalar_subquery() for table in _MEDIA)
    query = (
        select(e.id, e.camera, e.trigger, e.severity, e.ended_at_ms, (stills + clips).label("media_bytes"))
        .where(e.state == EventState.CLOSED.value, e.id.not_in(select(tables.pins.c.event_id)))
        .order_by(e.ended_at_ms)
    )
    return [
        Candidate(row.id, row.camera, row.trigger, Severity(row.severity), from_ms(row.ended_at_ms), row.media_bytes)
        for row in connection.execute(query)
    ]
