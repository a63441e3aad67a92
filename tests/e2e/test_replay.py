"""`vidsense replay`: the pipeline's golden run, on clips of which it is known what happens when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Household

pytestmark = pytest.mark.timeout(120)


def test_a_visit_is_one_event_with_its_times_its_stills_and_its_words(household: Household, street: Path) -> None:
    """Who replays a recording is told what happened in it, and when, on the recording's own clock."""
    household.configure("rtsp://127.0.0.1/unused")

    answer = household.vidsense("replay", str(street / "visit.mp4"), "--config", str(household.config))

    assert answer.returncode == 0, answer.stderr
    [event] = [json.loads(line) for line in answer.stdout.splitlines()]
    assert (event["camera"], event["trigger"], event["severity"]) == ("yard", "cyclist", "alert")
    assert event["started_pts_s"] == pytest.approx(5.0, abs=0.6)
    assert event["ended_pts_s"] == pytest.approx(9.0, abs=0.6)
    length_ms = event["ended_at_ms"] - event["started_at_ms"]
    assert length_ms == pytest.approx(1000 * (event["ended_pts_s"] - event["started_pts_s"]), abs=50)
    assert event["stills"]
    assert all(Path(still).read_bytes().startswith(b"\xff\xd8") for still in event["stills"])
    assert (event["description"]["backend"], event["description"]["status"]) == ("builtin", "done")
    assert "a person riding a bicycle" in event["description"]["summary"]
    assert "left to right" in event["description"]["summary"]


def test_an_empty_scene_makes_no_event(household: Household, street: Path) -> None:
    """Noise is not news; silence could be a mistake as well, so the count is told beside the result."""
    household.configure("rtsp://127.0.0.1/unused")

    answer = household.vidsense("replay", str(street / "empty.mp4"), "--config", str(household.config))

    assert (answer.returncode, answer.stdout) == (0, "")
    assert "0 events" in answer.stderr


def test_a_replayed_event_is_listed_as_replayed_and_alerts_nobody(household: Household, street: Path) -> None:
    """Trying out an old recording must not wake the house."""
    witness = household.config.with_name("witness")
    household.configure(
        "rtsp://127.0.0.1/unused", hooks=[{"kind": "command", "argv": ["/usr/bin/touch", str(witness)]}]
    )

    household.vidsense("replay", str(street / "visit.mp4"), "--config", str(household.config))

    [event] = household.events()
    assert event["source"] == "replay"
    assert not witness.exists()
    shown = household.vidsense("events", "show", event["id"], "--json")
    assert json.loads(shown.stdout) == event


def test_several_files_are_replayed_one_after_the_other(household: Household, street: Path) -> None:
    """A day's recordings go through in one command; no cooldown spans two files."""
    household.configure("rtsp://127.0.0.1/unused")
    files = [str(street / name) for name in ("visit.mp4", "empty.mp4", "visit.mp4")]

    answer = household.vidsense("replay", *files, "--config", str(household.config))

    events = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [Path(event["file"]).name for event in events] == ["visit.mp4", "visit.mp4"]
    assert events[0]["started_pts_s"] == pytest.approx(events[1]["started_pts_s"], abs=0.3)
    assert events[0]["ended_at_ms"] < events[1]["started_at_ms"]


def test_a_file_that_is_no_video_is_named_and_costs_no_traceback(household: Household, tmp_path: Path) -> None:
    """The wrong file is the operator's mistake, not a defect."""
    household.configure("rtsp://127.0.0.1/unused")
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear Sir or Madam")

    answer = household.vidsense("replay", str(letter), "--config", str(household.config))

    assert answer.returncode == 1
    assert answer.stderr.count(str(letter)) == 1
    assert "it is no video" in answer.stderr
    assert "Traceback" not in answer.stderr
