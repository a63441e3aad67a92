"""`vidsense learn` and its actions, as an owner types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from learning.scenes import clip, days

from vidsense_daemon.cli.main import main
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.learning.experience import ExperienceFolder

CONFIG = """
cameras:
  street: {url: /dev/video0}
  garden: {url: /dev/video1}
"""

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two cameras; the street has seen a day, the garden five clips."""
    (tmp_path / "vidsense.yaml").write_text(CONFIG)
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("VIDSENSE_CONFIG", str(tmp_path / "vidsense.yaml"))
    Storage(tmp_path).close()
    days(ExperienceFolder(tmp_path / "experience"), 40)
    for number in range(5):
        ExperienceFolder(tmp_path / "experience").add(clip(number, camera="garden"))
    return tmp_path


def test_every_camera_learns_or_says_why_not(state: Path, capsys: Capture) -> None:
    """A table for the street; the garden is still learning. Then the list, a rollback too many, and forgetting."""
    assert main(["learn", "--steps", "20"]) == 0
    told = capsys.readouterr().out

    assert "garden: still learning: 5 of 24 clips" in told
    assert [line.split()[0] for line in told.splitlines() if line.startswith(("pers", "ridge", "trans"))] == [
        "persistence",
        "ridge-ar",
        "transformer",
    ]
    assert "no feedback yet" in told

    assert main(["learn", "list", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)
    live = next(model for model in models if model["state"] == "live")
    assert (live["camera"], live["encoder"], live["seed"], live["clips"]) == ("street", "eye", 0, 40)
    assert live["error"] < live["persistence_error"]

    assert main(["learn", "rollback", "--camera", "street"]) == 1
    assert "no earlier model" in capsys.readouterr().err

    assert main(["learn", "forget", "--camera", "street"]) == 0
    assert "deleted 40 clips" in capsys.readouterr().out
    assert not (state / "experience" / "street").exists()
    assert not (state / "learned" / "street").exists()


def test_without_a_step_the_linear_model_is_learned_all_the_same(state: Path, capsys: Capture) -> None:
    assert main(["learn", "--camera", "street", "--steps", "0", "--json"]) == 0
    [outcome] = json.loads(capsys.readouterr().out)

    assert outcome["live"].endswith("ridge-ar")
    assert outcome["rows"][-1]["ratio"] == pytest.approx(outcome["rows"][-2]["ratio"])


def test_only_what_was_seen_since_then_counts(state: Path, capsys: Capture) -> None:
    """The painted days lie in 2030: after their end there is nothing."""
    assert main(["learn", "--camera", "street", "--since", "2030-06-01"]) == 0
    assert "0 of 24" in capsys.readouterr().out


def test_a_camera_that_is_not_there_is_named_with_those_that_are(state: Path, capsys: Capture) -> None:
    assert main(["learn", "--camera", "stret"]) == 1
    said = capsys.readouterr().err

    assert "'stret'" in said
    assert "did you mean 'street'?" in said


@pytest.mark.parametrize("name", ["../experience", "a/b", ".."])
def test_a_name_that_would_leave_the_folder_is_refused(state: Path, name: str, capsys: Capture) -> None:
    assert main(["learn", "forget", "--camera", name]) == 1
    assert "can't be a camera's name" in capsys.readouterr().err
    assert (state / "experience" / "street").exists()


def test_an_action_without_a_camera_asks_for_one(state: Path, capsys: Capture) -> None:
    assert main(["learn", "rollback"]) == 1
    assert "vidsense learn rollback --camera NAME" in capsys.readouterr().err
