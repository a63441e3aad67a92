"""The daemon as its owner runs it: a process of its own, a configuration file, a state folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cameras import RtspCamera
from fakes import wait_until

from .street import make_visit

START_LIMIT_S = 60.0  # loading the encoder on a busy machine
EVENT_LIMIT_S = 60.0  # the clip comes round every 12 s

Json = dict[str, Any]


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with visit.mp4 (12 s, a cyclist from 5 s to 9 s) and empty.mp4 (12 s, nobody)."""
    folder = tmp_path_factory.mktemp("street")
    make_visit(folder / "visit.mp4", seconds=12, visit=(5.0, 9.0))
    make_visit(folder / "empty.mp4", seconds=12, visit=None)
    return folder


@pytest.fixture
def street_camera(street: Path) -> Iterator[RtspCamera]:
    """A real RTSP server that plays the street folder's clips."""
    with RtspCamera(street) as camera:
        yield camera


class Household:
    """A configuration, a state folder, and the commands that are run on them."""

    def __init__(self, folder: Path) -> None:
        self.state_dir = folder / "state"
        self.config = folder / "vidsense.yaml"
        self.log = folder / "daemon.log"
        self._daemons: list[subprocess.Popen[bytes]] = []

    def configure(self, url: str, **more: Any) -> None:
        """One camera at ``url`` that looks for a cyclist and for a car."""
        settings = {
            "cameras": {"yard": {"url": url, "triggers": ["cyclist", "car"], "stall_limit_s": 5}},
            "triggers": {
                "cyclist": {"prompt": "a person riding a bicycle", "contrast": ["an empty yard"], "cooldown_s": 1},
                "car": {"prompt": "a car", "contrast": ["an empty yard"], "cooldown_s": 1},
            },
            "encoder": {"backend": "builtin"},
            "describer": {"backend": "builtin"},
            **more,
        }
        self.config.write_text(json.dumps(settings))  # JSON is YAML

    def vidsense(self, *arguments: str, limit_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            self._command(*arguments),
            capture_output=True,
            text=True,
            timeout=limit_s,
            env=self._environment(),
            check=False,
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Start the daemon and wait until it watches."""
        ready_before = self.log_lines("daemon_ready")
        with self.log.open("ab") as log:
            daemon = subprocess.Popen(
                self._command("run", "--config", str(self.config)), stderr=log, env=self._environment()
            )
        self._daemons.append(daemon)
        wait_until(
            lambda: len(self.log_lines("daemon_ready")) > len(ready_before) or daemon.poll() is not None,
            limit_s=START_LIMIT_S,
            what="the daemon to be ready",
        )
        assert daemon.poll() is None, self.log.read_text()
        return daemon

    def stop(self, daemon: subprocess.Popen[bytes]) -> int:
        """Ask it to end, and the status it ends with; ten seconds are promised."""
        daemon.send_signal(signal.SIGTERM)
        return daemon.wait(10)

    def events(self) -> list[Json]:
        """All events, newest first, as `vidsense events list --json` prints them; none before there is a database."""
        answer = self.vidsense("events", "list", "--json", "--limit", "1000")
        events: list[Json] = json.loads(answer.stdout) if answer.returncode == 0 else []
        return events

    def await_events(self, enough: Callable[[list[Json]], bool], *, what: str) -> list[Json]:
        wait_until(lambda: enough(self.events()), limit_s=EVENT_LIMIT_S, what=what)
        return self.events()

    def log_lines(self, event: str) -> list[Json]:
        """The daemon's log lines of one kind."""
        if not self.log.exists():
            return []
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    def end(self) -> None:
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "vidsense_daemon", *arguments]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "VIDSENSE_STATE_DIR": str(self.state_dir), "TZ": "UTC"}


@pytest.fixture
def household(tmp_path: Path) -> Iterator[Household]:
    home = Household(tmp_path)
    yield home
    home.end()
