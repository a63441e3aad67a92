"""What keeps failing fills no log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fakes import SimulatedClock
from structlog.testing import capture_logs

from vidsense_daemon.store.complaints import Complaint
from vidsense_daemon.store.spool import EventSpool

from .scenes import event, open_rooms, still, window


def test_what_keeps_failing_is_said_once_a_minute_and_counted() -> None:
    """A disk that stays full for an hour gives sixty lines, not thousands."""
    clock = SimulatedClock()
    complaint = Complaint("events_still_spooled", clock=clock)

    with capture_logs() as lines:
        for _second in range(61):
            complaint.say(reason="the disk is full")
            clock.advance(1)

    assert [line.get("unsaid") for line in lines] == [None, 59]


def test_a_database_that_stays_away_is_not_told_of_every_second(tmp_path: Path) -> None:
    """The writer tries again each second; the operator reads of it once."""
    rooms = open_rooms(tmp_path / "state", busy_limit_s=0)
    spool = EventSpool(rooms.events)
    with capture_logs() as lines, closing(sqlite3.connect(rooms.database.path, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        spool.opened(event("1-a"), still(), window(1))
        for index in range(2, 5):
            rooms.windows.add(window(index), "builtin-1")
            rooms.events.flush()
            assert not spool.settle()
    rooms.close()

    names = [line["event"] for line in lines if line["log_level"] in ("warning", "error")]
    assert sorted(names) == ["database_locked", "events_spooled", "windows_not_stored"]
