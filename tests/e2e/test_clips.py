"""A clip of every event: from a real stream to a file that plays, served to a browser in pieces."""

from __future__ import annotations

import io
from pathlib import Path

import av
import httpx
import pytest
from cameras import RtspCamera, free_port

from .conftest import Household

pytestmark = pytest.mark.timeout(180)


def pictures_of(clip: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return list(container.decode(stream))


def test_an_event_has_a_clip_that_begins_before_it_and_that_a_browser_can_play(
    household: Household, street_camera: RtspCamera
) -> None:
    """The owner sees how it came about, and can jump in it: the pages serve any part of the file."""
    port = free_port()
    household.configure(
        street_camera.url("visit.mp4"),
        clips={"before_s": 2, "after_s": 1},
        review={"port": port},
    )
    household.start()
    events = household.await_events(lambda found: any(event["clip"] for event in found), what="an event's clip")
    event = next(event for event in events if event["clip"])

    path = Path(event["clip"])
    whole = path.read_bytes()
    began_at_ms = int(path.stem.rpartition("-")[2])
    pictures = pictures_of(whole)
    assert event["started_at_ms"] - began_at_ms >= 2000
    assert pictures[0].key_frame
    assert pictures[-1].time is not None
    assert began_at_ms + pictures[-1].time * 1000 >= event["ended_at_ms"]

    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as browser:
        part = browser.get(f"/api/events/{event['id']}/clip.mp4", headers={"Range": "bytes=100-299"})
        assert (part.status_code, part.headers["content-type"]) == (206, "video/mp4")
        assert part.content == whole[100:300]
        assert "clip.mp4" in browser.get(f"/events/{event['id']}").text

    assert household.vidsense("db", "check").returncode == 0
    assert household.vidsense("events", "delete", event["id"]).returncode == 0
    assert not path.exists()
