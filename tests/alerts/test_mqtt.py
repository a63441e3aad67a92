"""The MQTT hook against a real broker, with a second client in Home Assistant's place."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import wait_until

from vidsense_daemon.alerts.filters import Switches
from vidsense_daemon.alerts.hooks.mqtt import Mqtt
from vidsense_daemon.base.errors import ConfigError, DeliveryError
from vidsense_daemon.domain.events import DeliveryPhase, EventRecord, EventState

from .broker import ACTIVE, CAMERAS, Listener, Mosquitto, connected, mosquitto, said
from .fakes import owed, record

ENABLED = "vidsense/front_door/trigger/person_at_door/enabled"
SET = "vidsense/front_door/trigger/person_at_door/set"


def closed(described: bool = False) -> EventRecord:
    found = record(described=described)
    return replace(found, event=replace(found.event, state=EventState.CLOSED))


def test_an_event_is_new_then_over_then_described(broker: Mosquitto, listener: Listener) -> None:
    """A listener follows an event from its beginning to its description under one id."""
    with connected(broker) as hook:
        said(listener, "vidsense/available", b"online")
        hook.deliver(owed(DeliveryPhase.OPENED), record())
        hook.deliver(owed(DeliveryPhase.CLOSED), closed())
        hook.deliver(owed(DeliveryPhase.DESCRIBED), closed(described=True))
        wait_until(lambda: len(listener.events()) == 3)

    assert [event["type"] for event in listener.events()] == ["new", "end", "update"]
    assert {event["after"]["id"] for event in listener.events()} == {"1777916523000-abcdef"}
    assert listener.events()[2]["after"]["summary"] == "A courier leaves a parcel – „Ünïcode“."


def test_the_triggers_sensor_is_on_while_the_event_goes_on(broker: Mosquitto, listener: Listener) -> None:
    """A lamp that follows the sensor goes on at the beginning and off at the end."""
    with connected(broker) as hook:
        said(listener, ACTIVE, b"OFF")
        hook.deliver(owed(DeliveryPhase.OPENED), record())
        said(listener, ACTIVE, b"ON")
        hook.deliver(owed(DeliveryPhase.CLOSED), closed())
        said(listener, ACTIVE, b"OFF")


def test_an_alert_that_comes_late_does_not_switch_the_sensor_on(broker: Mosquitto, listener: Listener) -> None:
    """What the broker hears of after an outage is told, but is no longer going on."""
    with connected(broker) as hook:
        said(listener, "vidsense/available", b"online")
        hook.deliver(owed(DeliveryPhase.OPENED), closed())
        wait_until(lambda: len(listener.events()) == 1)

    assert (ACTIVE, b"ON") not in listener.heard


def test_the_end_of_an_earlier_event_does_not_end_a_later_one(broker: Mosquitto, listener: Listener) -> None:
    """Two events of one trigger close together leave the sensor on until the second is over."""
    second = record("1777916599000-second")
    with connected(broker) as hook:
        said(listener, "vidsense/available", b"online")
        hook.deliver(owed(DeliveryPhase.OPENED), record())
        hook.deliver(owed(DeliveryPhase.OPENED), second)
        hook.deliver(owed(DeliveryPhase.CLOSED), closed())
        wait_until(lambda: len(listener.events()) == 3)

        assert listener.newest[ACTIVE] == b"ON"


def test_the_daemon_is_online_and_offline(broker: Mosquitto, listener: Listener) -> None:
    """Home Assistant greys the entities out when the daemon ends."""
    with connected(broker):
        said(listener, "vidsense/available", b"online")
    said(listener, "vidsense/available", b"offline")


def test_the_broker_says_offline_for_a_daemon_that_was_killed(broker: Mosquitto, listener: Listener) -> None:
    """A daemon that dies without a word is shown as dead."""
    program = (
        "import time; from vidsense_daemon.alerts.hooks.mqtt import Mqtt; "
        "from vidsense_daemon.alerts.filters import Switches; "
        f"h = Mqtt(name='home', host='127.0.0.1', port={broker.port}, cameras={{}}, switches=Switches()); "
        "h.start(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as daemon:
        said(listener, "vidsense/available", b"online")
        daemon.kill()
    said(listener, "vidsense/available", b"offline")


def test_a_trigger_is_switched_off_and_on(broker: Mosquitto, listener: Listener) -> None:
    """The switch in Home Assistant stops the trigger, and shows that it did."""
    switches = Switches()
    with connected(broker, switches=switches):
        said(listener, ENABLED, b"ON")
        listener.say(SET, "OFF")
        said(listener, ENABLED, b"OFF")
        assert not switches.is_enabled("front_door", "person_at_door")
        assert switches.is_enabled("front_door", "parcel")
        listener.say(SET, "ON")
        said(listener, ENABLED, b"ON")
        assert switches.is_enabled("front_door", "person_at_door")


def test_alerts_are_suspended_for_some_minutes(broker: Mosquitto, listener: Listener) -> None:
    """A garden party does not fill the phones."""
    switches = Switches()
    with connected(broker, switches=switches):
        said(listener, "vidsense/front_door/notifications/suspended", b"0")
        listener.say("vidsense/front_door/notifications/suspend", "30")
        said(listener, "vidsense/front_door/notifications/suspended", b"30")

    assert 29 * 60 < switches.snoozed_s("front_door") <= 30 * 60
    assert switches.snoozed_s("garden") == 0


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        (SET, "off"),
        (SET, "\x00"),
        (SET, ""),
        ("vidsense/front_door/trigger/unknown/set", "OFF"),
        ("vidsense/unknown/trigger/person_at_door/set", "OFF"),
        ("vidsense/front_door/notifications/suspend", "-1"),
        ("vidsense/front_door/notifications/suspend", "nan"),
        ("vidsense/front_door/notifications/suspend", "1e9"),
        ("vidsense/unknown/notifications/suspend", "5"),
        ("homeassistant/sensor/vidsense/x/config", "not json"),
        ("homeassistant/sensor/vidsense/y/config", '["not", "an", "object"]'),
        ("homeassistant/sensor/vidsense/z/config", '{"state_topic": "other/thing"}'),
    ],
)
def test_a_command_that_makes_no_sense_changes_nothing(
    broker: Mosquitto, listener: Listener, topic: str, text: str
) -> None:
    """Nothing that is published on the broker can end the connection or switch something by accident."""
    switches = Switches()
    with connected(broker, switches=switches) as hook:
        said(listener, "vidsense/available", b"online")
        listener.say(topic, text)
        listener.say(SET, "ON")  # answered after the other: commands keep their order
        wait_until(lambda: listener.heard.count((ENABLED, b"ON")) == 2)
        hook.deliver(owed(), record())

    assert switches.is_enabled("front_door", "person_at_door")
    assert switches.snoozed_s("front_door") == 0
    assert ("other/thing", b"") not in listener.heard


def test_a_command_that_the_broker_kept_is_not_obeyed(broker: Mosquitto, listener: Listener) -> None:
    """A forgotten retained message does not switch a trigger off at every start."""
    switches = Switches()
    listener.say(SET, "OFF", retain=True)
    with connected(broker, switches=switches):
        said(listener, ENABLED, b"ON")
        listener.say("vidsense/front_door/notifications/suspend", "1")
        said(listener, "vidsense/front_door/notifications/suspended", b"1")

    assert switches.is_enabled("front_door", "person_at_door")


def test_the_still_and_the_summary_are_shown(broker: Mosquitto, listener: Listener, tmp_path: Path) -> None:
    """The last event's picture and words stand on the dashboard."""
    jpeg = tmp_path / "still.jpg"
    jpeg.write_bytes(b"\xff\xd8 a picture \xff\xd9")
    found = closed(described=True)
    found = replace(found, stills=(replace(found.stills[0], path=str(jpeg)),))
    with connected(broker) as hook:
        said(listener, "vidsense/available", b"online")
        hook.deliver(owed(DeliveryPhase.DESCRIBED), found)
        said(listener, "vidsense/front_door/snapshot", jpeg.read_bytes())
        wait_until(lambda: "vidsense/front_door/summary" in listener.newest)

    shown = json.loads(listener.newest["vidsense/front_door/summary"])
    assert shown["summary"] == "A courier leaves a parcel – „Ünïcode“."


def test_an_event_is_announced_once_to_automations(broker: Mosquitto, listener: Listener) -> None:
    """The event entity fires when the event begins, and not again for its description."""
    with connected(broker) as hook:
        said(listener, "vidsense/available", b"online")
        hook.deliver(owed(DeliveryPhase.OPENED), record())
        hook.deliver(owed(DeliveryPhase.DESCRIBED), closed(described=True))
        wait_until(lambda: len(listener.events()) == 2)

    fired = [json.loads(text) for topic, text in listener.heard if topic == "vidsense/front_door/event"]
    assert [event["event_type"] for event in fired] == ["person_at_door"]


def test_a_cameras_connection_is_shown(broker: Mosquitto, listener: Listener) -> None:
    """A camera that has lost its power is seen on the dashboard."""
    with connected(broker) as hook:
        said(listener, "vidsense/available", b"online")
        hook.camera_connected("front_door", connected=True)
        said(listener, "vidsense/front_door/connected", b"ON")
        hook.camera_connected("front_door", connected=False)
        said(listener, "vidsense/front_door/connected", b"OFF")


def test_a_broker_that_is_killed_and_comes_back(broker: Mosquitto, listener: Listener) -> None:
    """The hook says that the broker is away, reconnects by itself and shows all states again."""
    with connected(broker) as hook:
        said(listener, "vidsense/available", b"online")
        hook.deliver(owed(), record())
        listener.stop()
        broker.kill()
        wait_until(lambda: refuses(hook))
        broker.start()
        wait_until(lambda: not refuses(hook))

        again = Listener(broker.port)
        said(again, "vidsense/available", b"online")
        said(again, ACTIVE, b"ON")
        again.stop()


def refuses(hook: Mqtt) -> bool:
    try:
        hook.deliver(owed(), record())
    except DeliveryError as error:
        return error.retry_after_s == 5
    return False


def test_a_broker_that_is_not_there_is_named() -> None:
    """The operator reads which hook, which address, and what to look at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hook = Mqtt(name="home", host="127.0.0.1", port=port, cameras=CAMERAS, switches=Switches())
    hook.start()
    try:
        wait_until(lambda: "is it running?" in trouble(hook))
        assert f"hook 'home': the broker 127.0.0.1:{port} is not connected: nobody answers there" in trouble(hook)
    finally:
        hook.stop()


def test_a_wrong_password_is_said(tmp_path: Path) -> None:
    """The broker's refusal reaches the operator, the password does not."""
    users = tmp_path / "users"
    users.write_text("")
    users.chmod(0o600)
    with mosquitto(tmp_path, users=users) as broker:
        hook = Mqtt(
            name="home",
            host="127.0.0.1",
            port=broker.port,
            username="me",
            password="s3cr3t",
            cameras=CAMERAS,
            switches=Switches(),
        )
        hook.start()
        try:
            wait_until(lambda: "check the hook's username and password" in trouble(hook))
            assert "s3cr3t" not in trouble(hook)
        finally:
            hook.stop()


def trouble(hook: Mqtt) -> str:
    with pytest.raises(DeliveryError) as raised:
        hook.deliver(owed(), record())
    return str(raised.value)


@pytest.mark.parametrize(
    "options",
    [{"topic_prefix": "a/#"}, {"topic_prefix": "/a"}, {"cameras": {"a/b": ()}}, {"cameras": {"a": ("b+",)}}],
)
def test_a_name_that_would_break_the_topics_is_refused(options: dict[str, Any]) -> None:
    """A wildcard in a name would make the daemon hear and say what it should not."""
    with pytest.raises(ConfigError, match="MQTT topic"):
        Mqtt(name="home", host="127.0.0.1", **{"cameras": CAMERAS, "switches": Switches(), **options})
