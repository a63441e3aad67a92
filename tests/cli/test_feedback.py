"""`vidsense events feedback`: what an owner says of an event from the shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.scenes import Rooms, event, open_rooms, window
from vidsense_daemon.cli.main import main


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rooms]:
    """A state folder with one event, which the commands read too."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path / "state"))
    opened = open_rooms(tmp_path / "state")
    opened.events.opened(event("1-e"), None, window())
    yield opened
    opened.close()


def shown(capsys: pytest.CaptureFixture[str], *command: str) -> object:
    """What a command prints as JSON, without what came before it."""
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_verdict_from_the_shell_stands_wherever_the_event_is_shown(
    rooms: Rooms, capsys: pytest.CaptureFixture[str]
) -> None:
    """list, show, JSON and the filter know it; a second verdict without a note keeps the first one's."""
    assert main(["events", "feedback", "1-e", "bad", "--note", "only the cat"]) == 0
    assert main(["events", "show", "1-e"]) == 0
    assert "bad: only the cat" in capsys.readouterr().out

    assert main(["events", "feedback", "1-e", "good"]) == 0
    (found,) = shown(capsys, "events", "list", "--verdict", "good")  # type: ignore[misc]
    assert (found["verdict"], found["note"]) == ("good", "only the cat")
    assert shown(capsys, "events", "list", "--verdict", "bad") == []


def test_a_verdict_is_taken_back(rooms: Rooms, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time there is nothing to take back, and the exit status says so."""
    main(["events", "feedback", "1-e", "bad"])

    assert main(["events", "feedback", "1-e", "--clear"]) == 0
    assert main(["events", "feedback", "1-e", "--clear"]) == 1
    assert shown(capsys, "events", "list", "--verdict", "bad") == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["9-gone", "good"], "there is no such event"),
        (["1-e"], "say good or bad"),
        (["1-e", "good", "--clear"], "say good or bad"),
    ],
)
def test_what_can_not_be_meant_changes_nothing(
    rooms: Rooms, capsys: pytest.CaptureFixture[str], wrong: list[str], said: str
) -> None:
    """An event that is gone, no verdict, or two contradicting wishes: a sentence, and exit status 1."""
    assert main(["events", "feedback", *wrong]) == 1

    output = capsys.readouterr()
    assert said in output.out + output.err
    with rooms.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM feedback").scalar() == 0
