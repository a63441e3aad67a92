"""What is explained is what capture would make of it, and what is no clip is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from cameras import make_clip

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.explain.material import of_stills, watch_clip

from .fakes import NOON, SIDE_PX, stored_event


def options(path: Path) -> StreamOptions:
    return StreamOptions(url=str(path), picture_px=SIDE_PX)


def test_the_curve_is_the_gates_own(clips: Path) -> None:
    """What the figure shows of a kept frame is what capture itself wrote on that frame."""
    material = watch_clip(clips / "yard.mp4", options(clips / "yard.mp4"), started_at=NOON)

    kept = [look for look in material.looks if look.kept]
    assert [look.changed_ratio for look in kept] == [frame.changed_ratio for frame in material.frames]
    assert [look.moving for look in kept] == [frame.moving for frame in material.frames]


def test_motion_shows_where_somebody_walks(clips: Path) -> None:
    """Someone walks through from 3 s to 5 s: the curve moves then, and calm looks are dropped before."""
    material = watch_clip(clips / "yard.mp4", options(clips / "yard.mp4"), started_at=NOON)

    moving = [look.at_s for look in material.looks if look.moving]
    assert 2.8 <= min(moving) <= 3.5
    assert max(moving) <= 5.5
    assert any(not look.kept for look in material.looks if look.at_s < 2.5)


def test_a_clip_of_one_frame_is_a_clip(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "one.mp4", seconds=0.1, fps=10)

    assert len(watch_clip(clip, options(clip), started_at=NOON).frames) == 1


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    """A text file with a video's name gets one line, with the file's name in it."""
    letter = tmp_path / "letter.mp4"
    letter.write_text("dear sirs")

    with pytest.raises(PermanentError, match=r"letter\.mp4 cannot be read as a video"):
        watch_clip(letter, options(letter), started_at=NOON)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"gone\.mp4 is not a file"):
        watch_clip(tmp_path / "gone.mp4", options(tmp_path / "gone.mp4"), started_at=NOON)


def test_an_event_is_explained_from_its_stills(tmp_path: Path) -> None:
    """Without a clip, the stills are the frames; the gate's curve is gone and nothing is made up for it."""
    record = stored_event(tmp_path)
    material = of_stills(record.stills, options(tmp_path), name=record.event.id, camera="yard")

    assert [frame.pts_s for frame in material.frames] == [0.0, 1.0, 2.0]
    assert material.looks == ()


def test_an_event_whose_stills_are_gone_says_what_to_do(tmp_path: Path) -> None:
    """Retention has taken them: the message names the event and the way out."""
    record = stored_event(tmp_path)
    for still in record.stills:
        Path(still.path).unlink()

    with pytest.raises(PermanentError, match=f"{record.event.id} are gone.*vidsense explain FILE"):
        of_stills(record.stills, options(tmp_path), name=record.event.id, camera="yard")
