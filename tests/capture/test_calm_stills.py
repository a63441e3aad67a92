"""What a calm camera shows to those who look on."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from cameras import make_clip

from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.watching import watch
from vidsense_daemon.domain.frames import Frame

from .watched import Pipe


def frames_of(clip: Path, pace: Literal["asap", "live"]) -> list[Frame]:
    """Watched without waiting for the time to pass."""
    options = StreamOptions(url=str(clip), pace=pace, picture_px=64)
    pipe = Pipe(options.picture_px)
    watch(options, pipe, list, now=lambda: datetime.now(UTC), mono_s=time.monotonic, sleep=lambda _seconds: None)
    assert pipe.frames
    assert not any(frame.moving for frame in pipe.frames)
    return pipe.frames


@pytest.fixture(scope="module")
def calm_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes and a few seconds in which nothing happens."""
    return make_clip(tmp_path_factory.mktemp("calm") / "calm.mp4", seconds=125, fps=1, noise_levels=1)


def test_a_calm_camera_gives_a_still_at_once_and_then_one_a_minute(calm_clip: Path) -> None:
    """Who looks at the live page sees the yard as it is, not the cat of last night."""
    stills = [(frame.pts_s, frame.still) for frame in frames_of(calm_clip, "live") if frame.still]

    assert [round(pts_s) for pts_s, _ in stills] == [0, 60, 120]
    assert all(still.jpeg.startswith(b"\xff\xd8") and still.width_px == 320 for _, still in stills)


def test_a_replay_makes_no_pictures_that_nobody_sees(calm_clip: Path) -> None:
    """Hours of calm footage are read in one go."""
    assert not any(frame.still for frame in frames_of(calm_clip, "asap"))
