"""MQTT discovery against a real broker: what Home Assistant shows of each camera without a line of YAML."""

from __future__ import annotations

from dataclasses import replace

from fakes import wait_until

from vidsense_daemon.domain.events import NOVELTY, TAMPER, DeliveryPhase, EventRecord, EventState

from .broker import ACTIVE, Listener, Mosquitto, connected, said
from .fakes import owed, record


def test_home_assistant_finds_every_camera_and_trigger(broker: Mosquitto, listener: Listener) -> None:
    """A user of Home Assistant writes no YAML: the entities are there."""
    with connected(broker):
        said(listener, "vidsense/available", b"online")
        wait_until(lambda: len(listener.configs()) == 13)

    names = {topic.removeprefix("homeassistant/").removesuffix("/config") for topic in listener.configs()}
    assert names == {
        "binary_sensor/vidsense/front_door_connected",
        "image/vidsense/front_door_snapshot",
        "sensor/vidsense/front_door_summary",
        "number/vidsense/front_door_suspend",
        "event/vidsense/front_door_event",
        "binary_sensor/vidsense/front_door_person_at_door_active",
        "switch/vidsense/front_door_person_at_door_enabled",
        "binary_sensor/vidsense/front_door_parcel_active",
        "switch/vidsense/front_door_parcel_enabled",
        "binary_sensor/vidsense/garden_connected",
        "image/vidsense/garden_snapshot",
        "sensor/vidsense/garden_summary",
        "number/vidsense/garden_suspend",
    }


def test_every_announcement_has_what_home_assistant_asks_for(broker: Mosquitto, listener: Listener) -> None:
    """Unique ids, one device a camera, an origin and the availability: without them an entity cannot be kept."""
    with connected(broker):
        wait_until(lambda: len(listener.configs()) == 13)

    configs = list(listener.configs().values())
    assert len({config["unique_id"] for config in configs}) == 13
    assert {config["device"]["identifiers"][0] for config in configs} == {"vidsense_front_door", "vidsense_garden"}
    assert all(config["availability_topic"] == "vidsense/available" for config in configs)
    assert all(config["origin"]["name"] == "vidsense-daemon" for config in configs)


def test_announcements_are_there_for_those_who_come_later(broker: Mosquitto) -> None:
    """Home Assistant may be started after the daemon."""
    with connected(broker) as hook:
        hook_is_up = Listener(broker.port)
        said(hook_is_up, "vidsense/available", b"online")
        wait_until(lambda: len(hook_is_up.configs()) == 13)
        hook_is_up.stop()

        late = Listener(broker.port)
        wait_until(lambda: len(late.configs()) == 13)
        said(late, ACTIVE, b"OFF")
        late.stop()
        assert hook.name == "home"


def test_a_camera_that_is_gone_is_removed(broker: Mosquitto, listener: Listener) -> None:
    """A camera taken out of the configuration leaves no dead entities behind."""
    with connected(broker):
        wait_until(lambda: len(listener.configs()) == 13)
    with connected(broker, cameras={"front_door": ("person_at_door",)}):
        wait_until(lambda: len(listener.configs()) == 7)

    assert not any("garden" in topic or "parcel" in topic for topic in listener.configs())
    assert listener.newest["vidsense/front_door/trigger/parcel/active"] == b""
    assert listener.newest["vidsense/garden/notifications/suspended"] == b""


def test_another_daemons_entities_are_left_alone(broker: Mosquitto, listener: Listener) -> None:
    """Two daemons on one broker, each with its own prefix, do not fight."""
    foreign = "homeassistant/sensor/other_house/kitchen_summary/config"
    listener.say(foreign, '{"state_topic": "other_house/kitchen/summary"}', retain=True)
    with connected(broker):
        wait_until(lambda: len(listener.configs()) == 14)

    assert listener.newest[foreign] != b""


def test_everything_is_told_again_when_home_assistant_starts(broker: Mosquitto, listener: Listener) -> None:
    """Home Assistant says hello after its start and gets all announcements and states."""
    with connected(broker):
        wait_until(lambda: len(listener.configs()) == 13)
        said(listener, ACTIVE, b"OFF")
        before = len(listener.heard)
        listener.say("homeassistant/status", "online")
        wait_until(lambda: {topic for topic, _ in listener.heard[before:]} >= {ACTIVE, *listener.configs()})


def test_without_a_discovery_prefix_nothing_is_announced(broker: Mosquitto, listener: Listener) -> None:
    """Those who use another system are spared the topics."""
    with connected(broker, discovery_prefix=None) as hook:
        said(listener, "vidsense/available", b"online")
        hook.deliver(owed(), record())
        wait_until(lambda: len(listener.events()) == 1)

    assert listener.configs() == {}


def test_what_no_trigger_asks_for_has_sensors_of_its_own(broker: Mosquitto, listener: Listener) -> None:
    """Each camera shows whether something unusual goes on and whether somebody has tampered with it."""
    with connected(broker, cameras={"garden": (NOVELTY, TAMPER)}):
        wait_until(lambda: len(listener.configs()) == 9)

    found = {topic.split("/")[-2]: config for topic, config in listener.configs().items()}
    assert found["garden_novelty_active"]["name"] == "Unusual"
    assert found["garden_tamper_active"]["name"] == "Tampered"
    assert found["garden_tamper_active"]["device_class"] == "tamper"
    assert found["garden_event"]["event_types"] == [NOVELTY, TAMPER]


def test_a_tampered_camera_is_shown_until_its_picture_is_back(broker: Mosquitto, listener: Listener) -> None:
    """The sensor goes on with the event and off with it, under the topic that was announced."""
    with connected(broker, cameras={"front_door": (TAMPER,)}) as hook:
        announced = "homeassistant/binary_sensor/vidsense/front_door_tamper_active/config"
        wait_until(lambda: announced in listener.configs())
        topic = listener.configs()[announced]["state_topic"]
        said(listener, topic, b"OFF")
        hook.deliver(owed(DeliveryPhase.OPENED), tampered(EventState.OPEN))
        said(listener, topic, b"ON")
        hook.deliver(owed(DeliveryPhase.CLOSED), tampered(EventState.CLOSED))
        said(listener, topic, b"OFF")


def tampered(state: EventState) -> EventRecord:
    found = record()
    return replace(found, event=replace(found.event, trigger=TAMPER, state=state))
