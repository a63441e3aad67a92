"""What is typed wrongly is answered in words: what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_FAILED
from vidsense_daemon.cli.main import main

CONFIG = "cameras: {yard: {url: /dev/video9, triggers: [person]}}\ntriggers: {person: {prompt: a person}}\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "vidsense.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_a_camera_that_is_not_there_is_told_with_those_that_are(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error is not a broken camera, and the nearest name is offered by every command."""
    for command in (
        ["cameras", "probe", "yrad"],
        ["replay", config, "--camera", "yrad"],
        ["triggers", "backtest", "person", "--camera", "yrad"],
        ["triggers", "feedback", "--camera", "yrad"],
        ["learn", "--camera", "yrad"],
        ["explain", config, "--camera", "yrad"],
    ):
        assert main([*command, "--config", config]) == EXIT_FAILED
        assert "there is no camera 'yrad' (there are: yard); did you mean 'yard'?" in capsys.readouterr().err


def test_a_file_is_probed_before_there_is_any_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first thing that somebody tries; its name alone is enough."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yard.mp4").write_bytes(b"no film")

    assert main(["cameras", "probe", "yard.mp4"]) == EXIT_FAILED
    assert "opening yard.mp4: Invalid data" in capsys.readouterr().err


def test_nothing_recorded_yet_is_no_mistake_in_the_configuration(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 78 would tell a script to change the file."""
    assert main(["events", "list"]) == EXIT_FAILED
    assert "there is no database in" in capsys.readouterr().err


def test_a_file_as_state_folder_is_called_a_file(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command says the same of it."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", config)

    for command in (["run", "--config", config], ["events", "list"], ["replay", config, "--config", config]):
        assert main(command) == EXIT_CONFIG
        assert "is a file: VIDSENSE_STATE_DIR names the folder" in capsys.readouterr().err


def test_a_backup_that_is_not_there_is_not_called_a_wrong_one(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "restore", "/nowhere/backup.db"]) == EXIT_FAILED
    assert "there is no /nowhere/backup.db" in capsys.readouterr().err


def test_the_systems_errors_come_without_their_numbers(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The file first, then what is wrong with it."""
    assert main(["db", "backup", f"{config}/backup.db"]) == EXIT_FAILED
    assert capsys.readouterr().err == f"vidsense: {config}: File exists\n"
