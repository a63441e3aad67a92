"""Fixtures that every room's tests may use."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from cameras import RtspCamera, make_clip

# Rooms whose tests talk to servers, browsers and processes in real time. On a machine that is busy with something else
# a limit can pass by bad luck: once more, then it counts. What was run again is listed at the end of the report.
_IN_REAL_TIME = ("alerts", "capture", "cli", "daemon", "deploy", "description", "e2e", "review")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests in real time run a second time when they fail."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in _IN_REAL_TIME:
            item.add_marker(pytest.mark.flaky(reruns=1))


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


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Logging is the process's own, and what a test sends it to is closed after it: put back for the other tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
