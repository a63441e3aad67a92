"""`vidsense events feedback` and `vidsense triggers feedback`: verdicts from the shell, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from perception.lessons import cats_and_people
from store.scenes import NOON, Rooms, event, open_rooms, window

from vidsense_daemon.cli.main import main
from vidsense_daemon.store.feedback import FeedbackStore


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


# ── vidsense triggers feedback ──────────────────────────────────────────────────────────────────────────────────────

CONFIG = """
cameras: {door: {url: /dev/video0, triggers: [visitor, dog]}}
triggers: {visitor: {prompt: a person}, dog: {prompt: a dog}}
encoder: {backend: builtin}
"""


@pytest.fixture
def taught(rooms: Rooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Six cats and six people before the door, each called what it was."""
    (tmp_path / "vidsense.yaml").write_text(CONFIG)
    monkeypatch.setenv("VIDSENSE_CONFIG", str(tmp_path / "vidsense.yaml"))
    feedback = FeedbackStore(rooms.database, given_by="cli")
    for one in cats_and_people():
        happened = replace(event(one.event_id, camera="door", trigger="visitor"), prompt="a person", encoder="colours")
        rooms.events.opened(replace(happened, look=one.look), None, window(camera="door"))
        feedback.give(one.event_id, verdict=one.verdict, note="", now=NOON)
    return rooms


def test_what_was_learned_is_shown_before_anybody_has_to_trust_it(
    taught: Rooms, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each camera and trigger: verdicts, false events spared, true ones lost, live or not and why."""
    visitor, dog = shown(capsys, "triggers", "feedback")  # type: ignore[misc]

    assert (visitor["camera"], visitor["good"], visitor["bad"]) == ("door", 6, 6)
    assert (visitor["spared"], visitor["lost"], visitor["live"]) == (6, 0, True)
    assert (dog["live"], dog["reason"]) == (False, "too few verdicts: 0 good of 5 and 0 bad of 5 needed")


def test_what_was_learned_is_rolled_back_and_brought_back(taught: Rooms, capsys: pytest.CaptureFixture[str]) -> None:
    """`--off` says how it stands now; `--on` needs no new verdicts."""
    (off,) = shown(capsys, "triggers", "feedback", "visitor", "--off")  # type: ignore[misc]
    assert (off["live"], off["spared"]) == (False, 6)
    assert "--off" in off["state"]

    (on,) = shown(capsys, "triggers", "feedback", "visitor", "--camera", "door", "--on")  # type: ignore[misc]
    assert on["live"]


@pytest.mark.parametrize("unknown", [["cat"], ["visitor", "--camera", "cellar"]])
def test_a_trigger_or_camera_that_is_not_there_is_named(
    taught: Rooms, capsys: pytest.CaptureFixture[str], unknown: list[str]
) -> None:
    """And nothing is switched."""
    assert main(["triggers", "feedback", *unknown, "--off"]) == 1

    assert unknown[-1] in capsys.readouterr().err
    assert FeedbackStore(taught.database, given_by="cli").revision().switched_off == frozenset()


# ── vidsense train lora ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_adapter_is_refused_in_words_while_verdicts_are_few(
    taught: Rooms, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how many there are and how many it takes, before the encoder is loaded; nothing is written."""
    assert main(["train", "lora"]) == 1

    assert "12 judged events are too few to train on, it takes 50" in capsys.readouterr().err
    assert not (taught.state_dir / "adapters").exists()


def test_without_an_adapter_there_is_nothing_to_roll_back(rooms: Rooms, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "lora", "--part", "clip", "--rollback"]) == 1

    assert "nothing to roll back" in capsys.readouterr().err
