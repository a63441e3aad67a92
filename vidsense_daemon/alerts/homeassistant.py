"""What Home Assistant is told so that it shows every camera by itself: MQTT discovery. Pure.

One retained message per entity below ``<discovery prefix>/<component>/<node>/<entity>/config``; an empty one removes
it. The node is the topic prefix, so that two daemons on one broker, with a prefix each, do not remove each other's.
https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vidsense_daemon import __version__
from vidsense_daemon.alerts.topics import OFFLINE, ONLINE, Topics
from vidsense_daemon.domain.events import NOVELTY, TAMPER

_LONGEST_OFFERED_MIN = 24 * 60  # by Home Assistant's slider; a message may ask for more
_LONGEST_STATE = 255  # characters; Home Assistant refuses longer states
_ALARM_SENSORS = {NOVELTY: {"name": "Unusual"}, TAMPER: {"name": "Tampered", "device_class": "tamper"}}
_ALARM_SWITCHES = {NOVELTY: "Watch for the unusual", TAMPER: "Watch for tampering"}


def node_of(prefix: str) -> str:
    """The topic prefix as one level of a topic."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", prefix)


def birth_topic(discovery_prefix: str) -> str:
    """Where Home Assistant says "online" after its start: everything is to be told again then."""
    return f"{discovery_prefix}/status"


def config_topics(discovery_prefix: str, prefix: str) -> str:
    """A subscription to all that this daemon, or an earlier configuration of it, has announced."""
    return f"{discovery_prefix}/+/{node_of(prefix)}/+/config"


def discovery(topics: Topics, *, discovery_prefix: str, cameras: Mapping[str, Sequence[str]]) -> dict[str, bytes]:
    """The messages, by topic.

    Args:
        topics: where the states and commands are.
        discovery_prefix: as Home Assistant has it, usually ``homeassistant``.
        cameras: the triggers and alarms of each camera.
    """
    node = node_of(topics.prefix)
    found = {}
    for camera, triggers in cameras.items():
        device = {
            "identifiers": [f"{node}_{camera}"],
            "name": _spaced(camera),
            "manufacturer": "vidsense-daemon",
            "model": "camera",
            "sw_version": __version__,
        }
        for component, entity, config in _entities(topics, camera, triggers):
            unique_id = f"{node}_{camera}_{entity}"
            config |= {
                "unique_id": unique_id,
                "device": device,
                "origin": {"name": "vidsense-daemon", "sw_version": __version__},
                "availability_topic": topics.available,
                "payload_available": ONLINE,
                "payload_not_available": OFFLINE,
            }
            found[f"{discovery_prefix}/{component}/{node}/{camera}_{entity}/config"] = json.dumps(config).encode()
    return found


def _entities(topics: Topics, camera: str, triggers: Sequence[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Component, name within the camera, configuration."""
    yield (
        "binary_sensor",
        "connected",
        {
            "name": "Connected",
            "state_topic": topics.connected(camera),
            "device_class": "connectivity",
            "entity_category": "diagnostic",
        },
    )
    yield "image", "snapshot", {"name": "Last event", "image_topic": topics.snapshot(camera)}
    yield (
        "sensor",
        "summary",
        {
            "name": "Summary",
            "state_topic": topics.summary(camera),
            "value_template": f"{{{{ value_json.summary[:{_LONGEST_STATE}] }}}}",
            "json_attributes_topic": topics.summary(camera),
            "icon": "mdi:text-box-outline",
        },
    )
    yield (
        "number",
        "suspend",
        {
            "name": "Suspend alerts",
            "state_topic": topics.suspended(camera),
            "command_topic": topics.suspend(camera),
            "min": 0,
            "max": _LONGEST_OFFERED_MIN,
            "mode": "box",
            "unit_of_measurement": "min",
            "icon": "mdi:bell-sleep-outline",
            "entity_category": "config",
        },
    )
    if triggers:
        yield "event", "event", {"name": "Event", "state_topic": topics.event(camera), "event_types": list(triggers)}
    for trigger in triggers:
        yield from _trigger_entities(topics, camera, trigger)


def _trigger_entities(topics: Topics, camera: str, trigger: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield (
        "binary_sensor",
        f"{trigger}_active",
        {**_ALARM_SENSORS.get(trigger, {"name": _spaced(trigger)}), "state_topic": topics.active(camera, trigger)},
    )
    yield (
        "switch",
        f"{trigger}_enabled",
        {
            "name": _ALARM_SWITCHES.get(trigger, f"Watch for {_spaced(trigger)}"),
            "state_topic": topics.enabled(camera, trigger),
            "command_topic": topics.enable(camera, trigger),
            "icon": "mdi:eye-outline",
            "entity_category": "config",
        },
    )


def _spaced(name: str) -> str:
    return name.replace("_", " ").capitalize()
