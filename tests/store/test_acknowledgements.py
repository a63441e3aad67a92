"""Who has seen to an event says so once, and everybody who reads the event knows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

from vidsense_daemon.domain.events import EventRecord
from vidsense_daemon.store.acknowledgements import Acknowledgements

from .scenes import NOON, Rooms, event, window


def stored(rooms: Rooms, id_: str = "1-e") -> EventRecord:
    record = rooms.archive.get(id_)
    assert record is not None
    return record


def test_an_acknowledged_event_carries_the_moment(rooms: Rooms) -> None:
    """The first one who says so counts; later ones change nothing."""
    rooms.events.opened(event("1-e"), None, window())
    acknowledgements = Acknowledgements(rooms.database)
    assert stored(rooms).acknowledged_at is None

    assert acknowledgements.acknowledge("1-e", NOON)
    assert acknowledgements.acknowledge("1-e", NOON + timedelta(hours=1))

    assert stored(rooms).acknowledged_at == NOON


def test_an_event_that_does_not_exist_cannot_be_acknowledged(rooms: Rooms) -> None:
    assert not Acknowledgements(rooms.database).acknowledge("1-e", NOON)


def test_what_is_owed_to_one_hook_is_found_without_reading_what_others_are_owed(rooms: Rooms) -> None:
    """Twice a second each hook's oldest message is looked for; a long queue must not make that slow."""
    query = (
        "EXPLAIN QUERY PLAN SELECT * FROM deliveries WHERE status = 'pending' AND next_attempt_at_ms <= 1"
        " AND hook = 'phone' ORDER BY id LIMIT 1"
    )
    with closing(sqlite3.connect(rooms.database.path)) as connection:
        plan = " ".join(row[3] for row in connection.execute(query))

    assert "ix_deliveries_owed" in plan
