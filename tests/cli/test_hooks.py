"""`vidsense hooks list|retry|test` and `vidsense events ack`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from alerts.receiver import Receiver, receiver, status
from store.scenes import NOON, event, open_rooms, window

from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.cli.main import main


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with two hooks, and a database in which the phone never took a message."""
    config = tmp_path / "vidsense.yaml"
    write_config(config, "http://127.0.0.1:9/")
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("VIDSENSE_CONFIG", str(config))
    rooms = open_rooms(tmp_path)
    rooms.events.opened(event("1-e"), None, window())
    [(delivery, _record)] = rooms.deliveries.due(SystemClock().now(), 10)
    rooms.deliveries.give_up(delivery.id, "hook 'phone': answered 404", NOON)
    rooms.close()
    return config


def write_config(config: Path, url: str) -> None:
    hooks = f"  - {{kind: webhook, name: phone, url: '{url}'}}\n  - {{kind: command, name: siren, argv: [/bin/true]}}\n"
    config.write_text(f"cameras: {{porch: {{url: /dev/video0}}}}\nhooks:\n{hooks}")


Capture = pytest.CaptureFixture[str]


def test_every_hook_is_listed_with_what_it_got_and_what_it_lacks(house: Path, capsys: Capture) -> None:
    """The one that was never called, too."""
    assert main(["hooks", "list", "--json"]) == 0

    phone, siren = json.loads(capsys.readouterr().out)
    assert (phone["hook"], phone["kind"], phone["dead"], phone["pending"]) == ("phone", "webhook", 1, 0)
    assert phone["last_error"] == "hook 'phone': answered 404"
    assert (siren["hook"], siren["sent"], siren["last_error"]) == ("siren", 0, None)


def test_a_hook_that_is_in_the_configuration_no_more_is_listed_as_removed(house: Path, capsys: Capture) -> None:
    """What it was owed has not gone with it."""
    house.write_text("cameras: {porch: {url: /dev/video0}}\n")

    assert main(["hooks", "list"]) == 0

    assert "(removed)" in capsys.readouterr().out


def test_hooks_are_listed_before_the_first_run(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """No database is no reason to complain."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path / "new"))

    assert main(["hooks", "list"]) == 0
    assert "siren" in capsys.readouterr().out


def test_what_was_given_up_is_listed_and_owed_again(house: Path, capsys: Capture) -> None:
    """By its id, after which nothing is given up any more."""
    main(["hooks", "list", "--dead", "--json"])
    [letter] = json.loads(capsys.readouterr().out)
    assert (letter["event_id"], letter["phase"], letter["hook"]) == ("1-e", "opened", "phone")

    assert main(["hooks", "retry", "--id", str(letter["id"])]) == 0
    assert "1 message will be sent again" in capsys.readouterr().out

    assert main(["hooks", "retry", "phone"]) == 1
    main(["hooks", "list", "--dead"])
    assert "nothing was given up" in capsys.readouterr().out


def test_a_hook_can_be_tried(house: Path, capsys: Capture) -> None:
    """The receiver gets an event that never happened."""
    with receiver() as phone:
        write_config(house, phone.url)
        assert main(["hooks", "test", "phone"]) == 0

    assert phone.received[0].json["camera"] == "test_camera"
    assert phone.received[0].json["id"] in capsys.readouterr().err


def refusing(phone: Receiver) -> Receiver:
    phone.always = status(401)
    return phone


def test_a_trial_that_fails_says_why_and_shows_no_token(house: Path, capsys: Capture) -> None:
    """Status 1, the reason on standard error."""
    with receiver() as phone:
        write_config(house, refusing(phone).url)
        assert main(["hooks", "test", "phone"]) == 1

    said = capsys.readouterr().err
    assert "answered 401" in said
    assert "s3cr3t" not in said


def test_an_event_can_be_acknowledged(house: Path, capsys: Capture) -> None:
    """It is shown with the event; an id that does not exist is named."""
    assert main(["events", "ack", "1-e"]) == 0
    assert main(["events", "ack", "9-z"]) == 1
    assert "9-z: there is no such event" in capsys.readouterr().out

    main(["events", "show", "1-e", "--json"])
    assert json.loads(capsys.readouterr().out)["acknowledged_at_ms"] > 0
