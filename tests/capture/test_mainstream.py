"""Watched on the substream, stills of the main stream: which is open only around motion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cameras import RtspCamera, free_port, make_clip
from fakes import wait_until

from vidsense_daemon.capture.faults import CameraError, Fault
from vidsense_daemon.capture.mainstream import MainStream
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.source import Source
from vidsense_daemon.domain.frames import Still

from .watched import Watched

SMALL, LARGE = (320, 240), (640, 480)


@pytest.fixture
def camera(clips: Path, tmp_path: Path) -> Iterator[RtspCamera]:
    """yard.mp4 is its substream, large.mp4 its main stream."""
    (tmp_path / "yard.mp4").write_bytes((clips / "yard.mp4").read_bytes())
    make_clip(tmp_path / "large.mp4", seconds=8, width_px=LARGE[0], height_px=LARGE[1], walks=[(3.0, 5.0)])
    with RtspCamera(tmp_path) as running:
        yield running


class NotedSource(Source):
    """Tells when it is closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True
        super().close()


def stills_of(watched: Watched) -> list[Still]:
    return [frame.still for frame in watched.frames if frame.still and frame.moving]


def sizes_of(watched: Watched) -> list[tuple[int, int]]:
    return [(still.width_px, still.height_px) for still in stills_of(watched)]


def test_the_first_still_is_there_at_once_and_larger_ones_follow(camera: RtspCamera) -> None:
    """The alert needs a picture now; the event's record gets the good one."""
    options = StreamOptions(url=camera.url("large.mp4"), substream_url=camera.url("yard.mp4"))
    with Watched(options) as watched:
        wait_until(lambda: LARGE in sizes_of(watched), what="a still of the main stream")
    first_moving = next(frame for frame in watched.frames if frame.moving)

    assert first_moving.still is not None
    assert sizes_of(watched)[0] == SMALL


def test_the_main_stream_is_closed_when_nobody_wants_it_and_opened_again(camera: RtspCamera) -> None:
    """A calm camera costs no second stream."""
    opened: list[NotedSource] = []

    def open_source() -> Source:
        opened.append(NotedSource(camera.url("large.mp4")))
        return opened[-1]

    faults: list[CameraError] = []
    main = MainStream(open_source, on_fault=faults.append, linger_s=0.5)
    wait_until(lambda: bool(opened) and opened[0].is_closed, what="the main stream to be closed")
    main.want(anew=True)
    assert main.is_awaited

    def comes() -> bool:
        main.want(anew=False)
        return main.picture() is not None

    wait_until(comes, what="a picture of the stream that was opened again")
    main.close()
    wait_until(lambda: opened[-1].is_closed, what="the main stream to end")

    assert len(opened) == 2
    assert faults == []


def test_without_its_main_stream_a_camera_still_gives_stills(
    camera: RtspCamera, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong url of the main stream is told at the start; the substream's pictures are better than none."""
    gone = f"rtsp://127.0.0.1:{free_port()}/large.mp4"
    with Watched(StreamOptions(url=gone, substream_url=camera.url("yard.mp4"))) as watched:
        wait_until(lambda: len(stills_of(watched)) >= 2, what="two stills")
    lines = [line for line in capsys.readouterr().out.splitlines() if "main_stream_lost" in line]

    assert set(sizes_of(watched)) == {SMALL}
    assert len(lines) == 1
    assert Fault.REFUSED.value in lines[0]
