"""Who has seen to an event says so once, and everybody who reads the event knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.event import listen, remove

from vidsense_daemon.domain.events import EventRecord
from vidsense_daemon.store.acknowledgements import Acknowledgements
from vidsense_daemon.store.desk import EventDesk
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.retention import delete_events
from vidsense_daemon.store.upgrade import upgrade

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


def new_events(rooms: Rooms, **narrowed: str) -> list[str]:
    return [record.event.id for record in rooms.archive.find(acknowledged=False, **narrowed)]  # type: ignore[arg-type]


def test_what_is_new_follows_every_acknowledgement(rooms: Rooms) -> None:
    """New until somebody has seen to it, new again when that is taken back, and gone with the event."""
    for id_, camera in (("1-e", "yard"), ("2-e", "yard"), ("3-e", "door")):
        rooms.events.opened(event(id_, camera=camera), None, window(run_id=id_))
    acknowledgements = Acknowledgements(rooms.database)
    assert new_events(rooms) == ["3-e", "2-e", "1-e"]
    assert new_events(rooms, camera="yard") == ["2-e", "1-e"]

    acknowledgements.acknowledge("2-e", NOON)
    acknowledgements.acknowledge("3-e", NOON)
    assert new_events(rooms) == ["1-e"]

    EventDesk(rooms.database, rooms.media).set_reviewed(["2-e"], reviewed=False, now=NOON)
    assert new_events(rooms) == ["2-e", "1-e"]

    delete_events(rooms.database, ["1-e", "3-e"], NOON)
    assert new_events(rooms) == ["2-e"]


def test_the_new_ones_are_found_without_reading_those_that_were_seen(rooms: Rooms) -> None:
    """The review page asks for them at every visit: ten new ones among a million must not cost a million looks."""
    asked: list[tuple[str, Sequence[object]]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Sequence[object], *_: object) -> None:
        asked.append((statement, parameters))

    listen(Engine, "before_cursor_execute", note)
    try:
        rooms.archive.find(acknowledged=False, camera="yard", limit=60)
    finally:
        remove(Engine, "before_cursor_execute", note)
    (query, parameters), *_ = [found for found in asked if found[0].startswith("SELECT")]
    with closing(sqlite3.connect(rooms.database.path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters)]

    assert plan[0].startswith("SCAN unreviewed USING COVERING INDEX ix_unreviewed_started_at_ms_event_id")
    assert not any("TEMP B-TREE" in step for step in plan)


def test_an_upgraded_database_knows_what_nobody_has_seen(tmp_path: Path) -> None:
    """Events of before the table was there are sorted into it once."""
    upgrade(database_url(tmp_path), revision="0007")
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO events (id, camera, trigger, prompt, severity, source, state, run_id, encoder, started_at_ms,"
            " ended_at_ms, started_pts_s, ended_pts_s, score, zones, stored_at_ms)"
            " VALUES (?, 'yard', 'dog', 'a dog', 'info', 'live', 'closed', 'r', 'e', 5, 6, 0, 1, 0.5, '[]', 7)",
            [("1-seen",), ("2-new",)],
        )
        connection.execute("INSERT INTO acknowledgements VALUES ('1-seen', 8)")

    upgrade(database_url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection:
        assert connection.execute("SELECT * FROM unreviewed").fetchall() == [("2-new", 5)]
