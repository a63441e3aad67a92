"""Fixtures that every room's tests may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cameras import RtspCamera, make_clip


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with yard.mp4: 8 s of a still scene, 320×240 at 10 fps; someone walks through from 3 s to 5 s."""
    folder = tmp_path_factory.mktemp("clips")
    make_clip(folder / "yard.mp4", seconds=8, walks=[(3.0, 5.0)])
    return folder


@pytest.fixture
def rtsp_camera(clips: Path) -> Iterator[RtspCamera]:
    """A running RTSP camera that plays the clips."""
    with RtspCamera(clips) as camera:
        yield camera
