"""Looking through a recording before it is watched."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from cameras import make_clip, yard

from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.overview import overview
from vidsense_daemon.capture.source import Source
from vidsense_daemon.domain.frames import Picture

from .watched import Watched


def replayed(path: Path, **changes: object) -> Watched:
    options = StreamOptions(url=str(path), pace="asap", started_at_ms=0, **changes)  # type: ignore[arg-type]
    with Watched(options) as watched:
        watched.wait_end()
    return watched


def differing(picture: Picture, other: Picture) -> float:
    """The share of pixels that somebody's coat makes differ; noise does not."""
    return float((np.abs(picture.astype(int) - other).max(axis=-1) > 60).mean())


def test_who_is_there_from_the_first_frame_is_no_background(tmp_path: Path) -> None:
    """A short clip begins with somebody in the picture: its later frames show what is behind him."""
    clip = make_clip(tmp_path / "short.mp4", seconds=4, walks=[(-1.0, 2.0)])

    frames = replayed(clip).frames
    first, empty = frames[0].whole, frames[-1].whole.picture

    assert first.background is not None
    assert differing(first.picture, empty) > 0.005
    assert differing(first.background, empty) < 0.001


def test_a_long_recording_is_sought_not_read_through(tmp_path: Path) -> None:
    """Nine keyframes all over it, in order, and not all that lies between."""
    clip = make_clip(tmp_path / "long.mp4", seconds=270, fps=2, width_px=64, height_px=48, keyframe_every_s=5)
    with closing(Source(str(clip))) as source:
        at_s = [frame.pts_s for frame in overview(source)]

    assert len(at_s) == 9
    assert at_s == sorted(at_s)
    assert all(moment is not None and moment % 5 == 0 for moment in at_s)


def test_a_recording_of_two_scenes_is_learned_as_it_goes(tmp_path: Path) -> None:
    """Half by day, half by night: their common median would be neither."""
    day = yard(320, 240)
    clip = make_clip(tmp_path / "edited.mp4", seconds=6, picture_at=lambda at_s: day if at_s < 3 else 235 - day)

    assert replayed(clip).frames[0].whole.background is None


def test_what_is_private_stays_hidden_in_the_background(tmp_path: Path) -> None:
    """The pictures that are looked through beforehand are blackened like all others."""
    clip = make_clip(tmp_path / "private.mp4", seconds=4)
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))

    background = replayed(clip, privacy_masks=(left,)).frames[0].whole.background

    assert background is not None
    assert background[:, :100].max() < 16
    assert background[:, 130:].max() > 60
