"""`vidsense demo` on footage of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import EXIT_FAILED, PermanentError
from vidsense_daemon.cli import demo
from vidsense_daemon.cli.main import main


def test_footage_that_is_not_there_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera may come back, a misspelt file never will: nobody waits for it."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path / "state"))
    parser = argparse.ArgumentParser()
    demo.add(parser.add_subparsers())
    args = parser.parse_args(["demo", "--source", str(tmp_path / "nope.mp4")])

    with pytest.raises(PermanentError, match=r"nope\.mp4 is not a file"):
        args.run(args)

    assert not (tmp_path / "state").exists()


def test_a_file_without_a_picture_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no camera that may come back in a moment."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "letter.mp4").write_text("no film")

    assert main(["demo", "--source", str(tmp_path / "letter.mp4")]) == EXIT_FAILED
    assert "Invalid data" in capsys.readouterr().err
