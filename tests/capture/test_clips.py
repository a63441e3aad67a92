"""Clips cut from a stream by copying its packets: they begin before the event, play, and survive what cameras do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from av.packet import Packet
from av.video.stream import VideoStream
from cameras import RtspCamera, make_clip
from fakes import wait_until

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.capture.clipfile import FileTimes, parameter_sets
from vidsense_daemon.capture.clips import Clips
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.ring import PacketRing
from vidsense_daemon.capture.source import Source
from vidsense_daemon.capture.state import CutClip

from .watched import Watched

STARTED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STREAMS = {
    "h264": ("libx264", {}),
    "h264_b": ("libx264", {"preset": "medium", "bf": "3"}),
    "h265": ("libx265", {"x265-params": "log-level=none:bframes=0"}),
    "h265_b": ("libx265", {"preset": "medium", "x265-params": "log-level=none:bframes=3"}),
}


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short clip of each kind of stream."""
    folder = tmp_path_factory.mktemp("streams")
    for name, (codec, options) in STREAMS.items():
        make_clip(folder / f"{name}.mp4", seconds=3, width_px=160, height_px=120, codec=codec, options=options)
    return folder


@pytest.fixture(scope="module")
def camera(streams: Path) -> Iterator[RtspCamera]:
    with RtspCamera(streams) as running:
        yield running


def played(path: Path) -> tuple[VideoStream, list[av.VideoFrame]]:
    """The file's pictures; decoding fails on any damage."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return stream, list(container.decode(stream))


def the_file(folder: Path, clip: CutClip) -> Path:
    return folder / f"{clip.event_id}-{to_ms(clip.started_at)}.mp4"


def cut(folder: Path, source: Source, *, max_s: float = 60.0, before_s: float = 60.0) -> list[CutClip]:
    """Every packet of a recording through `Clips`, dated by its stream time, with an event from the beginning on."""
    done: list[CutClip] = []
    clips = Clips(before_s=before_s, after_s=1, max_s=max_s, on_done=done.append, on_refused=lambda _codec: None)
    clips.begin("event", folder, STARTED_AT)
    for packet in source.packets():
        clips.saw(packet, STARTED_AT + timedelta(seconds=float((packet.dts or 0) * (packet.time_base or 0))))
    clips.stream_ended()
    source.close()
    return done


def watch_an_event(watched: Watched, folder: Path) -> datetime:
    """Order a clip when the ring is full, for an event that begins then, and wait until it is done."""
    watched.wait_frames(5)
    first_at = watched.frames[0].captured_at
    wait_until(lambda: watched.frames[-1].captured_at - first_at > timedelta(seconds=2.3), what="the ring to fill")
    began_at = watched.frames[-1].captured_at
    watched.supervisor.begin_clip("event", folder, began_at)
    wait_until(lambda: watched.frames[-1].captured_at - began_at > timedelta(seconds=0.5), what="the event to go on")
    watched.supervisor.end_clip("event", watched.frames[-1].captured_at)
    wait_until(lambda: bool(watched.clips), what="the clip")
    return began_at


def test_a_clip_begins_before_its_event_and_plays_without_an_error(camera: RtspCamera, tmp_path: Path) -> None:
    """A browser plays it: from a keyframe that came early enough, H.265 under the name that Apple's players know."""
    began_at = {}
    with ExitStack() as stack:
        cameras = {}
        for name in STREAMS:
            (tmp_path / name).mkdir()
            options = StreamOptions(url=camera.url(f"{name}.mp4"), clips=True, clip_before_s=1, clip_after_s=0.3)
            cameras[name] = stack.enter_context(Watched(options))
        with ThreadPoolExecutor() as threads:
            watching = {name: threads.submit(watch_an_event, cameras[name], tmp_path / name) for name in STREAMS}
            began_at = {name: future.result() for name, future in watching.items()}
    for name, watched in cameras.items():
        [clip] = watched.clips
        path = the_file(tmp_path / name, clip)
        stream, pictures = played(path)

        assert began_at[name] - clip.started_at >= timedelta(seconds=1)
        assert clip.duration_s >= 1.8
        assert pictures[0].key_frame
        # the server leaves holes in the times of reordered pictures whenever it begins its file again
        assert len(pictures) == pytest.approx(clip.duration_s * 10, rel=0.2)
        assert stream.codec_context.codec_tag == ("hvc1" if "h265" in name else "avc1")
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_recorded_before_the_stream_was_lost_is_kept(streams: Path, tmp_path: Path) -> None:
    """The burglar who cuts the camera's cable is on the clip."""
    with RtspCamera(streams) as camera:
        options = StreamOptions(url=camera.url("h264.mp4"), clips=True, clip_before_s=1)
        with Watched(options) as watched:
            watched.wait_frames(3)
            watched.supervisor.begin_clip("event", tmp_path, watched.frames[-1].captured_at)
            wait_until(lambda: any(tmp_path.iterdir()), what="the file")
            camera.kill()
            wait_until(lambda: bool(watched.clips), what="the clip")
    [clip] = watched.clips

    _, pictures = played(the_file(tmp_path, clip))
    assert len(pictures) == pytest.approx(clip.duration_s * 10, abs=1)


def test_what_a_killed_process_has_written_can_be_played(streams: Path, tmp_path: Path) -> None:
    """Up to the newest keyframe: a power cut may be the very event."""
    done: list[CutClip] = []
    clips = Clips(before_s=1, after_s=1, max_s=60, on_done=done.append, on_refused=lambda _codec: None)
    clips.begin("event", tmp_path, STARTED_AT)
    source = Source(str(streams / "h264.mp4"))
    for packet in source.packets():
        clips.saw(packet, STARTED_AT)
        if packet.is_keyframe:
            [path] = tmp_path.iterdir()
            os.sync()
            written = path.read_bytes()
    (tmp_path / "left.mp4").write_bytes(written)
    clips.stream_ended()
    source.close()

    assert len(played(tmp_path / "left.mp4")[1]) >= 10


def test_a_clip_is_no_longer_than_allowed(streams: Path, tmp_path: Path) -> None:
    """A party in the garden does not fill the disk."""
    [clip] = cut(tmp_path, Source(str(streams / "h264.mp4")), max_s=1.5)

    assert clip.duration_s == pytest.approx(1.5)


def test_a_picture_of_another_size_ends_the_clip_and_begins_no_broken_one(tmp_path: Path) -> None:
    """Somebody changes the camera's resolution in the middle: one file can't hold both, but the first part stays."""
    small = make_clip(tmp_path / "small.ts", seconds=2, width_px=160, height_px=120)
    large = make_clip(tmp_path / "large.ts", seconds=2, width_px=320, height_px=240)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())

    [clip] = cut(tmp_path, Source(str(both)))
    stream, pictures = played(the_file(tmp_path, clip))

    assert (stream.width, len(pictures)) == (160, 20)


def test_overlapping_events_get_a_clip_each(streams: Path, tmp_path: Path) -> None:
    """The cat's clip can be deleted without the burglar's."""
    done: list[CutClip] = []
    clips = Clips(before_s=1, after_s=0, max_s=60, on_done=done.append, on_refused=lambda _codec: None)
    source = Source(str(streams / "h264.mp4"))
    for number, packet in enumerate(source.packets()):
        at = STARTED_AT + timedelta(seconds=number / 10)
        clips.saw(packet, at)
        if number == 12:
            clips.begin("burglar", tmp_path, at)
        if number == 15:
            clips.begin("cat", tmp_path, at)
        if number == 20:
            clips.end("burglar", at, at)
    clips.stream_ended()
    source.close()

    assert {clip.event_id: len(played(the_file(tmp_path, clip))[1]) for clip in done} == {"burglar": 21, "cat": 30}


def test_a_full_disk_costs_the_clip_and_nothing_else(streams: Path, tmp_path: Path) -> None:
    """A folder that is gone stands for it: the packets go on to be watched."""
    assert cut(tmp_path / "gone", Source(str(streams / "h264.mp4"))) == []


def test_what_no_browser_plays_is_refused_once(tmp_path: Path) -> None:
    """An old camera that sends MJPEG is told of, and watched all the same."""
    refused: list[str] = []
    clips = Clips(before_s=1, after_s=1, max_s=60, on_done=lambda _clip: None, on_refused=refused.append)
    clip = make_clip(tmp_path / "old.mkv", seconds=1, codec="mpeg4", options={"preset": ""})
    clips.begin("event", tmp_path, STARTED_AT)
    source = Source(str(clip))
    for packet in source.packets():
        clips.saw(packet, STARTED_AT)
    source.close()

    assert refused == ["mpeg4"]


def test_no_clip_shows_what_a_privacy_mask_hides() -> None:
    """Copied packets can't be blackened, so the two exclude each other."""
    with pytest.raises(ConfigError, match="privacy_masks"):
        StreamOptions(url="rtsp://camera/", clips=True, privacy_masks=[[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]])


def test_a_keyframes_parameter_sets_are_found_and_nothing_else() -> None:
    """What comes before the picture and describes it; a recording's packets have no start codes to look for."""
    sps, pps, sei, picture = b"\x67\x42\x00\x0a", b"\x68\xce", b"\x06\x05", b"\x65\x88\x84"
    start = b"\x00\x00\x00\x01"
    keyframe = start + sps + start + pps + start + sei + start + picture + start + sps

    assert parameter_sets(keyframe, "h264", start + sps) == start + sps + start + pps
    assert parameter_sets(start + picture, "h264", start + sps) == b""
    assert parameter_sets(keyframe, "h264", b"\x01\x64") == b""
    assert parameter_sets(start + b"\x40\x01" + start + b"\x26\x01", "hevc", None) == start + b"\x40\x01"


def packet_of(size: int, *, key: bool) -> Packet[VideoStream]:
    packet: Packet[VideoStream] = Packet(size)  # type: ignore[assignment]
    packet.is_keyframe = key
    return packet


def test_the_ring_keeps_whole_groups_for_so_many_seconds() -> None:
    """A clip can begin at a keyframe only, and one must be old enough."""
    ring = PacketRing(seconds=3, max_bytes=1000)
    for number in range(20):
        ring.add(packet_of(10, key=number % 2 == 0), STARTED_AT + timedelta(seconds=number))
    kept = list(ring.since(STARTED_AT + timedelta(seconds=17.5)))

    assert kept[0][0] == STARTED_AT + timedelta(seconds=16)
    assert len(kept) == 4
    assert ring.size_bytes == 40


def test_the_ring_takes_no_more_than_its_bytes() -> None:
    """A camera at a high bit rate gets a shorter run-up, not more of the machine's memory."""
    ring = PacketRing(seconds=1000, max_bytes=100)
    for number in range(50):
        ring.add(packet_of(30, key=number % 2 == 0), STARTED_AT + timedelta(seconds=number))

    assert ring.size_bytes == 60

    ring.add(packet_of(200, key=True), STARTED_AT + timedelta(seconds=51))
    assert ring.size_bytes == 0


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param([(100, 100), (200, 200)], [(0, 0), (100, 100)], id="begins at 0"),
        pytest.param([(None, 5), (None, 6)], [(0, 0), (1, 1)], id="no pts"),
        pytest.param([(50, None), (90, None)], [(0, 0), (40, 40)], id="no dts"),
        pytest.param([(0, 0), (10, 10), (900_000, 900_000)], [(0, 0), (10, 10), (20, 20)], id="jumps forward"),
        pytest.param([(5000, 5000), (5010, 5010), (7, 7)], [(0, 0), (10, 10), (20, 20)], id="jumps back"),
        pytest.param([(20, 0), (10, 10), (40, 20)], [(20, 0), (10, 10), (40, 20)], id="B-frames"),
        pytest.param([(0, 0), (10, 10), (10, 10)], [(0, 0), (10, 10), (20, 20)], id="the same twice"),
    ],
)
def test_a_files_times_begin_at_0_and_never_go_back(
    times: list[tuple[int | None, int | None]], expected: list[tuple[int, int]]
) -> None:
    """Whatever a camera's clock does, players see a stream that goes on."""
    file_times = FileTimes(ticks_per_s=1000)

    assert [file_times.place(pts, dts) for pts, dts in times] == expected
