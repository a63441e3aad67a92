from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vidsense_daemon.store.check import Problem, check, repair

from .scenes import JPEG, NOON, Rooms, event, still, window

NOW = datetime.now(UTC)


def still_of(rooms: Rooms) -> Path:
    record = rooms.archive.get(event().id)
    assert record is not None
    return Path(record.stills[0].path)


def test_a_sound_store_has_no_problems(rooms: Rooms) -> None:
    rooms.events.opened(event(), still(), window())

    assert check(rooms.database, rooms.media, NOW, checksums=True) == []


def test_a_still_that_somebody_deleted_is_told_and_its_row_removed(rooms: Rooms) -> None:
    rooms.events.opened(event(), still(), window())
    path = still_of(rooms)
    path.unlink()

    (problem,) = check(rooms.database, rooms.media, NOW)
    assert (problem.kind, problem.what) == ("missing_file", str(path.relative_to(rooms.media.root)))
    assert repair(rooms.database, rooms.media, [problem])[0].repaired
    assert check(rooms.database, rooms.media, NOW) == []


def test_a_still_that_somebody_changed_is_told_and_left_alone(rooms: Rooms) -> None:
    """Same size, other content: only the checksum knows. It may be evidence, so nothing is deleted."""
    rooms.events.opened(event(), still(), window())
    still_of(rooms).write_bytes(bytes(len(JPEG)))

    assert check(rooms.database, rooms.media, NOW) == []
    (problem,) = check(rooms.database, rooms.media, NOW, checksums=True)
    assert problem.kind == "changed_file"
    assert not repair(rooms.database, rooms.media, [problem])[0].repaired
    assert still_of(rooms).exists()


def test_a_file_without_a_row_is_removed_once_it_is_old(rooms: Rooms) -> None:
    """A kill between the file and its row leaves one; a young one may be in the making."""
    saved = rooms.media.save(JPEG, event_id="1-a", number=0, started_at=NOON)
    assert check(rooms.database, rooms.media, NOW) == []

    old_s = (NOW - timedelta(hours=2)).timestamp()
    os.utime(rooms.media.path(saved.path), (old_s, old_s))
    problems = check(rooms.database, rooms.media, NOW)
    assert problems == [Problem("stray_file", saved.path)]
    assert repair(rooms.database, rooms.media, problems)[0].repaired
    assert list(rooms.media.files()) == []


def test_a_search_index_out_of_step_is_rebuilt(rooms: Rooms) -> None:
    rooms.events.opened(event(), None, window())
    spoil = "INSERT INTO documents_fts (documents_fts) VALUES ('delete-all')"
    rooms.database.write(lambda connection: connection.exec_driver_sql(spoil))

    (problem,) = check(rooms.database, rooms.media, NOW)
    assert problem.kind == "index_out_of_step"
    assert repair(rooms.database, rooms.media, [problem])[0].repaired
    assert check(rooms.database, rooms.media, NOW) == []


def test_a_dangling_row_is_told(rooms: Rooms) -> None:
    """A tool without foreign keys deleted an event and left what belongs to it."""
    rooms.events.opened(event(), still(), window())
    with closing(sqlite3.connect(rooms.database.path)) as tool, tool:
        tool.execute("DELETE FROM events")

    assert {problem.kind for problem in check(rooms.database, rooms.media, NOW)} == {"dangling_row"}
