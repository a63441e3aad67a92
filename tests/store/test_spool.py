from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import wait_until
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

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


def test_the_log_tells_of_each_event_when_it_begins_and_when_it_is_over(rooms: Rooms) -> None:
    """Whoever tries the daemon in a terminal looks there, and nowhere else."""
    spool = EventSpool(rooms.events)
    with capture_logs() as lines:
        spool.opened(event("1-a"), still(), window(1))
        spool.closed(ended(event("1-a")), [], window(2))

    told = [(line["event"], line["event_id"], line["camera"], line["trigger"]) for line in lines]
    who = (event("1-a").camera, event("1-a").trigger)
    assert told == [("event_opened", "1-a", *who), ("event_closed", "1-a", *who)]


def test_events_are_kept_while_the_database_is_away_and_stored_in_order_after(
    rooms: Rooms, tool: sqlite3.Connection
) -> None:
    spool = EventSpool(rooms.events, hooks_for=phone)
    tool.execute("BEGIN IMMEDIATE")
    spool.opened(event("1-a"), still(), window(1))
    spool.closed(ended(event("1-a")), [still("peak")], window(2))
    assert not spool.settle()
    degraded_since = spool.degraded_since
    assert degraded_since is not None
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

    assert spool.settle()
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
    spool = EventSpool(rooms.events, hooks_for=phone)
    rooms.database.path.rename(rooms.state_dir / "moved")
    spool.opened(event("1-a"), None, window(1))
    with pytest.raises(DatabaseFaultError) as caught:
        spool.settle()
    assert caught.value.fault is Fault.GONE
    assert not isinstance(caught.value, DatabaseUnavailableError)
    told_before_the_end = spool.due(datetime.now(UTC), "phone")
    assert [delivery.event_id for delivery, _record in told_before_the_end] == ["1-a"]


def test_a_database_that_is_gone_is_noticed_while_nothing_happens(rooms: Rooms) -> None:
    """Within a second, by what is written all day: not at the next event, hours later."""
    fatal: list[str] = []
    spool = EventSpool(rooms.events)
    writer = Worker("db-writer", spool.write_behind, on_fatal=lambda _status, reason: fatal.append(reason))
    rooms.database.path.rename(rooms.state_dir / "moved")
    spool.observed(window(1), "builtin-1")
    writer.start()

    assert writer.join(10)
    assert "was deleted or replaced" in fatal[0]
    (rooms.state_dir / "moved").rename(rooms.database.path)


def test_perception_does_not_wait_for_a_commit(tmp_path: Path) -> None:
    """Another program sits on the lock, and the writer waits for it: whoever sees something goes on at once."""
    rooms = open_rooms(tmp_path / "state", busy_limit_s=60)
    spool = EventSpool(rooms.events, hooks_for=phone)
    writer = Worker("db-writer", spool.write_behind, on_fatal=lambda _status, _reason: None)
    with closing(sqlite3.connect(rooms.database.path, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        writer.start()
        spool.opened(event("1-a"), still(), window(1))
        spool.closed(ended(event("1-a")), [], window(2))
        assert (spool.waiting(), rooms.archive.get("1-a")) == (2, None)
        tool.execute("ROLLBACK")
        wait_until(lambda: spool.waiting() == 0)
    writer.ask_to_stop()

    assert writer.join(10)
    assert [change.kind for change in rooms.archive.newer_than(0)] == ["opened", "closed"]
    rooms.close()


def test_a_hook_told_while_the_store_waits_for_the_lock_is_not_told_again(tmp_path: Path) -> None:
    """The store looks at who was told when it stores, not when it begins to wait."""
    rooms = open_rooms(tmp_path / "state", busy_limit_s=60)
    spool = EventSpool(rooms.events, hooks_for=phone)
    outbox = SpooledOutbox(rooms.deliveries, spool)
    with closing(sqlite3.connect(rooms.database.path, isolation_level=None)) as tool, capture_logs() as lines:
        tool.execute("BEGIN IMMEDIATE")
        spool.opened(event("1-a"), still(), window(1))
        storing = threading.Thread(target=spool.settle)
        storing.start()
        wait_until(lambda: any(line["event"] == "database_locked" for line in lines))
        (delivery,) = due(outbox)
        outbox.sent(delivery.id, datetime.now(UTC))
        tool.execute("ROLLBACK")
        storing.join()

    assert due(outbox) == []
    assert rooms.archive.counts()["deliveries_pending"] == 0
    assert [line["event"] for line in lines] == ["event_opened", "database_locked", "database_unlocked"]
    rooms.close()


def test_an_alert_that_was_sent_holds_up_no_other_while_the_database_is_away(
    rooms: Rooms, tool: sqlite3.Connection
) -> None:
    """That it was sent is stored later; meanwhile it is not sent again, and the next one is not kept waiting."""
    spool = EventSpool(rooms.events, hooks_for=phone)
    outbox = SpooledOutbox(rooms.deliveries, spool)
    for event_id in ("1-a", "2-b", "3-c"):
        spool.opened(event(event_id), None, window(1))
    spool.settle()
    first, second, third = due(outbox)
    tool.execute("BEGIN IMMEDIATE")
    outbox.sent(first.id, datetime.now(UTC))
    outbox.postpone(second.id, "503", datetime.now(UTC) + timedelta(hours=1))
    assert [delivery.event_id for delivery in due(outbox)] == ["3-c"]
    outbox.give_up(third.id, "410", datetime.now(UTC))
    tool.execute("ROLLBACK")
    assert spool.settle()

    assert due(outbox) == []
    assert rooms.archive.counts()["deliveries_pending"] == 1


def test_the_outbox_is_looked_into_as_soon_as_something_is_stored(rooms: Rooms) -> None:
    """Woken after the commit: an alert does not wait for the next look."""
    woken: list[int] = []
    spool = EventSpool(
        rooms.events, hooks_for=phone, on_owed=lambda: woken.append(rooms.archive.counts()["deliveries_pending"])
    )
    spool.opened(event("1-a"), None, window(1))
    spool.settle()

    assert woken == [1]


def test_a_stop_waits_for_nobody_who_sits_on_the_lock(tmp_path: Path) -> None:
    """Ten seconds are promised; how much could not be stored is known then."""
    rooms = open_rooms(tmp_path / "state", busy_limit_s=60)
    spool = EventSpool(rooms.events)
    with closing(sqlite3.connect(rooms.database.path, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        spool.opened(event("1-a"), None, window(1))
        rooms.database.hurry()

        assert not spool.settle()
        assert spool.waiting() == 1
    rooms.close()
