"""The unit under a real systemd as PID 1: what it promises on paper, tried on a machine that boots for it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from cameras import RtspCamera
from e2e.street import make_visit
from fakes import wait_until

from .machine import VIDSENSE, Machine, why_not

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it boots"),
    pytest.mark.timeout(400),
]

_START_LIMIT_S = 150.0
_EVENT_LIMIT_S = 120.0
_FAST = "[Service]\nWatchdogSec=10\nRestartSec=1\n"  # the unit's own times are for people, not for tests


class Service:
    """vidsense as the machine's service."""

    def __init__(self, machine: Machine, port: int) -> None:
        self.machine = machine
        self._config = machine.root / "etc/vidsense/vidsense.yaml"
        self._port = port

    def configure(self, **more: Any) -> bool:
        """One camera, whose address is partly a credential; whether that was news."""
        url = f"rtsp://127.0.0.1:{self._port}/{{CLIP}}?play_count=0"
        settings = {
            "cameras": {"yard": {"url": url, "triggers": ["person"]}},
            "triggers": {"person": {"prompt": "a person", "contrast": ["an empty yard"], "cooldown_s": 1}},
            "encoder": {"backend": "builtin"},
            "describer": {"backend": "builtin"},
            **more,
        }
        text = json.dumps(settings)  # JSON is YAML
        news = not self._config.exists() or self._config.read_text() != text
        self._config.write_text(text)
        return news

    def is_fresh(self) -> bool:
        """Whether it runs and was never restarted: starting it anew takes half a minute."""
        return self.shows("ActiveState") == "active" and self.shows("NRestarts") == "0"

    def start_anew(self) -> None:
        """With its counters at zero; returns when it is ready."""
        self.systemctl("stop")
        self.systemctl("reset-failed")
        started = self.systemctl("start")
        assert started.returncode == 0, self.journal()

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.machine.run("systemctl", *words, "vidsense", limit_s=_START_LIMIT_S)

    def shows(self, name: str) -> str:
        """One of systemd's properties of it."""
        return self.systemctl("show", "--value", "--property", name).stdout.strip()

    def journal(self) -> str:
        return self.machine.run("journalctl", "--unit", "vidsense", "--no-pager", "--output", "cat").stdout

    def process(self) -> dict[str, str]:
        """What the kernel says of its main process."""
        text = self.machine.run("cat", f"/proc/{self.shows('MainPID')}/status").stdout
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def events(self) -> list[dict[str, Any]]:
        answer = self.machine.run("runuser", "-u", "vidsense", "--", VIDSENSE, "events", "list", "--json")
        events: list[dict[str, Any]] = json.loads(answer.stdout) if answer.returncode == 0 else []
        return events


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A machine on which `vidsense install` was run, with a camera in its network."""
    clips = tmp_path_factory.mktemp("street")
    make_visit(clips / "visit.mp4", seconds=12, visit=(5.0, 9.0))
    camera = RtspCamera(clips)  # for its port and its program; it is started in the machine's network
    with Machine(tmp_path_factory.mktemp("machine")) as machine:
        server = machine.beside(*camera.command)
        done = machine.run(VIDSENSE, "install", "--executable", VIDSENSE)
        assert done.returncode == 0, done.stderr
        (machine.root / "etc/vidsense/credentials/CLIP").write_text("visit.mp4\n")
        drop_in = machine.root / "etc/systemd/system/vidsense.service.d/fast.conf"
        drop_in.parent.mkdir()
        drop_in.write_text(_FAST)
        machine.run("systemctl", "daemon-reload")
        yield Service(machine, camera.port)
        server.kill()
        server.wait()


@pytest.fixture
def service(installed: Service) -> Service:
    """The service, running and ready."""
    news = installed.configure()
    if news or not installed.is_fresh():
        installed.start_anew()
    return installed


def test_an_event_comes_out_of_the_walls(service: Service) -> None:
    """Hardened as it is, the whole way works: camera, decoder, PyTorch, database, a secret from systemd."""
    wait_until(lambda: bool(service.events()), limit_s=_EVENT_LIMIT_S, what="an event")

    [event, *_] = service.events()
    assert (event["camera"], event["trigger"]) == ("yard", "person")
    # the clip begins anew every few seconds, and with it the stream
    streaming = "1 of 1 cameras streaming"
    wait_until(lambda: service.shows("StatusText") == streaming, limit_s=30, what="the status to say so")


def test_the_process_has_no_power(service: Service) -> None:
    """No root, no capability, no way to get one, a filter on its system calls, and its state is its own."""
    process = service.process()

    assert process["Uid"].split()[0] != "0"
    assert {int(process[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")
    assert service.machine.run("stat", "-c", "%U %a", "/var/lib/vidsense").stdout.split() == ["vidsense", "700"]
    assert service.machine.run("runuser", "-u", "vidsense", "--", "ls", "/etc/vidsense/credentials").returncode != 0


def test_a_daemon_that_hangs_is_killed_and_started_again(service: Service) -> None:
    """Its pings come from the loop that watches over all workers; when that stands still, systemd acts."""
    service.systemctl("kill", "--kill-whom=main", "--signal=STOP")

    wait_until(lambda: service.shows("NRestarts") == "1", limit_s=60, what="the watchdog to bite")
    assert "Watchdog timeout" in service.journal()
    wait_until(lambda: service.shows("ActiveState") == "active", limit_s=_START_LIMIT_S, what="the restart")


def test_a_wrong_configuration_is_not_tried_again(service: Service) -> None:
    """Status 78 says that somebody has to change something: starting again could not help."""
    service.configure(describr={})

    assert service.systemctl("restart").returncode != 0
    assert (service.shows("ActiveState"), service.shows("ExecMainStatus")) == ("failed", "78")
    assert service.shows("NRestarts") == "0"
    assert "did you mean 'describer'?" in service.journal()


def test_a_reload_keeps_the_process_and_refuses_a_mistake(service: Service) -> None:
    """`systemctl reload` applies a change; a file with a mistake leaves everything as it was."""
    process = service.shows("MainPID")
    service.configure(describr={})
    service.systemctl("reload")
    wait_until(lambda: "reload_refused" in service.journal(), limit_s=30, what="the refusal")

    service.configure(retention={"keep_days": 3})
    service.systemctl("reload")
    wait_until(lambda: "configuration_applied" in service.journal(), limit_s=30, what="the change")
    assert (service.shows("MainPID"), service.shows("ActiveState")) == (process, "active")


def test_the_doctor_finds_a_healthy_service(service: Service) -> None:
    """`sudo vidsense doctor` sees what the service sees: its state, its secrets, systemd's word."""
    answer = service.machine.run(VIDSENSE, "doctor", "--json", "--offline")

    found = {finding["what"]: finding for finding in json.loads(answer.stdout)["findings"]}
    assert found["systemd"]["says"] == "the service is active (running), enabled"
    assert found["configuration"]["verdict"] == "ok"
    assert "/var/lib/vidsense" in found["database"]["says"]


def test_a_stop_is_clean(service: Service) -> None:
    """The daemon ends by itself, within its time, with status 0."""
    service.systemctl("stop")

    assert (service.shows("Result"), service.shows("ExecMainStatus")) == ("success", "0")


def test_uninstall_keeps_the_data(service: Service) -> None:
    """The service is gone; what it has recorded and its configuration are not. Installing again finds both."""
    done = service.machine.run(VIDSENSE, "uninstall")
    try:
        assert done.returncode == 0, done.stderr
        assert "kept /etc/vidsense, /var/lib/vidsense" in done.stdout
        assert service.shows("LoadState") == "not-found"
        assert service.machine.run("test", "-s", "/var/lib/vidsense/vidsense.db").returncode == 0
    finally:
        assert service.machine.run(VIDSENSE, "install", "--executable", VIDSENSE).returncode == 0


class UsersService:
    """vidsense as the service of one user who is not logged in."""

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine = machine
        self._name = name
        assert machine.run("useradd", "--create-home", name).returncode == 0
        self.home = machine.root / "home" / name
        self._runtime = f"/run/user/{machine.run('id', '-u', name).stdout.strip()}"
        assert machine.run("loginctl", "enable-linger", name).returncode == 0
        wait_until(
            lambda: machine.run("test", "-S", f"{self._runtime}/systemd/private").returncode == 0,
            limit_s=60,
            what="the user's own service manager",
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """As that user, in their home."""
        environment = [f"HOME=/home/{self._name}", f"XDG_RUNTIME_DIR={self._runtime}"]
        return self._machine.run(
            "runuser", "-u", self._name, "--", "env", *environment, *command, limit_s=_START_LIMIT_S
        )

    def write(self, path: str, text: str) -> None:
        assert self.run("sh", "-c", f"cat > {path} <<'END'\n{text}\nEND").returncode == 0

    def shows(self, name: str) -> str:
        answer = self.run("systemctl", "--user", "show", "--value", "--property", name, "vidsense")
        return answer.stdout.strip()


def test_a_user_without_root_has_a_service_of_their_own(installed: Service) -> None:
    """Under a real user manager: notify, watchdog, the secret, a clean end; uninstalling keeps the data."""
    installed.configure()
    settings = (installed.machine.root / "etc/vidsense/vidsense.yaml").read_text()
    user = UsersService(installed.machine, "ann")

    done = user.run(VIDSENSE, "install", "--user", "--executable", VIDSENSE)
    assert done.returncode == 0, done.stderr
    user.write("~/.config/vidsense/vidsense.yaml", json.dumps({**json.loads(settings), "review": {"enabled": False}}))
    user.write("~/.config/vidsense/credentials/CLIP", "visit.mp4")
    started = user.run("systemctl", "--user", "start", "vidsense")
    assert started.returncode == 0, user.run("journalctl", "--user", "--no-pager").stdout

    streaming = "1 of 1 cameras streaming"
    wait_until(lambda: user.shows("StatusText") == streaming, limit_s=60, what="the user's camera")
    assert user.shows("WatchdogTimestampMonotonic") != "0"
    assert user.run("stat", "-c", "%U %a", "/home/ann/.local/state/vidsense").stdout.split() == ["ann", "700"]

    done = user.run(VIDSENSE, "uninstall", "--user")
    assert done.returncode == 0, done.stderr
    assert user.shows("LoadState") == "not-found"
    assert user.run("test", "-s", "/home/ann/.local/state/vidsense/vidsense.db").returncode == 0
