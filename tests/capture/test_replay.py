"""A recording goes through the whole of capture: child process, pipe, supervisor."""

from __future__ import annotations

from pathlib import Path

from cameras import make_clip

from vidsense_daemon.base.clock import from_ms
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.state import CameraPhase

from .watched import Watched

STARTED_AT_MS = 1_760_000_000_000


def replayed(path: Path, **changes: object) -> Watched:
    options = StreamOptions(url=str(path), pace="asap", started_at_ms=STARTED_AT_MS, **changes)  # type: ignore[arg-type]
    with Watched(options) as watched:
        watched.wait_end()
    return watched


def test_a_recording_is_read_to_its_end_and_the_supervisor_says_so(clips: Path) -> None:
    """A replay ends by itself, and its worker with it."""
    watched = replayed(clips / "yard.mp4")

    assert [state.phase for state in watched.states][-1] is CameraPhase.ENDED
    assert watched.worker.stopping.is_set()


def test_the_walker_is_seen_while_he_walks_and_nothing_else_moves(clips: Path) -> None:
    """Someone walks from 3 s to 5 s: then, and only then, frames are marked as moving."""
    watched = replayed(clips / "yard.mp4")
    moving_s = [frame.pts_s for frame in watched.frames if frame.moving]

    assert moving_s
    assert 2.9 < min(moving_s) < 3.4
    assert 4.7 < max(moving_s) < 5.4


def test_the_crop_holds_the_walker_and_its_background_does_not(clips: Path) -> None:
    """The crop is cut around what moved, and the same cut of the background shows the empty yard."""
    watched = replayed(clips / "yard.mp4")
    frame = next(frame for frame in watched.frames if frame.moving and 3.8 < frame.pts_s < 4.2)
    assert frame.crop is not None
    assert frame.crop.background is not None
    red = frame.crop.picture.astype(int) - frame.crop.background.astype(int)

    assert frame.crop.picture.shape == (224, 224, 3)
    assert (red[..., 0] - red[..., 1] > 60).mean() > 0.05


def test_frames_carry_the_time_at_which_the_recording_was_made(clips: Path) -> None:
    """Events of a replay are dated by the recording, not by today."""
    watched = replayed(clips / "yard.mp4")

    assert watched.frames[0].captured_at == from_ms(STARTED_AT_MS)
    assert all(
        abs((frame.captured_at - from_ms(STARTED_AT_MS)).total_seconds() - frame.pts_s) < 0.002
        for frame in watched.frames
    )


def test_calm_is_sampled_slowly_and_motion_quickly(clips: Path) -> None:
    """One frame a second while nothing happens, five while something moves."""
    watched = replayed(clips / "yard.mp4", calm_fps=1.0, busy_fps=5.0)
    during = [frame for frame in watched.frames if 3.2 <= frame.pts_s < 4.8]
    background_s = next(frame.pts_s for frame in watched.frames if frame.whole.background is not None)
    calm = [frame for frame in watched.frames if background_s < frame.pts_s < 3.0]

    assert 7 <= len(during) <= 9
    assert len(calm) <= 2


def test_a_still_comes_with_the_first_moving_frame_and_others_follow(clips: Path) -> None:
    """The pictures of an event are JPEGs of the whole scene."""
    watched = replayed(clips / "yard.mp4")
    first_moving = next(frame for frame in watched.frames if frame.moving)
    stills = [frame.still for frame in watched.frames if frame.still]

    assert first_moving.still is not None
    assert first_moving.still.jpeg.startswith(b"\xff\xd8")
    assert (first_moving.still.width_px, first_moving.still.height_px) == (320, 240)
    assert 4 <= len(stills) <= 5


def test_two_replays_of_one_recording_give_the_same_frames(clips: Path) -> None:
    """A replay can be repeated: times and pictures are the same each time."""
    first, second = replayed(clips / "yard.mp4"), replayed(clips / "yard.mp4")

    assert [frame.pts_s for frame in first.frames] == [frame.pts_s for frame in second.frames]
    assert all((a.whole.picture == b.whole.picture).all() for a, b in zip(first.frames, second.frames, strict=True))


def test_a_still_scene_never_moves(tmp_path: Path) -> None:
    """Noise alone opens no gate."""
    watched = replayed(make_clip(tmp_path / "empty.mp4", seconds=6, noise_levels=4))

    assert watched.frames
    assert not any(frame.moving for frame in watched.frames)
