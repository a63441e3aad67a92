"""Who is told, end to end: a real stream, the real daemon, a real broker and a real receiver."""

from __future__ import annotations

from pathlib import Path

import pytest
from alerts.broker import Listener, mosquitto
from alerts.receiver import receiver
from cameras import RtspCamera
from fakes import wait_until

from .conftest import EVENT_LIMIT_S, Household, Json

pytestmark = pytest.mark.timeout(180)


def test_a_visit_is_seen_by_home_assistant_and_only_by_those_who_wish_to_know(
    household: Household, street_camera: RtspCamera, tmp_path: Path
) -> None:
    """Everything appears in Home Assistant by itself; the event begins and ends there; a hook for cars stays silent."""
    with mosquitto(tmp_path) as broker, receiver() as phone:
        home = Listener(broker.port)
        household.configure(
            street_camera.url("visit.mp4"),
            hooks=[
                {"kind": "mqtt", "name": "home", "host": "127.0.0.1", "port": broker.port},
                {"kind": "webhook", "name": "cars", "url": phone.url, "triggers": ["car"]},
                {"kind": "webhook", "name": "people", "url": f"{phone.url}&people", "wait_for_description_s": 60},
            ],
        )
        daemon = household.start()
        wait_until(
            lambda: {"new", "end", "update"} <= {event["type"] for event in home.events()} and bool(phone.received),
            limit_s=EVENT_LIMIT_S,
            what="the event's beginning, end and words",
        )

        first = home.events()[0]["after"]
        assert (first["camera"], first["trigger"], first["phase"]) == ("yard", "cyclist", "opened")
        assert home.newest["vidsense/yard/snapshot"].startswith(b"\xff\xd8")
        assert home.newest["vidsense/yard/connected"] == b"ON"
        assert _entities(home) >= {"yard_cyclist_active", "yard_car_active", "yard_event", "yard_tamper_active"}
        assert ("vidsense/yard/trigger/cyclist/active", b"ON") in home.heard

        message = phone.received[0]
        assert (message.json["trigger"], message.json["phase"]) == ("cyclist", "opened")
        assert message.json["description"]["status"] == "done"

        assert household.stop(daemon) == 0
        assert {sent["hook"] for sent in household.log_lines("delivery_sent")} == {"home", "people"}
        assert all(message.path.endswith("people") for message in phone.received)
        wait_until(lambda: home.newest["vidsense/available"] == b"offline", what="the daemon to be shown as offline")
        home.stop()


def test_a_trigger_that_is_switched_off_over_mqtt_makes_no_event(
    household: Household, street_camera: RtspCamera, tmp_path: Path
) -> None:
    """The switch in Home Assistant reaches perception: the camera beside it goes on seeing the same visits."""
    with mosquitto(tmp_path) as broker:
        home = Listener(broker.port)
        camera = {"url": street_camera.url("visit.mp4"), "triggers": ["cyclist"], "stall_limit_s": 5}
        household.configure(
            camera["url"],
            cameras={"yard": camera, "lane": camera},
            hooks=[{"kind": "mqtt", "name": "home", "host": "127.0.0.1", "port": broker.port}],
        )
        household.start()
        wait_until(lambda: home.newest.get("vidsense/available") == b"online", what="the daemon at the broker")
        home.say("vidsense/yard/trigger/cyclist/set", "OFF")
        wait_until(
            lambda: home.newest["vidsense/yard/trigger/cyclist/enabled"] == b"OFF", what="the switch to be shown"
        )

        begun = len(_begun(home, "lane"))
        wait_until(lambda: len(_begun(home, "lane")) >= begun + 2, limit_s=EVENT_LIMIT_S, what="two visits in the lane")

        assert _begun(home, "yard") == []
        home.stop()


def _begun(home: Listener, camera: str) -> list[Json]:
    """The events of a camera whose beginning was told."""
    return [event["after"] for event in home.events() if event["type"] == "new" and event["after"]["camera"] == camera]


def _entities(home: Listener) -> set[str]:
    return {topic.split("/")[-2] for topic in home.configs()}
