"""Strange streams end in frames, or in an error that says what is wrong. Never in a traceback, never in a hang."""

from __future__ import annotations

import itertools
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from cameras import make_clip, yard
from fakes import wait_until

from vidsense_daemon.capture.faults import Fault
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.scenechange import SceneWatch
from vidsense_daemon.capture.state import CameraPhase

from .watched import Watched


def replayed(path: Path, **changes: object) -> Watched:
    """A recording, watched to its end or its first fault."""
    options = StreamOptions(url=str(path), pace="asap", **changes)  # type: ignore[arg-type]
    with Watched(options) as watched:
        phases = (CameraPhase.ENDED, CameraPhase.WAITING)
        wait_until(lambda: watched.supervisor.state.phase in phases, what="an end or a fault")
    return watched


def fault_of(watched: Watched) -> tuple[Fault | None, str]:
    state = next(state for state in watched.states if state.phase is CameraPhase.WAITING)
    return state.fault, state.message


def raw_clip(path: Path, codec: str, frames: list[av.VideoFrame], *, options: dict[str, str] | None = None) -> Path:
    """Encode these frames as they are, pts included."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options or {})
        stream.width, stream.height = frames[0].width, frames[0].height
        stream.pix_fmt = frames[0].format.name
        stream.codec_context.time_base = Fraction(1, 1000)
        for frame in frames:
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frames_at(times_ms: list[int], *, width_px: int = 320, height_px: int = 240) -> list[av.VideoFrame]:
    scene, frames = yard(width_px, height_px), []
    for at_ms in times_ms:
        frame = av.VideoFrame.from_ndarray(scene, format="rgb24").reformat(format="yuv420p")
        frame.pts = at_ms
        frames.append(frame)
    return frames


@pytest.mark.parametrize("size_px", [(2, 2), (16, 640), (322, 242)])
def test_small_and_odd_pictures_give_frames(tmp_path: Path, size_px: tuple[int, int]) -> None:
    """A picture of two pixels is silly, but no reason to fall over."""
    watched = replayed(make_clip(tmp_path / "clip.mp4", seconds=2, width_px=size_px[0], height_px=size_px[1]))

    assert watched.frames
    assert watched.frames[0].whole.picture.shape == (224, 224, 3)


def test_a_picture_of_one_pixel_gives_frames(tmp_path: Path) -> None:
    """The smallest stream there is."""
    frame = av.VideoFrame.from_ndarray(np.full((1, 1, 3), 90, dtype=np.uint8), format="rgb24")
    with av.open(str(tmp_path / "one.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=5)
        stream.width = stream.height = 1
        stream.pix_fmt = "bgr0"
        for number in range(5):
            frame.pts = number
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))

    assert replayed(tmp_path / "one.mkv").frames


def test_a_very_wide_picture_gives_frames(tmp_path: Path) -> None:
    """16384 pixels wide, as stitched panoramas are."""
    watched = replayed(
        raw_clip(tmp_path / "wide.mp4", "libx264", frames_at([0, 200, 400], width_px=16384, height_px=64))
    )

    assert watched.frames
    assert watched.supervisor.state.width_px == 16384


def test_a_picture_above_the_limit_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    """4800×4800 in a few kilobytes is an attack on the memory, not a camera."""
    plain = av.VideoFrame(4800, 4800, "yuv420p")
    plain.pts = 0
    watched = replayed(raw_clip(tmp_path / "bomb.mp4", "mpeg4", [plain]))
    fault, message = fault_of(watched)

    assert fault is Fault.TOO_LARGE
    assert "max_pixels" in message
    assert not watched.frames


def test_a_stream_that_needs_too_much_memory_ends_alone(tmp_path: Path) -> None:
    """The child may not grow past its limit; the daemon goes on."""
    plain = av.VideoFrame(4096, 4096, "yuv420p")
    plain.pts = 0
    fault, message = fault_of(replayed(raw_clip(tmp_path / "large.mp4", "mpeg4", [plain]), memory_limit_mb=80))

    assert fault is Fault.MEMORY
    assert "memory_limit_mb" in message


def test_a_stream_with_sound_only_says_so(tmp_path: Path) -> None:
    """A doorbell's audio stream is not its picture."""
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), dtype=np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    fault, message = fault_of(replayed(tmp_path / "sound.mkv"))

    assert fault is Fault.NO_VIDEO
    assert "choose a file with a picture" in message


def test_a_recording_of_one_picture_gives_that_picture_and_says_so(tmp_path: Path) -> None:
    """Somebody gives the still instead of the clip: no event can come of it."""
    watched = replayed(raw_clip(tmp_path / "one.mp4", "libx264", frames_at([0])))

    assert len(watched.frames) == 1
    assert "it holds a single picture" in watched.supervisor.state.message


def test_a_variable_frame_rate_is_sampled_by_time(tmp_path: Path) -> None:
    """Five frames in a burst and then one a second: none of the seconds is missed."""
    times_ms = [*range(0, 500, 100), *range(1000, 8000, 1000)]
    watched = replayed(raw_clip(tmp_path / "vfr.mkv", "libx264", frames_at(times_ms)), calm_fps=1.0)

    assert {round(frame.pts_s) for frame in watched.frames} >= {1, 2, 3, 4, 5, 6, 7}


def test_b_frames_come_in_the_order_in_which_they_were_taken(tmp_path: Path) -> None:
    """The decoder reorders; time never goes back."""
    clip = make_clip(tmp_path / "b.mp4", seconds=4, options={"bf": "3", "preset": "veryfast"}, walks=[(1, 3)])
    watched = replayed(clip)

    assert len({frame.run_id for frame in watched.frames}) == 1
    assert all(a.pts_s < b.pts_s for a, b in itertools.pairwise(watched.frames))


def test_a_picture_that_changes_its_size_midway_is_followed(tmp_path: Path) -> None:
    """Some cameras switch their resolution without closing the stream."""
    first = make_clip(tmp_path / "a.ts", seconds=2)
    second = make_clip(tmp_path / "b.ts", seconds=3, width_px=480, height_px=272, walks=[(1.5, 2.5)])
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    stills = [frame.still for frame in replayed(both).frames if frame.still]

    assert [(still.width_px, still.height_px) for still in stills][-1] == (480, 272)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("empty.mp4", b"", Fault.BAD_DATA),
        ("text.mp4", b"not a video\n" * 50, Fault.BAD_DATA),
        ("missing.mp4", None, Fault.NOT_FOUND),
        ("subfile,,start,0,end,99,,:x.mp4", None, Fault.NOT_FOUND),
    ],
)
def test_files_that_are_no_videos_say_so(tmp_path: Path, name: str, content: bytes | None, fault: Fault) -> None:
    """A mistyped path and a broken file are told apart."""
    if content is not None:
        (tmp_path / name).write_bytes(content)

    assert fault_of(replayed(tmp_path / name))[0] is fault


def test_a_playlist_cannot_make_a_camera_read_files(tmp_path: Path, clips: Path) -> None:
    """What a camera's answer names is opened only over the camera's own protocol."""
    playlist = tmp_path / "x.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{clips}/yard.mp4\n#EXT-X-ENDLIST\n")
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout
        with server.stdout:
            port = int(server.stdout.readline().split("port ")[1].split()[0])
            with Watched(StreamOptions(url=f"http://127.0.0.1:{port}/x.m3u8", stall_limit_s=4)) as watched:
                watched.wait_phase(CameraPhase.WAITING)
    finally:
        server.kill()
        server.wait()

    assert not watched.frames


def test_a_private_place_never_leaves_the_child(clips: Path) -> None:
    """Whole, crop, background and still: black, and nothing moves there."""
    everything = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    watched = replayed(clips / "yard.mp4", privacy_masks=[everything])

    assert watched.frames
    assert max(int(frame.whole.picture.max()) for frame in watched.frames) < 12
    assert not any(frame.moving for frame in watched.frames)


def test_zones_and_motion_masks_reach_the_child(clips: Path) -> None:
    """The walker crosses the left half first, and the masked right half unseen."""
    left = [(0.0, 0.0), (0.45, 0.0), (0.45, 1.0), (0.0, 1.0)]
    right = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
    watched = replayed(clips / "yard.mp4", zones={"drive": left}, motion_masks=[right])
    moving = [frame for frame in watched.frames if frame.moving]

    assert moving
    assert max(frame.pts_s for frame in moving) < 4.4
    assert moving[0].zones == ("drive",)


def test_a_camera_that_is_turned_away_is_a_scene_change(tmp_path: Path) -> None:
    """Another picture from one frame to the next is no motion."""
    scenes = [yard(320, 240, seed=1), yard(320, 240, seed=99)]
    clip = make_clip(tmp_path / "turned.mp4", seconds=6, picture_at=lambda at_s: scenes[at_s >= 3.0])
    watched = replayed(clip)
    changed = [frame for frame in watched.frames if frame.scene_changed]

    assert [round(frame.pts_s) for frame in changed] == [3]
    assert not any(frame.moving for frame in watched.frames)
    assert watched.frames[-1].whole.background is not None


def test_the_switch_to_infrared_is_a_scene_change(tmp_path: Path) -> None:
    """At dusk the camera turns grey; nobody came."""
    colour = yard(320, 240)
    grey = colour.mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)
    clip = make_clip(tmp_path / "dusk.mp4", seconds=6, picture_at=lambda at_s: grey if at_s >= 3.0 else colour)
    watched = replayed(clip)

    assert any(frame.scene_changed and 2.9 < frame.pts_s < 3.5 for frame in watched.frames)
    assert not any(frame.moving for frame in watched.frames)


def test_hardware_that_is_not_there_falls_back_to_software_with_one_line(
    clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same settings work on a machine without the device."""
    watched = replayed(clips / "yard.mp4", hwaccel="qsv")
    lines = [line for line in capsys.readouterr().out.splitlines() if "decoding_in_software" in line]

    assert watched.frames
    if watched.supervisor.state.decoder == "software":
        assert len(lines) == 1


def test_scenedetect_confirms_only_what_changed_much(clips: Path) -> None:
    """Its detector alone would call a passing car another scene."""
    frames = replayed(clips / "yard.mp4").frames
    watch = SceneWatch()

    assert not any(watch.changed(frame) for frame in frames)


def test_a_recording_that_breaks_off_is_watched_as_far_as_it_goes_and_told_of(tmp_path: Path) -> None:
    """A copy that was interrupted looks like a shorter recording; "0 events" would be a wrong answer."""
    whole = make_clip(tmp_path / "whole.mkv", seconds=8)
    half = tmp_path / "half.mkv"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    complete, broken_off = replayed(whole), replayed(half)

    assert complete.supervisor.state.message == ""
    assert 2 <= broken_off.frames[-1].pts_s <= 6
    assert "of the 8.0 s that it should last: the rest is missing" in broken_off.supervisor.state.message
