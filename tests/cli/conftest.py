"""Commands set up the process's own logging."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands keep what they know: an empty folder of the test's own."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _logging_as_before(logging_as_before: None) -> None:
    """For every test of this room."""
