"""The unit files, judged by systemd's own tools: no mistake in them, and walls as high as promised."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vidsense_daemon.cli.unitfiles import DROP_INS, deploy_dir, service_files, system_layout, user_layout

analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")

# what `systemd-analyze security` may find, of 10; devices that a graphics card needs cost some
_EXPOSURE = {"": 1.2, "internet": 1.2, "vaapi": 1.5, "nvidia": 1.5, "webcam": 1.5}


def installed(root: Path, *drop_ins: str, scope: str = "system") -> Path:
    """The unit and its drop-ins, below ``root``; it starts a program that is there."""
    layout = system_layout(root) if scope == "system" else user_layout(root)
    for file in service_files(layout, scope=scope, executable="/bin/true", drop_ins=drop_ins):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text(file.text)
    return layout.unit


@analyze
@pytest.mark.parametrize("drop_in", ["", *DROP_INS])
def test_systemd_finds_no_mistake_in_the_unit(tmp_path: Path, drop_in: str) -> None:
    """No unknown key, no wrong value, no setting that contradicts another: alone and with each drop-in."""
    unit = installed(tmp_path, *([drop_in] if drop_in else []))

    found = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stderr) == (0, "")


@analyze
def test_systemd_finds_no_mistake_in_a_users_unit(tmp_path: Path) -> None:
    """The same for who installs without root."""
    unit = installed(tmp_path, scope="user")

    found = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )

    assert (found.returncode, found.stderr) == (0, "")


@analyze
@pytest.mark.parametrize(("drop_in", "limit"), _EXPOSURE.items())
def test_the_walls_are_as_high_as_promised(tmp_path: Path, drop_in: str, limit: float) -> None:
    """`systemd-analyze security`: at most 1.2 on a processor, at most 1.5 with devices. Nobody lowers it unseen."""
    unit = installed(tmp_path, *([drop_in] if drop_in else []))

    found = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={round(limit * 10)}", unit],
        capture_output=True,
        text=True,
        check=False,
    )

    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", found.stdout)
    assert exposure
    assert float(exposure[1]) <= limit
    assert found.returncode == 0


def test_every_drop_in_can_be_asked_for() -> None:
    """`vidsense install --with` offers each file of the folder."""
    assert sorted(DROP_INS) == sorted(path.stem for path in (deploy_dir() / "dropins").glob("*.conf"))


def test_a_wrong_configuration_never_restarts_and_torch_gets_its_memory() -> None:
    """Two lines that a tidy mind might "improve": each was found the hard way."""
    unit = (deploy_dir() / "system/vidsense.service").read_text()

    assert "RestartPreventExitStatus=78" in unit
    assert "MemoryDenyWriteExecute=no" in unit
    assert "ProcSubset=all" in unit
