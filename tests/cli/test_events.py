"""`vidsense events` as the owner of the events uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from store.scenes import ended, event, open_rooms, still, window

from vidsense_daemon.cli.main import main


def test_a_misspelt_camera_is_not_taken_for_a_calm_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Programs get their empty list; people are told which name was probably meant."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path))
    rooms = open_rooms(tmp_path)
    rooms.events.opened(event("1-open"), still(), window(run_id="1-open"))
    rooms.close()
    camera = event("1-open").camera

    assert main(["events", "list", "--json", "--camera", camera[:-1]]) == 0
    captured = capsys.readouterr()
    assert captured.out == "[]\n"
    assert f"did you mean '{camera}'?" in captured.err
    assert main(["events", "list", "--camera", camera, "--until", "2020-01-01"]) == 0
    assert capsys.readouterr().err == ""


def test_an_event_that_is_over_is_deleted_and_an_open_one_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The daemon still writes to an open one; each id is answered for, and the status says that not all went."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path))
    rooms = open_rooms(tmp_path)
    for id_ in ("1-over", "2-open"):
        rooms.events.opened(event(id_), still(), window(run_id=id_))
    rooms.events.closed(ended(event("1-over")), [], window(run_id="1-over"))

    status = main(["events", "delete", "1-over", "2-open", "3-unknown"])

    assert status == 1
    over, going_on, unknown = capsys.readouterr().out.splitlines()
    assert over == "1-over: deleted"
    assert "still open cannot be deleted" in going_on
    assert unknown.startswith("3-unknown: there is no such event")
    assert [record.event.id for record in rooms.archive.find()] == ["2-open"]
    rooms.close()
