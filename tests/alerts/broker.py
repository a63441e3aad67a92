"""A real mosquitto on a free port of this machine, and a client that looks at what it holds."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from fakes import wait_until
from paho.mqtt.enums import CallbackAPIVersion

from vidsense_daemon.alerts.filters import Switches
from vidsense_daemon.alerts.hooks.mqtt import Mqtt

from .fakes import LIMIT_S

# Debian puts daemons where an ordinary user's PATH does not look
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")

ACTIVE = "vidsense/front_door/trigger/person_at_door/active"
CAMERAS = {"front_door": ("person_at_door", "parcel"), "garden": ()}


class Mosquitto:
    """A broker that a test can kill and start again on the same port."""

    def __init__(self, folder: Path, *, users: Path | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        access = f"password_file {users}\nallow_anonymous false\n" if users else "allow_anonymous true\n"
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\n{access}persistence false\nuser {getpass.getuser()}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(LIMIT_S)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False


class Listener:
    """Another client, such as Home Assistant: what it has heard, the newest text of each topic, and all in order."""

    def __init__(self, port: int) -> None:
        self.newest: dict[str, bytes] = {}
        self.heard: list[tuple[str, bytes]] = []
        self._ready = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener")
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_until(lambda: self._ready)

    def say(self, topic: str, text: str, *, retain: bool = False) -> None:
        self._client.publish(topic, text, qos=1, retain=retain).wait_for_publish(LIMIT_S)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(text) for topic, text in list(self.heard) if topic == "vidsense/events"]

    def configs(self) -> dict[str, dict[str, Any]]:
        """What Home Assistant would show now, by discovery topic."""
        return {
            topic: json.loads(text)
            for topic, text in list(self.newest.items())
            if topic.startswith("homeassistant/") and topic.endswith("/config") and text
        }

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_subscribe(self, *_: object) -> None:
        self._ready = True

    def _on_message(self, _client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        self.newest[message.topic] = bytes(message.payload)
        self.heard.append((message.topic, bytes(message.payload)))


@contextmanager
def mosquitto(folder: Path, *, users: Path | None = None) -> Iterator[Mosquitto]:
    """A running broker; the test is skipped where mosquitto is not installed."""
    if MOSQUITTO is None:
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    broker = Mosquitto(folder, users=users)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def connected(broker: Mosquitto, **options: Any) -> Iterator[Mqtt]:
    """The hook, started and stopped as the daemon does it."""
    options = {"cameras": CAMERAS, "switches": Switches(), "timeout_s": 5.0, **options}
    hook = Mqtt(name="home", host="127.0.0.1", port=broker.port, **options)
    hook.start()
    try:
        yield hook
    finally:
        hook.stop()


def said(listener: Listener, topic: str, text: bytes) -> None:
    """Wait until the newest text of the topic is this one."""
    wait_until(lambda: listener.newest.get(topic) == text)
