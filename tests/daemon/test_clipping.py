"""Between perception, the cameras' processes and the store: whose clip is cut, kept, or left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from store.scenes import NOON, Rooms, ended, event, open_rooms, window

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.state import CutClip
from vidsense_daemon.capture.supervisor import CameraSupervisor
from vidsense_daemon.daemon.clipping import Clipping, ClippingSink
from vidsense_daemon.store.clips import ClipStore

WHOLE = b"\x00\x00\x00\x08moov\x00\x00\x00\x08mdat"


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    return open_rooms(tmp_path / "state")


def clipping_of(rooms: Rooms, *, min_free_bytes: int = 0) -> Clipping:
    """With clips of the front door, whose process does not run."""
    clipping = Clipping(ClipStore(database=rooms.database, media=rooms.media), min_free_bytes=lambda: min_free_bytes)
    options = StreamOptions(url="rtsp://camera/", clips=True)
    watching = CameraSupervisor("front_door", options, on_frame=lambda _frame: None, on_state=lambda _state: None)
    clipping.watch("front_door", watching, has_clips=True)
    return clipping


def an_event(rooms: Rooms, clipping: Clipping) -> Path:
    """It comes and goes; its clip lies where the camera's process would have put it."""
    sink = ClippingSink(rooms.events, clipping)
    sink.opened(event("1-e"), None, window())
    sink.closed(ended(event("1-e")), (), window(8))
    path = rooms.media.spool() / f"1-e-{to_ms(NOON)}.mp4"
    path.write_bytes(WHOLE)
    return path


def test_the_clip_of_an_event_is_kept_when_it_is_complete(rooms: Rooms) -> None:
    clipping = clipping_of(rooms)
    an_event(rooms, clipping)

    clipping.done(CutClip("1-e", NOON, 9.0))

    record = rooms.archive.get("1-e")
    assert record is not None
    assert record.clip is not None
    assert record.clip.duration_s == 9.0


def test_a_clip_that_nobody_asked_for_is_not_taken(rooms: Rooms) -> None:
    """A camera's process reads what strangers send: it may not name an event of another camera."""
    clipping = clipping_of(rooms)
    rooms.events.opened(event("1-e"), None, window())

    clipping.done(CutClip("1-e", NOON, 9.0))

    assert rooms.archive.get("1-e").clip is None  # type: ignore[union-attr]


def test_a_nearly_full_disk_gets_no_clips(rooms: Rooms, capsys: pytest.CaptureFixture[str]) -> None:
    """The room that is left is for events and their stills."""
    clipping = clipping_of(rooms, min_free_bytes=1 << 60)
    an_event(rooms, clipping)

    clipping.done(CutClip("1-e", NOON, 9.0))

    assert rooms.archive.get("1-e").clip is None  # type: ignore[union-attr]
    assert "clip_left_out" in capsys.readouterr().out


class NotedSupervisor(CameraSupervisor):
    """Notes what it is told of events."""

    def __init__(self) -> None:
        options = StreamOptions(url="rtsp://camera/")
        super().__init__("front_door", options, on_frame=lambda _frame: None, on_state=lambda _state: None)
        self.told: list[tuple[str, str]] = []

    def begin_event(self, event_id: str) -> None:
        self.told.append(("begins", event_id))
        super().begin_event(event_id)

    def end_event(self, event_id: str) -> None:
        self.told.append(("ends", event_id))
        super().end_event(event_id)


def test_a_camera_without_clips_hears_of_its_events_all_the_same(rooms: Rooms) -> None:
    """They get good stills, and no clip."""
    clipping = Clipping(ClipStore(database=rooms.database, media=rooms.media), min_free_bytes=lambda: 0)
    watching = NotedSupervisor()
    clipping.watch("front_door", watching, has_clips=False)
    an_event(rooms, clipping)
    clipping.done(CutClip("1-e", NOON, 9.0))
    record = rooms.archive.get("1-e")

    assert watching.told == [("begins", "1-e"), ("ends", "1-e")]
    assert record is not None
    assert record.clip is None
