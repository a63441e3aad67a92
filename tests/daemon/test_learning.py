"""Recorded by day, trained at night by a child process, taken up by the running daemon."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import STARTED_AT, SimulatedClock, wait_until
from learning.scenes import SMALL, days

from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.daemon.learning import Learning, experience_folder, model_registry
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.learning.night import CameraTraining
from vidsense_daemon.perception.surprise import SurpriseModel
from vidsense_daemon.settings.learning import LearningBlock

BLOCK = LearningBlock(minutes=1)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder whose camera has seen a day."""
    Storage(tmp_path).close()
    days(experience_folder(tmp_path, BLOCK), 40)
    return tmp_path


def is_training(state: Path) -> bool:
    try:
        with model_registry(state).locked():
            return False
    except PermanentError:
        return True


@pytest.mark.timeout(120)  # a child process that imports PyTorch
def test_a_night_in_a_child_process_goes_live_in_the_running_daemon(state: Path) -> None:
    """No restart: what the night has made is what foretells from then on."""
    used: list[tuple[str, str]] = []

    def use(camera: str, model: SurpriseModel) -> None:
        used.append((camera, model.name))

    learning = Learning(state, BLOCK, cameras=lambda: ["street"], clock=SystemClock())
    learning.begin("eye", use)
    learning.train_at_night()
    before = list(used)
    learning.take_up()
    learning.take_up()

    assert before == []
    assert [camera for camera, _ in used] == ["street"]
    assert used[0][1] in ("transformer", "ridge-ar")
    live = next(kept for kept in model_registry(state).kept("street") if kept.state == "live")
    assert live.card.kind == used[0][1]


@pytest.mark.timeout(120)
def test_a_training_that_is_killed_leaves_what_was_live(state: Path) -> None:
    """kill -9 in the middle: the old model stays, no half file does, and the next training may begin."""
    registry = model_registry(state)
    training = CameraTraining(experience=experience_folder(state, BLOCK), registry=registry, sizes=SMALL)
    training.train("street", now=STARTED_AT + timedelta(days=2000))
    before = registry.kept("street")
    command = [sys.executable, "-m", "vidsense_daemon.daemon.nightly", "street", "--state-dir", str(state)]
    with subprocess.Popen([*command, "--minutes", "1", "--keep-mb", "200", "--keep-days", "7"]) as child:
        wait_until(lambda: is_training(state), limit_s=60, what="training")
        child.kill()
    assert child.returncode == -signal.SIGKILL

    assert registry.kept("street") == before
    assert registry.load("street", encoder="eye")[1] == before[0].card
    assert not is_training(state)
    assert list((state / "learned").rglob("*.part")) == []


def test_switched_off_nothing_is_trained(state: Path) -> None:
    learning = Learning(state, LearningBlock(enabled=False), cameras=lambda: ["street"], clock=SimulatedClock())
    learning.train_at_night()

    assert model_registry(state).kept("street") == []


def test_a_stopping_daemon_does_not_wait_for_the_night(state: Path) -> None:
    """The child goes with its parent."""
    learning = Learning(state, BLOCK, cameras=lambda: ["street"], clock=SystemClock())
    learning.close()
    learning.train_at_night()

    assert model_registry(state).kept("street") == []
