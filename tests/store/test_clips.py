"""Clips are kept so that no row is without its file, and what a kill leaves of one is saved or swept away."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.store.check import check, repair
from vidsense_daemon.store.clips import ClipStore, cut_to_whole_boxes
from vidsense_daemon.store.retention import Retention, Rule, delete_events, empty_garbage, pin

from .scenes import NOON, Rooms, ended, event, window

BEGAN_AT = NOON - timedelta(seconds=5)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


WHOLE = box(b"ftyp") + box(b"moov", b"what it is") + box(b"mdat", b"a picture")
FRAGMENT = box(b"moof") + box(b"mdat", b"more pictures")


@pytest.fixture
def clips(rooms: Rooms) -> ClipStore:
    return ClipStore(database=rooms.database, media=rooms.media)


def written(clips: ClipStore, event_id: str = "1-e", content: bytes = WHOLE) -> Path:
    """What a capture process leaves in the spool."""
    path = clips.begin(event_id) / f"{event_id}-{to_ms(BEGAN_AT)}.mp4"
    path.write_bytes(content)
    return path


def over(rooms: Rooms, event_id: str) -> None:
    rooms.events.opened(event(event_id), None, window())
    rooms.events.closed(ended(event(event_id)), (), window(8))


def test_a_complete_clip_belongs_to_its_event(rooms: Rooms, clips: ClipStore) -> None:
    rooms.events.opened(event("1-e"), None, window())
    spooled = written(clips)

    assert clips.keep("1-e", started_at=BEGAN_AT, duration_s=12.5)

    record = rooms.archive.get("1-e")
    assert record is not None
    assert record.clip is not None
    assert (record.clip.started_at, record.clip.duration_s) == (BEGAN_AT, 12.5)
    assert Path(record.clip.path).read_bytes() == WHOLE
    assert not spooled.exists()
    assert check(rooms.database, rooms.media, datetime.now(UTC), checksums=True) == []


def test_what_a_killed_process_left_is_kept_up_to_its_last_whole_fragment(rooms: Rooms, clips: ClipStore) -> None:
    """The power fails while the burglar is on the picture: what was written until then is the clip."""
    rooms.events.opened(event("1-e"), None, window())
    path = written(clips, content=WHOLE + FRAGMENT + FRAGMENT[:-3])
    os.utime(path, ((BEGAN_AT + timedelta(seconds=9)).timestamp(),) * 2)

    assert clips.adopt_left(datetime.now(UTC)) == 0  # it may still be written
    clips.lost("1-e")
    assert clips.adopt_left(datetime.now(UTC)) == 1

    record = rooms.archive.get("1-e")
    assert record is not None
    assert record.clip is not None
    assert Path(record.clip.path).read_bytes() == WHOLE + FRAGMENT
    assert record.clip.duration_s == pytest.approx(9)
    assert clips.adopt_left(datetime.now(UTC)) == 0


def test_a_kill_between_the_file_and_its_row_loses_no_clip(rooms: Rooms, clips: ClipStore) -> None:
    rooms.events.opened(event("1-e"), None, window())
    rooms.media.adopt(written(clips), started_at=BEGAN_AT)

    assert ClipStore(database=rooms.database, media=rooms.media).adopt_left(datetime.now(UTC)) == 1
    assert rooms.archive.get("1-e").clip is not None  # type: ignore[union-attr]


def test_what_holds_no_picture_is_swept_away(rooms: Rooms, clips: ClipStore) -> None:
    """A process that was killed before the first keyframe leaves a file, and no clip."""
    rooms.events.opened(event("1-e"), None, window())
    path = written(clips, content=WHOLE[:20])
    clips.lost("1-e")

    assert clips.adopt_left(datetime.now(UTC)) == 0
    assert not path.exists()


def test_a_clip_without_an_event_goes_after_an_hour(rooms: Rooms, clips: ClipStore) -> None:
    """Before that its event may wait in memory, for a database that takes nothing."""
    path = written(clips, "9-none")
    clips.lost("9-none")

    clips.adopt_left(datetime.now(UTC))
    assert path.exists()
    clips.adopt_left(datetime.now(UTC) + timedelta(hours=2))
    assert not path.exists()
    assert rooms.archive.find() == []


def test_a_clip_whose_event_was_deleted_meanwhile_is_not_kept(rooms: Rooms, clips: ClipStore) -> None:
    rooms.events.opened(event("1-e"), None, window())
    written(clips)
    delete_events(rooms.database, ["1-e"], NOON)

    assert not clips.keep("1-e", started_at=BEGAN_AT, duration_s=1)
    clips.adopt_left(datetime.now(UTC) + timedelta(hours=2))
    assert list(rooms.media.files()) == []


def test_whoever_deletes_an_event_deletes_its_clip(rooms: Rooms, clips: ClipStore) -> None:
    rooms.events.opened(event("1-e"), None, window())
    written(clips)
    clips.keep("1-e", started_at=BEGAN_AT, duration_s=1)

    delete_events(rooms.database, ["1-e"], NOON)
    empty_garbage(rooms.database, rooms.media)

    assert list(rooms.media.files()) == []


def test_clips_count_among_the_bytes_and_a_pinned_one_stays(rooms: Rooms, clips: ClipStore) -> None:
    """`max_media_gb` is about clips most of all: they are a hundred times the size of a still."""
    for event_id in ("1-old", "2-pinned", "3-new"):
        over(rooms, event_id)
        written(clips, event_id)
        clips.keep(event_id, started_at=BEGAN_AT, duration_s=1)
    pin(rooms.database, "2-pinned", NOON)

    retention = Retention(database=rooms.database, media=rooms.media, max_media_bytes=2 * len(WHOLE))
    decided = retention.run(NOON)

    assert [(deletion.event_id, deletion.media_bytes) for deletion in decided.events] == [("1-old", len(WHOLE))]
    by_age = Retention(database=rooms.database, media=rooms.media, rules=[Rule(timedelta(days=1))])
    by_age.run(NOON + timedelta(days=9))
    assert [path for path, _ in rooms.media.files()] == [f"2026/03/14/2-pinned-{to_ms(BEGAN_AT)}.mp4"]


def test_a_clip_that_somebody_deleted_is_told_and_its_row_removed(rooms: Rooms, clips: ClipStore) -> None:
    rooms.events.opened(event("1-e"), None, window())
    written(clips)
    clips.keep("1-e", started_at=BEGAN_AT, duration_s=1)
    [path] = rooms.media.clip_files()
    path.unlink()

    (problem,) = check(rooms.database, rooms.media, datetime.now(UTC))
    assert problem.kind == "missing_file"
    assert repair(rooms.database, rooms.media, [problem])[0].repaired
    assert rooms.archive.get("1-e").clip is None  # type: ignore[union-attr]


@pytest.mark.parametrize("cut_off", range(len(FRAGMENT)))
def test_a_fragment_counts_whole_or_not_at_all(tmp_path: Path, cut_off: int) -> None:
    """A `moof` whose `mdat` is missing would promise pictures that are not there."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(WHOLE + FRAGMENT[:cut_off])

    assert cut_to_whole_boxes(path)
    assert path.read_bytes() == WHOLE
