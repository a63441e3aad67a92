"""`vidsense evaluate`: what it refuses before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsense_daemon.cli.main import main


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without a configuration and a state folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "HOME": tmp_path,
        "XDG_CONFIG_HOME": tmp_path,
        "VIDSENSE_STATE_DIR": tmp_path / "state",
    }.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ([], 2, "name a LABELS.yaml, or a set"),
        (["--set", "kinetics", "."], 2, "there is no set 'kinetics'; sets are ped2, fights, ucf101"),
        (["--set", "fights", "."], 78, "is no set of fights"),
        (["--set", "ped2", "gone"], 78, "there is no folder gone"),
        (["gone.yaml"], 78, "there are no labels in gone.yaml"),
    ],
)
def test_what_cannot_be_measured_is_said(
    arguments: list[str], status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """2 for a wrong command, 78 for what must be changed first; never a traceback."""
    assert main(["evaluate", *arguments]) == status
    assert says in capsys.readouterr().err


def test_one_set_that_is_not_there_does_not_hide_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every part is tried, and every failure told."""
    assert main(["evaluate", "--set", "ped2", "gone", "--set", "fights", str(tmp_path)]) == 78

    said = capsys.readouterr().err
    assert "there is no folder gone" in said
    assert "is no set of fights" in said
