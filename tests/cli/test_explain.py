"""`vidsense explain` refuses what it cannot explain before it loads anything, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsense_daemon.base.errors import EXIT_FAILED
from vidsense_daemon.cli.main import main


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration and no state of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def refused(*arguments: str) -> None:
    assert main(["explain", *arguments]) == EXIT_FAILED


def test_neither_file_nor_event_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    refused("porch.mp4")

    assert "porch.mp4 is neither a file nor the id of an event" in capsys.readouterr().err


def test_a_query_of_500_words_is_refused(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(str(clips / "yard.mp4"), "--query", "person " * 500)

    assert "has 500 words" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_first(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Minutes of work are not spent on what cannot be kept."""
    Path("report").write_text("")
    refused(str(clips / "yard.mp4"))

    assert "cannot write the report to report" in capsys.readouterr().err
