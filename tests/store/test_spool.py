from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import Delivery, Source
from vidsense_daemon.store.faults import DatabaseFaultError, DatabaseUnavailableError, Fault
from vidsense_daemon.store.spool import EventSpool, SpooledOutbox

from .scenes import Rooms, ended, event, open_rooms, phone, still, window


@pytest.fixture
def tool(rooms: Rooms) -> Iterator[sqlite3.Connection]:
    """Another program's connection, which can sit on the write lock."""
    with closing(sqlite3.connect(rooms.database.path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    """A store that waits for nobody's lock: these tests are about what comes after the waiting."""
    opened = open_rooms(tmp_path_factory.mktemp("state"), busy_limit_s=0)
    yield opened
    opened.close()


def due(outbox: SpooledOutbox) -> list[Delivery]:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    return [delivery for delivery, _record in outbox.due(soon, 10, "phone")]


def test_the_db_writer_drains_when_it_stops(rooms: Rooms) -> None:
    """What was gathered in the last second is on the disk when the daemon has stopped."""
    spool = EventSpool(rooms.events)
    fatal: list[str] = []
    writer = Worker("db-writer", spool.write_behind, on_fatal=lambda _status, reason: fatal.append(reason))
    writer.start()
    for index in range(5):
        spool.observed(window(index), "builtin-1")
    writer.ask_to_stop()

    assert writer.join(10)
    assert rooms.windows.count() == 5
    assert fatal == []


def test_events_are_kept_while_the_database_is_away_and_stored_in_order_after(
    rooms: Rooms, tool: sqlite3.Connection
) -> None:
    spool = EventSpool(rooms.events, hooks_for=phone)
    tool.execute("BEGIN IMMEDIATE")
    spool.opened(event("1-a"), still(), window(1))
    spool.closed(ended(event("1-a")), [still("peak")], window(2))
    assert spool.degraded_since is not None
    assert not spool.settle()
    tool.execute("ROLLBACK")

    assert spool.settle()
    assert spool.degraded_since is None
    record = rooms.archive.get("1-a")
    assert record is not None
    assert record.event == ended(event("1-a"))
    assert [kept.role for kept in record.stills] == ["first", "peak"]


def test_a_hook_is_told_while_the_database_is_away_and_not_again_after(rooms: Rooms, tool: sqlite3.Connection) -> None:
    """The alert does not wait for the disk; the row that comes later says that it was sent."""
    spool = EventSpool(rooms.events, hooks_for=phone)
    outbox = SpooledOutbox(rooms.deliveries, spool)
    tool.execute("BEGIN IMMEDIATE")
    spool.opened(event("1-a"), still(), window(1))
    (delivery,) = due(outbox)
    outbox.sent(delivery.id, datetime.now(UTC))
    assert due(outbox) == []
    tool.execute("ROLLBACK")

    assert spool.settle()
    assert due(outbox) == []
    assert rooms.database.path.exists()
    assert rooms.archive.counts()["deliveries_pending"] == 0


def test_what_a_hook_did_not_take_from_the_spool_is_owed_by_the_outbox(rooms: Rooms, tool: sqlite3.Connection) -> None:
    spool = EventSpool(rooms.events, hooks_for=phone)
    outbox = SpooledOutbox(rooms.deliveries, spool)
    tool.execute("BEGIN IMMEDIATE")
    spool.opened(event("1-a"), None, window(1))
    spool.opened(event("2-b"), None, window(2))
    first, second = due(outbox)
    outbox.postpone(first.id, "503", datetime.now(UTC) + timedelta(hours=1))
    outbox.give_up(second.id, "410", datetime.now(UTC))
    assert due(outbox) == []
    tool.execute("ROLLBACK")
    spool.settle()

    assert [delivery.event_id for delivery in due(outbox)] == ["1-a", "2-b"]
    assert all(delivery.id > 0 for delivery in due(outbox))


def test_an_event_is_owed_in_one_place_only(rooms: Rooms, tool: sqlite3.Connection) -> None:
    """The first of two is stored, the second not yet: no hook may find the first in the outbox and in the spool."""
    spool = EventSpool(rooms.events, hooks_for=phone)
    outbox = SpooledOutbox(rooms.deliveries, spool)
    tool.execute("BEGIN IMMEDIATE")
    spool.opened(event("1-a"), None, window(1))
    spool.opened(event("2-b", lasts_s=-1), None, window(3))  # a row that the table refuses: storing stops before it
    tool.execute("ROLLBACK")
    with pytest.raises(IntegrityError):
        spool.settle()

    assert sorted(delivery.event_id for delivery in due(outbox)) == ["1-a", "2-b"]


def test_order_is_kept_when_the_database_comes_back_in_between(rooms: Rooms, tool: sqlite3.Connection) -> None:
    """A closing must not overtake its opening, which still waits."""
    spool = EventSpool(rooms.events, hooks_for=phone)
    tool.execute("BEGIN IMMEDIATE")
    spool.opened(event("1-a"), None, window(1))
    tool.execute("ROLLBACK")
    spool.closed(ended(event("1-a")), [], window(2))
    assert rooms.archive.get("1-a") is None

    spool.settle()
    changes = rooms.archive.newer_than(0)
    assert [change.kind for change in changes] == ["opened", "closed"]


def test_a_full_spool_says_so_instead_of_forgetting(rooms: Rooms, tool: sqlite3.Connection) -> None:
    spool = EventSpool(rooms.events, limit=2)
    tool.execute("BEGIN IMMEDIATE")
    for number in range(2):
        spool.opened(event(f"{number}-e"), None, window(number))

    with pytest.raises(DatabaseUnavailableError):
        spool.opened(event("9-too-many"), None, window(9))


def test_a_replay_is_spooled_but_alerts_nobody(rooms: Rooms, tool: sqlite3.Connection) -> None:
    spool = EventSpool(rooms.events, hooks_for=lambda _event, _phase: ("phone",))
    tool.execute("BEGIN IMMEDIATE")
    spool.opened(replace(event("1-a"), source=Source.REPLAY), None, window(1))

    assert due(SpooledOutbox(rooms.deliveries, spool)) == []


def test_a_database_that_is_gone_is_no_reason_to_spool(rooms: Rooms) -> None:
    """It won't come back by itself: the daemon has to end, and its next start has to look."""
    rooms.database.path.rename(rooms.state_dir / "moved")
    with pytest.raises(DatabaseFaultError) as caught:
        EventSpool(rooms.events).opened(event("1-a"), None, window(1))
    assert caught.value.fault is Fault.GONE
