from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.domain.events import DescriptionStatus, EventState, Source
from vidsense_daemon.store.archive import cursor_of

from .scenes import JPEG, NOON, Rooms, ended, event, later, open_rooms, still, window, words


def test_an_opened_event_stands_whole_in_the_database(rooms: Rooms) -> None:
    """When `opened` returns, the event, its still, its window, its words owed and its alert owed are all there."""
    rooms.events.opened(event(), still(), window())

    record = rooms.archive.get(event().id)
    assert record is not None
    assert record.event == event()
    assert [Path(kept.path).read_bytes() for kept in record.stills] == [JPEG]
    assert record.description is not None
    assert record.description.status is DescriptionStatus.PENDING
    expected = {"events": 1, "events_open": 1, "stills": 1, "windows": 1, "descriptions_pending": 1}
    assert expected.items() <= rooms.archive.counts().items()
    assert rooms.archive.counts()["deliveries_pending"] == 1


def test_opening_an_event_twice_owes_nobody_twice(rooms: Rooms) -> None:
    """Perception that repeats a call after an error does not make two alerts of one event."""
    rooms.events.opened(event(), still(), window())
    rooms.events.opened(event(), still(), window())

    counts = rooms.archive.counts()
    assert (counts["events"], counts["deliveries_pending"], counts["stills"]) == (1, 1, 1)


def test_what_an_event_became_is_stored_with_the_next_flush(rooms: Rooms) -> None:
    rooms.events.opened(event(), still(), window())
    rooms.events.extended(later(event(), seconds=3))
    rooms.events.extended(later(event(), seconds=5, score=0.75))
    rooms.events.flush()

    record = rooms.archive.get(event().id)
    assert record is not None
    assert record.event == later(event(), seconds=5, score=0.75)


def test_a_closed_event_has_all_its_stills_in_the_order_they_were_taken(rooms: Rooms) -> None:
    rooms.events.opened(event(), still(), window())
    last = ended(later(event(), seconds=6))
    stills = [
        still("last", captured_at=NOON + timedelta(seconds=9)),
        still("peak", captured_at=NOON + timedelta(seconds=2)),
    ]
    rooms.events.closed(last, stills, window(9))

    record = rooms.archive.get(event().id)
    assert record is not None
    assert record.event == last
    assert [kept.role for kept in record.stills] == ["first", "peak", "last"]


def test_old_news_do_not_reopen_a_closed_event(rooms: Rooms) -> None:
    """An `extended` that was still waiting when the event closed must not move its end back."""
    rooms.events.opened(event(), still(), window())
    rooms.events.extended(later(event(), seconds=1))
    rooms.events.closed(ended(later(event(), seconds=6)), [], window(9))
    rooms.events.flush()

    record = rooms.archive.get(event().id)
    assert record is not None
    assert record.event == ended(later(event(), seconds=6))


def test_an_event_whose_opening_was_lost_is_stored_when_it_closes(rooms: Rooms) -> None:
    """The disk was full when it opened: the alert is late then, but it comes."""
    rooms.events.closed(ended(event()), [still("peak")], window())

    counts = rooms.archive.counts()
    assert (counts["events"], counts["events_open"], counts["deliveries_pending"]) == (1, 0, 1)


def test_a_replayed_event_alerts_nobody(rooms: Rooms) -> None:
    rooms.events.opened(event(source=Source.REPLAY), still(), window())

    assert rooms.archive.counts()["deliveries_pending"] == 0


def test_a_still_that_cannot_be_written_does_not_cost_its_event(rooms: Rooms) -> None:
    """The media folder is a plain file here: the event is stored and alerts, without its picture."""
    rooms.media.root.write_text("in the way")
    rooms.events.opened(event(), still(), window())

    record = rooms.archive.get(event().id)
    assert record is not None
    assert record.stills == ()


def test_stills_can_be_read_by_their_owner_only(rooms: Rooms) -> None:
    rooms.events.opened(event(), still(), window())

    files = [path for path in rooms.state_dir.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    folders = [path for path in rooms.state_dir.rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_an_event_id_cannot_lead_out_of_the_media_folder(rooms: Rooms) -> None:
    with pytest.raises(StoreError, match="can't name a file"):
        rooms.media.save(JPEG, event_id="../../etc/passwd", number=0, started_at=NOON)


def test_events_are_found_by_camera_trigger_source_and_time(rooms: Rooms) -> None:
    rooms.events.opened(event("1-a"), None, window(1))
    rooms.events.opened(event("2-b", camera="yard", started_at=NOON + timedelta(hours=1)), None, window(2))
    rooms.events.opened(event("3-c", trigger="dog", started_at=NOON + timedelta(hours=2)), None, window(3))
    rooms.events.opened(event("4-d", source=Source.REPLAY), None, window(4))

    def ids(**filters: object) -> list[str]:
        return [record.event.id for record in rooms.archive.find(**filters)]  # type: ignore[arg-type]

    assert ids() == ["3-c", "2-b", "4-d", "1-a"]
    assert ids(camera="yard") == ["2-b"]
    assert ids(trigger="dog") == ["3-c"]
    assert ids(source=Source.REPLAY) == ["4-d"]
    assert ids(since=NOON + timedelta(hours=1)) == ["3-c", "2-b"]
    assert ids(until=NOON + timedelta(hours=1)) == ["4-d", "1-a"]


def test_pages_join_without_a_gap_or_a_repeat(rooms: Rooms) -> None:
    """Events that begin in the same millisecond are the trap: the cursor holds time and id."""
    for number in range(7):
        rooms.events.opened(event(f"1-{number}"), None, window(number))
    seen: list[str] = []
    cursor = None
    while page := rooms.archive.find(limit=3, cursor=cursor):
        seen += [record.event.id for record in page]
        cursor = cursor_of(page[-1])

    assert seen == [f"1-{number}" for number in reversed(range(7))]


def test_a_reader_with_a_bookmark_sees_each_change_once_and_in_order(rooms: Rooms) -> None:
    """`vidsense events tail` shows an event when it opens, when it closes and when its words come."""
    rooms.events.opened(event("0-before"), None, window(1))
    bookmark = rooms.archive.newest_sequence()
    rooms.events.opened(event(), None, window(2))
    rooms.events.closed(ended(event()), [], window(3))
    claimed = rooms.descriptions.claim(NOON)
    assert claimed is not None
    rooms.descriptions.finish(claimed.event.id, words(), NOON)

    changes = rooms.archive.newer_than(bookmark)
    assert [change.kind for change in changes] == ["opened", "closed", "described"]
    assert rooms.archive.newer_than(changes[-1].sequence) == []


def test_a_start_after_a_kill_closes_open_events_and_owes_their_words_again(tmp_path: Path) -> None:
    before = open_rooms(tmp_path)
    before.events.opened(event("1-open"), still(), window(1))
    before.events.opened(event("2-running"), None, window(2))
    before.events.closed(ended(event("2-running")), [], window(3))
    assert before.descriptions.claim(NOON) is not None
    before.database.close()  # and nothing else: no goodbye

    after = open_rooms(tmp_path)
    recovered = after.events.recover(NOON + timedelta(minutes=1))
    assert (recovered.events_closed, recovered.descriptions_pending) == (1, 1)
    record = after.archive.get("1-open")
    assert record is not None
    assert record.event.state is EventState.CLOSED
    assert {after.descriptions.claim(NOON).event.id for _ in range(2)} == {"1-open", "2-running"}  # type: ignore[union-attr]
    after.close()


def test_a_start_leaves_a_replay_that_runs_beside_it_alone(rooms: Rooms) -> None:
    rooms.events.opened(event("1-replayed", source=Source.REPLAY), None, window())
    stored = rooms.archive.get("1-replayed")
    assert stored is not None

    now = datetime.now(UTC)
    assert rooms.events.recover(now).events_closed == 0
    assert rooms.events.recover(now + timedelta(hours=2)).events_closed == 1


def test_many_threads_write_and_none_is_turned_away(rooms: Rooms) -> None:
    def open_ten(number: int) -> None:
        for index in range(10):
            rooms.events.opened(event(f"{index}-{number}"), None, window(index, run_id=f"run-{number}"))

    threads = [threading.Thread(target=open_ten, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)

    assert rooms.archive.counts()["events"] == 40
