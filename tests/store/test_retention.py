from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.domain.events import Severity
from vidsense_daemon.store.check import check
from vidsense_daemon.store.retention import (
    Candidate,
    Deletion,
    Retention,
    Rule,
    delete_events,
    empty_garbage,
    pin,
    plan,
    unpin,
)
from vidsense_daemon.store.space import free_bytes

from .scenes import JPEG, NOON, Rooms, ended, event, open_rooms, still, window

DAY = timedelta(days=1)


def candidate(
    id_: str, *, age: timedelta = DAY, severity: Severity = Severity.ALERT, camera: str = "door", size: int = 100
) -> Candidate:
    return Candidate(id_, camera, "person", severity, NOON - age, size)


def store_closed(rooms: Rooms, id_: str, **about: object) -> None:
    mine = event(id_, **about)  # type: ignore[arg-type]
    rooms.events.opened(mine, still(), window(run_id=id_))
    rooms.events.closed(ended(mine), [still("peak")], window(9, run_id=id_))


def left(rooms: Rooms) -> list[str]:
    return sorted(record.event.id for record in rooms.archive.find())


def test_without_rules_nothing_is_deleted() -> None:
    assert plan([candidate("1-a", age=9_999 * DAY)], now=NOON).events == ()


def test_the_rule_that_names_most_decides() -> None:
    """Seven days for all, thirty for alerts, one for the alerts of the street: as a person would read it."""
    rules = [
        Rule(7 * DAY),
        Rule(30 * DAY, severity=Severity.ALERT),
        Rule(1 * DAY, severity=Severity.ALERT, camera="street"),
    ]
    events = [
        candidate("1-alert", age=20 * DAY),
        candidate("2-info", age=20 * DAY, severity=Severity.INFO),
        candidate("3-street", age=2 * DAY, camera="street"),
        candidate("4-young-info", age=6 * DAY, severity=Severity.INFO),
    ]

    assert [deletion.event_id for deletion in plan(events, now=NOON, rules=rules).events] == ["2-info", "3-street"]


def test_over_the_limit_the_least_severe_go_first_and_of_those_the_oldest() -> None:
    events = [
        candidate("1-old-alert", age=9 * DAY),
        candidate("2-old-info", age=8 * DAY, severity=Severity.INFO),
        candidate("3-new-info", age=1 * DAY, severity=Severity.INFO),
        candidate("4-warning", age=5 * DAY, severity=Severity.WARNING),
    ]

    decided = plan(events, now=NOON, media_bytes=400, max_media_bytes=150)
    assert [deletion.event_id for deletion in decided.events] == ["2-old-info", "3-new-info", "4-warning"]
    assert {deletion.reason for deletion in decided.events} == {"over_limit"}


def test_a_full_disk_says_so_and_says_what_it_still_lacks() -> None:
    decided = plan([candidate("1-a"), candidate("2-b")], now=NOON, lacking_bytes=1_000)

    assert decided.events == (Deletion("1-a", "disk_full", 100), Deletion("2-b", "disk_full", 100))
    assert decided.lacking_bytes == 800


@given(sizes=st.lists(st.integers(0, 1_000), max_size=30), over=st.integers(0, 20_000), lacking=st.integers(0, 20_000))
def test_a_plan_frees_enough_and_no_event_more(sizes: list[int], over: int, lacking: int) -> None:
    events = [candidate(f"{number}-e", size=size) for number, size in enumerate(sizes)]
    decided = plan(events, now=NOON, media_bytes=over, max_media_bytes=0, lacking_bytes=lacking)

    needed = max(over, lacking)
    assert decided.media_bytes >= min(needed, sum(sizes))
    assert not decided.events or decided.media_bytes - decided.events[-1].media_bytes < needed
    assert len({deletion.event_id for deletion in decided.events}) == len(decided.events)


def test_a_dry_run_touches_nothing(rooms: Rooms) -> None:
    store_closed(rooms, "1-a")
    retention = Retention(database=rooms.database, media=rooms.media, rules=[Rule(DAY)])

    assert [deletion.event_id for deletion in retention.plan(NOON + 3 * DAY).events] == ["1-a"]
    assert left(rooms) == ["1-a"]
    assert len(list(rooms.media.files())) == 2


def test_what_is_deleted_is_gone_from_the_database_and_from_the_disk(rooms: Rooms) -> None:
    store_closed(rooms, "1-old")
    store_closed(rooms, "2-new", started_at=NOON + 3 * DAY)
    Retention(database=rooms.database, media=rooms.media, rules=[Rule(DAY)]).run(NOON + 3 * DAY)

    assert left(rooms) == ["2-new"]
    assert all("2-new" in path for path, _status in rooms.media.files())
    assert check(rooms.database, rooms.media, datetime.now(UTC), checksums=True) == []


def test_pinned_and_open_events_stay_whatever_happens(rooms: Rooms) -> None:
    store_closed(rooms, "1-pinned")
    store_closed(rooms, "2-once-pinned")
    rooms.events.opened(event("3-open"), still(), window(run_id="r3"))
    assert pin(rooms.database, "1-pinned", NOON)
    assert pin(rooms.database, "2-once-pinned", NOON)
    assert unpin(rooms.database, "2-once-pinned")
    assert not unpin(rooms.database, "2-once-pinned")
    assert not pin(rooms.database, "9-nothing", NOON)

    retention = Retention(
        database=rooms.database, media=rooms.media, rules=[Rule(DAY)], max_media_bytes=0, min_free_bytes=2**60
    )
    decided = retention.run(NOON + 99 * DAY)
    assert left(rooms) == ["1-pinned", "3-open"]
    assert decided.lacking_bytes > 0


def test_a_disk_with_too_little_space_costs_the_least_severe_event(rooms: Rooms) -> None:
    """The operator wants a little more free than there is: one event's worth."""
    store_closed(rooms, "1-alert")
    store_closed(rooms, "2-info", severity=Severity.INFO)
    rooms.database.write(lambda connection: connection.exec_driver_sql("UPDATE stills SET bytes = 1 << 40"))
    wanted = free_bytes(rooms.state_dir) + 2**40
    Retention(database=rooms.database, media=rooms.media, min_free_bytes=wanted).run(NOON)

    assert left(rooms) == ["1-alert"]


def test_old_windows_go_and_young_ones_stay(rooms: Rooms) -> None:
    for number in range(10):
        rooms.events.observed(window(number, at=NOON + number * DAY), "builtin-1")
    rooms.events.flush()
    Retention(database=rooms.database, media=rooms.media, keep_windows=4 * DAY).run(NOON + 9 * DAY)

    assert rooms.windows.count() == 5


def test_the_database_file_shrinks_again(rooms: Rooms) -> None:
    """What was deleted goes back to the disk: else a disk-full guard would delete for nothing."""
    for number in range(2_000):
        rooms.events.observed(window(number), "x" * 500)
    rooms.events.flush()

    def pages() -> int:
        with rooms.database.read() as connection:
            return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())

    before = pages()
    Retention(database=rooms.database, media=rooms.media, keep_windows=DAY).run(NOON + 9 * DAY)
    assert pages() < before / 2


def test_files_that_a_kill_left_are_removed_at_the_next_start(tmp_path: Path) -> None:
    """The rows were deleted, then the power went: the garbage table still knows the files."""
    before = open_rooms(tmp_path)
    store_closed(before, "1-a")
    delete_events(before.database, ["1-a"], NOON)
    before.database.close()
    assert len(list(before.media.files())) == 2

    after = open_rooms(tmp_path)
    assert empty_garbage(after.database, after.media) == 2
    assert list(after.media.files()) == []
    assert list((tmp_path / "media").iterdir()) == []
    after.close()


@pytest.mark.parametrize("name", ["../outside.jpg", "/etc/hostname"])
def test_a_row_that_points_out_of_the_media_folder_removes_nothing(rooms: Rooms, name: str) -> None:
    """Somebody who can edit the database must not make the daemon delete other files."""
    (rooms.state_dir / "outside.jpg").write_bytes(JPEG)
    with pytest.raises(StoreError, match="tampered"):
        rooms.media.remove([name])
    assert (rooms.state_dir / "outside.jpg").exists()
