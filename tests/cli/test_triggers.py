"""`vidsense triggers list|backtest`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidsense_daemon.cli.main import main
from vidsense_daemon.perception.calm_book import CalmBook
from vidsense_daemon.perception.triggers import TriggerRule

CONFIG = """
cameras:
  door: {url: /dev/video0, triggers: [visitor, car]}
  garden: {url: /dev/video1, triggers: [visitor]}
  cellar: {url: /dev/video2, enabled: false, triggers: [visitor]}
triggers:
  visitor: {prompt: a person, active: "22:00-06:00", severity: warning}
  car: {prompt: a car, threshold: 2}
"""

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, and what the door camera has taught of visitors: a coat stand that scores up to 2.0."""
    config = tmp_path / "vidsense.yaml"
    config.write_text(CONFIG)
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("VIDSENSE_CONFIG", str(config))
    book = CalmBook(encoder="colours", path=tmp_path / "cache" / "calm.json")
    calm = book.scores_of("door", TriggerRule("visitor", "a person"))
    for number in range(500):
        calm.learn(1.0 + number % 50 / 50)
    book.camera("door").watched_s, book.camera("door").moving_looks = 86_400.0, 1000
    book.save()
    return config


def test_every_trigger_of_every_camera_is_listed_with_what_was_learned(house: Path, capsys: Capture) -> None:
    """Threshold, the looks it rests on, hours; the camera that is off makes no events and is not there."""
    assert main(["triggers", "list", "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert [(row["camera"], row["trigger"]) for row in rows] == [
        ("door", "visitor"),
        ("door", "car"),
        ("garden", "visitor"),
    ]
    door, car, garden = rows
    assert (door["threshold"], door["calm_looks"], door["active"]) == (2.23, 500, ["22:00-06:00"])
    assert (car["threshold"], car["calm_looks"], car["false_alarms_a_day"]) == (2.0, 0, None)
    assert garden["severity"] == "warning"


def test_a_stricter_threshold_promises_fewer_false_alarms(house: Path, capsys: Capture) -> None:
    """The figure follows the threshold that the operator sets."""
    alarms = []
    for threshold in ("2.5", "4"):
        house.write_text(CONFIG.replace("a person,", f"a person, threshold: {threshold},"))
        assert main(["triggers", "list", "--json"]) == 0
        alarms.append(json.loads(capsys.readouterr().out)[0]["false_alarms_a_day"])

    assert 1 > alarms[0] > alarms[1] >= 0


def test_a_list_before_the_first_run_says_what_is_not_known(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The configuration alone is enough for it."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path / "elsewhere"))

    assert main(["triggers", "list"]) == 0
    assert "not known yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fox"], "there is no trigger 'fox' (there are: visitor, car) (--prompt tries a new one)"),
        (["visitor", "--camera", "attic"], "there is no camera 'attic' (there are: door, garden, cellar)"),
        (["visitor"], "there is no database in"),
    ],
)
def test_a_backtest_that_cannot_be_made_says_why(house: Path, capsys: Capture, arguments: list[str], said: str) -> None:
    """No traceback, and no waiting for the encoder."""
    assert main(["triggers", "backtest", *arguments]) != 0
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "two"])
def test_a_target_must_be_a_number_above_zero(house: Path, capsys: Capture, number: str) -> None:
    """Wrong usage, told by the command line itself."""
    with pytest.raises(SystemExit) as ended:
        main(["triggers", "backtest", "visitor", f"--target-per-day={number}"])

    assert ended.value.code == 2
    assert "is no number above 0" in capsys.readouterr().err
