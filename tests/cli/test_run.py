"""`vidsense run`, before the daemon is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import wait_until

_SIGTERM_BIT = 1 << (signal.SIGTERM - 1)


def handles_sigterm(pid: int) -> bool:
    """Whether the process has taken SIGTERM into its own hands, as the kernel says."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & _SIGTERM_BIT)


@pytest.mark.timeout(60)
def test_a_daemon_that_is_stopped_while_it_starts_ends_quietly(tmp_path: Path) -> None:
    """`systemctl stop` right after `start`: importing PyTorch takes seconds, and stopping then is no failure."""
    config, state = tmp_path / "vidsense.yaml", tmp_path / "state"
    config.write_text(
        "cameras: {yard: {url: rtsp://127.0.0.1:9/, triggers: [person]}}\ntriggers: {person: {prompt: a person}}\n"
    )
    daemon = subprocess.Popen(
        [sys.executable, "-m", "vidsense_daemon", "run", "--config", str(config)],
        env={**os.environ, "VIDSENSE_STATE_DIR": str(state)},
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(lambda: handles_sigterm(daemon.pid), limit_s=30, what="the command to begin")
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=20)
    finally:
        daemon.kill()

    assert (daemon.returncode, said) == (0, b"")
    assert not state.exists()


_SIGNALLED_AT_AN_IMPORT = """
import os, signal, sys
class Signalling:
    def find_spec(self, name, path=None, target=None):
        if name == "vidsense_daemon.cli.main":
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Signalling())
"""


def signalled_at_an_import(name: str, *, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """What becomes of a daemon that gets this signal before its commands are loaded; it has no configuration."""
    (folder / "sitecustomize.py").write_text(_SIGNALLED_AT_AN_IMPORT.format(name=name))
    return subprocess.run(
        [sys.executable, "-m", "vidsense_daemon", "run", "--config", str(folder / "none.yaml")],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        timeout=20,
        check=False,
    )


def test_a_daemon_that_is_stopped_before_its_commands_are_loaded_ends_quietly(tmp_path: Path) -> None:
    """The half second before the command line is understood counts as well."""
    ended = signalled_at_an_import("SIGTERM", folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_reload_right_after_the_start_does_not_end_the_daemon(tmp_path: Path) -> None:
    """`systemctl reload` while it still imports: the configuration is read later in any case."""
    ended = signalled_at_an_import("SIGHUP", folder=tmp_path)

    assert (ended.returncode, b"none.yaml does not exist" in ended.stderr) == (78, True)
