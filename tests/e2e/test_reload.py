"""SIGHUP: a changed configuration is applied while the cameras that did not change go on."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from alerts.receiver import receiver
from cameras import RtspCamera, free_port
from fakes import wait_until

from .conftest import EVENT_LIMIT_S, Household

pytestmark = pytest.mark.timeout(180)


def streaming(household: Household, camera: str) -> int:
    """How many times the camera's stream was opened."""
    return sum(line["camera"] == camera for line in household.log_lines("camera_streaming"))


def change(household: Household, **more: Any) -> None:
    household.config.write_text(json.dumps({**json.loads(household.config.read_text()), **more}))


def reload(household: Household, daemon: subprocess.Popen[bytes], *, said: str = "configuration_applied") -> None:
    before = len(household.log_lines(said))
    daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: len(household.log_lines(said)) > before, limit_s=30, what=said)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def settings_of(household: Household) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(household.config.read_text())
    return settings


@pytest.fixture
def watching(household: Household, street_camera: RtspCamera) -> subprocess.Popen[bytes]:
    """A daemon that watches the yard."""
    household.configure(street_camera.url("visit.mp4"), review={"enabled": False})
    daemon = household.start()
    wait_until(lambda: streaming(household, "yard") == 1, limit_s=30, what="the yard")
    return daemon


def test_a_new_camera_is_watched_and_the_old_one_goes_on(
    household: Household, street_camera: RtspCamera, watching: subprocess.Popen[bytes]
) -> None:
    """Its stream is not even looked at; a camera that is taken out is left alone from then on."""
    cameras = settings_of(household)["cameras"]
    change(household, cameras={**cameras, "gate": {"url": street_camera.url("empty.mp4"), "triggers": ["car"]}})
    reload(household, watching)
    wait_until(lambda: streaming(household, "gate") == 1, limit_s=30, what="the gate")
    assert streaming(household, "yard") == 1

    change(household, cameras=cameras)
    reload(household, watching)

    assert household.log_lines("configuration_applied")[-1]["changes"] == ["camera gate is no longer watched"]
    assert streaming(household, "yard") == 1
    assert household.stop(watching) == 0


def test_what_is_looked_for_changes_without_a_new_stream(
    household: Household, watching: subprocess.Popen[bytes]
) -> None:
    """A trigger with another name: the next event has it, on the stream that was never cut."""
    triggers = {"visitor": {"prompt": "a person riding a bicycle", "contrast": ["an empty yard"], "cooldown_s": 1}}
    camera = {**settings_of(household)["cameras"]["yard"], "triggers": ["visitor"]}
    change(household, triggers=triggers, cameras={"yard": camera})
    reload(household, watching)

    wait_until(
        lambda: any(event["trigger"] == "visitor" for event in household.events()),
        limit_s=EVENT_LIMIT_S,
        what="an event of the new trigger",
    )
    assert streaming(household, "yard") == 1


def test_a_new_hook_is_told_of_the_next_event(household: Household, watching: subprocess.Popen[bytes]) -> None:
    """Nobody has to restart anything to be told."""
    with receiver() as phone:
        change(household, hooks=[{"kind": "webhook", "url": phone.url}])
        reload(household, watching)

        wait_until(lambda: bool(phone.received), limit_s=EVENT_LIMIT_S, what="the call of the hook")
    assert streaming(household, "yard") == 1


def test_the_review_pages_can_be_switched_on(household: Household, watching: subprocess.Popen[bytes]) -> None:
    """And moved to another port, while the cameras go on."""
    ports = (free_port(), free_port())
    for port in ports:
        change(household, review={"enabled": True, "port": port})
        reload(household, watching)
        wait_until(lambda port=port: listens(port), limit_s=30, what=f"port {port}")

    wait_until(lambda: not listens(ports[0]), limit_s=30, what="the old port to be closed")
    assert streaming(household, "yard") == 1


def test_a_file_with_a_mistake_is_refused_and_the_old_one_goes_on(
    household: Household, watching: subprocess.Popen[bytes]
) -> None:
    """The log says what is wrong, as `vidsense check` would; the daemon watches on as before."""
    good = household.config.read_text()
    change(household, describr={})
    reload(household, watching, said="reload_refused")

    assert "did you mean 'describer'?" in household.log_lines("reload_refused")[0]["reason"]
    household.config.write_text(good)
    reload(household, watching)
    assert household.log_lines("configuration_applied")[-1]["changes"] == []
    assert streaming(household, "yard") == 1


def test_the_difference_can_be_seen_before_a_reload(
    household: Household, street_camera: RtspCamera, watching: subprocess.Popen[bytes]
) -> None:
    """`vidsense config diff` compares the file with what the daemon has applied, and says what a reload would do."""
    del watching
    camera = {"url": street_camera.url("empty.mp4"), "triggers": ["cyclist"]}
    change(household, cameras={"yard": camera}, encoder={"backend": "builtin", "threads": 1})

    answer = household.vidsense("config", "diff", "--config", str(household.config), "--json")

    said = json.loads(answer.stdout)
    keys = {difference["key"] for difference in said["differences"]}
    assert {"cameras.yard.url", "cameras.yard.triggers", "encoder.threads"} <= keys
    assert said["reload"] == ["the stream of yard is opened anew", "encoder: only a restart applies it"]
    assert Path(household.state_dir / "applied.yaml").stat().st_mode & 0o777 == 0o600
