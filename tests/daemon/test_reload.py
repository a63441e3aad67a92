"""What a changed configuration means for a daemon that runs. The reload itself is in tests/e2e."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vidsense_daemon.daemon.reload import Plan, differences, plan
from vidsense_daemon.settings.load import parse
from vidsense_daemon.settings.schema import Settings

_BASE: dict[str, Any] = {
    "review": {"enabled": False},
    "cameras": {
        "porch": {"url": "rtsp://viewer:swordfish@192.168.1.10/", "triggers": ["person"]},
        "gate": {"url": "rtsp://192.168.1.11/"},
    },
    "triggers": {"person": {"prompt": "a person"}, "car": {"prompt": "a car"}},
}


def settings(**more: Any) -> Settings:
    return parse(json.dumps({**_BASE, **more}), source="test", environ={})


def camera(name: str, **more: Any) -> dict[str, Any]:
    return {**_BASE["cameras"], name: {**_BASE["cameras"].get(name, {}), **more}}


def test_nothing_changed_means_nothing_to_do() -> None:
    """A reload of the same file touches nothing."""
    assert plan(settings(), settings()) == Plan()
    assert differences(settings(), settings()) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"cameras": camera("yard", url="rtsp://192.168.1.12/")}, Plan(started=("yard",))),
        ({"cameras": {"porch": _BASE["cameras"]["porch"]}}, Plan(stopped=("gate",))),
        ({"cameras": camera("gate", enabled=False)}, Plan(stopped=("gate",))),
        ({"cameras": camera("gate", url="rtsp://192.168.1.99/")}, Plan(restarted=("gate",))),
        ({"cameras": camera("gate", sampling={"busy_fps": 9})}, Plan(restarted=("gate",))),
        ({"cameras": camera("gate", triggers=["car"])}, Plan(retriggered=("gate",))),
        ({"triggers": {**_BASE["triggers"], "person": {"prompt": "a man"}}}, Plan(retriggered=("porch",))),
        ({"transport": "udp"}, Plan(restarted=("porch", "gate"))),
        ({"hooks": [{"kind": "command", "argv": ["/bin/true"]}]}, Plan(stages=frozenset({"hooks"}))),
        ({"describer": {"backend": "builtin"}}, Plan(stages=frozenset({"describer"}))),
        ({"cameras": camera("gate", describer={"queries": ["Who?"]})}, Plan(stages=frozenset({"describer"}))),
        ({"retention": {"keep_days": 3}}, Plan(stages=frozenset({"schedule"}))),
        ({"encoder": {"threads": 1}}, Plan(waiting=("encoder",))),
        ({"log": {"level": "debug"}}, Plan(waiting=("log",))),
    ],
)
def test_only_what_changed_is_touched(more: dict[str, Any], expected: Plan) -> None:
    """Each change has its smallest consequence, and streams go on wherever they can."""
    assert plan(settings(), settings(**more)) == expected


def test_the_review_pages_show_what_is_in_force() -> None:
    """They begin anew with changed triggers and cameras, when they are switched on, and when they are switched off."""
    on = {"review": {"enabled": True}}

    assert plan(settings(), settings(**on)).stages == {"review"}
    assert plan(settings(**on), settings()).stages == {"review"}
    assert plan(settings(**on), settings(**on, cameras=camera("gate", triggers=["car"]))).stages == {"review"}
    assert plan(settings(**on), settings(**on, retention={"keep_days": 2})).stages == {"schedule"}


def test_home_assistant_hears_of_a_new_camera() -> None:
    """Its entities are made by the MQTT hook, which is begun anew when cameras or their triggers change."""
    mqtt = {"hooks": [{"kind": "mqtt", "host": "127.0.0.1"}]}
    change = plan(settings(**mqtt), settings(**mqtt, cameras=camera("gate", triggers=["car"])))

    assert change.stages == {"hooks"}


def test_home_assistant_hears_that_a_camera_is_no_longer_watched_for_the_unusual() -> None:
    """The alarm's sensor goes with it."""
    mqtt = {"hooks": [{"kind": "mqtt", "host": "127.0.0.1"}]}
    change = plan(settings(**mqtt), settings(**mqtt, novelty={"enabled": False}))

    assert change.stages == {"hooks"}


def test_every_consequence_has_its_line() -> None:
    """What is logged, and what `vidsense config diff` prints."""
    change = plan(settings(), settings(cameras=camera("gate", transport="udp"), window={"frames": 4}))

    assert list(change.lines()) == ["the stream of gate is opened anew", "window: only a restart applies it"]


def test_a_changed_password_shows_as_a_change_and_not_as_a_password() -> None:
    """The key is named; both values are masked."""
    other = camera("porch", url="rtsp://viewer:goldfish@192.168.1.10/")

    [difference] = differences(settings(), settings(cameras=other))

    assert difference.key == "cameras.porch.url"
    assert difference.before == difference.after == "rtsp://***@192.168.1.10/"


def test_a_hook_that_came_shows_key_by_key() -> None:
    """Named as the docs name keys; what was not there before has no value."""
    found = differences(settings(), settings(hooks=[{"kind": "command", "argv": ["/bin/true"]}]))

    by_key = {difference.key: difference for difference in found}
    assert by_key["hooks[0].kind"].before is None
    assert by_key["hooks[0].kind"].after == "command"
