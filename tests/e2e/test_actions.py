"""An action from the owner's labels to an event: label, train, watch, evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cameras import Picture, make_clip, yard

from .conftest import Household

pytestmark = pytest.mark.timeout(180)

_WIDTH_PX, _HEIGHT_PX = 320, 240
_SOURCES = 3


def make_scuffle(path: Path, *, wild: bool, calm_left_px: int = 0, seconds: float = 2.4) -> Path:
    """A yard with a shape in it: it jumps to and fro five times a second when ``wild``, else it stays.

    It is small enough that its jumps are no cuts to another scene.
    """
    scene = yard(_WIDTH_PX, _HEIGHT_PX)

    def picture_at(at_s: float) -> Picture:
        picture: Picture = scene.copy()
        left = (90 if int(at_s * 5 + 0.01) % 2 else 150) if wild else calm_left_px
        picture[100:160, left : left + 45] = 30
        return picture

    return make_clip(path, seconds=seconds, width_px=_WIDTH_PX, height_px=_HEIGHT_PX, picture_at=picture_at)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calm and a wild clip from each of three sources, and what they show."""
    folder = tmp_path_factory.mktemp("scuffles")
    blocks = {}
    for source in range(_SOURCES):
        for wild in (False, True):
            clip = make_scuffle(folder / f"{source}-{wild}.mp4", wild=wild, calm_left_px=90 + 30 * source)
            actions = {"scuffle": [[0, 9]]} if wild else {}
            blocks[clip.name] = {"group": f"day {source}", "actions": actions}
    make_scuffle(folder / "tonight.mp4", wild=True, seconds=5)
    file = folder / "labels.yaml"
    file.write_text(json.dumps(blocks))  # JSON is YAML
    return file


def test_what_was_labelled_is_learnt_and_makes_events(household: Household, labels: Path) -> None:
    """Label clips, train, name the action in a trigger: the next scuffle is an event."""
    household.configure(
        "rtsp://127.0.0.1/unused",
        cameras={"yard": {"url": "rtsp://127.0.0.1/unused", "triggers": ["trouble"]}},
        triggers={"trouble": {"action": "scuffle"}},
    )
    config = ("--config", str(household.config))

    trained = household.vidsense("train", "actions", str(labels), "--steps", "2", "--json", *config)
    after = household.vidsense("replay", str(labels.with_name("tonight.mp4")), *config)

    assert trained.returncode == 0, trained.stderr
    card = json.loads(trained.stdout)
    assert (card["actions"], card["sources"]) == (["scuffle"], _SOURCES)
    assert (household.state_dir / "actions" / "CARD.md").is_file()
    events = [json.loads(line) for line in after.stdout.splitlines()]
    assert {(event["trigger"], event["prompt"]) for event in events} == {("trouble", "scuffle")}, after.stderr


def test_labels_with_a_mistake_teach_nothing_and_cost_nothing(household: Household, labels: Path) -> None:
    """The line and what is allowed; what was learnt before stays."""
    household.configure("rtsp://127.0.0.1/unused")
    kept = household.state_dir / "actions" / "actions.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"what was learnt before")
    file = labels.with_name("wrong.yaml")
    file.write_text("0-True.mp4:\n  actions:\n    scuffle: [[3, 1]]\ngone.mp4: {actions: {}}\n")

    answer = household.vidsense("train", "actions", str(file), "--config", str(household.config))

    assert answer.returncode == 78
    assert f"{file}:3:" in answer.stderr
    assert "there is no clip" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert kept.read_bytes() == b"what was learnt before"


def test_triggers_are_measured_beside_what_moves(household: Household, street: Path) -> None:
    """`evaluate` on one's own clips: the trigger, its baselines, and how many events were right."""
    household.configure("rtsp://127.0.0.1/unused")
    file = street / "labels.yaml"
    file.write_text("visit.mp4:\n  triggers: {cyclist: [[5, 9]]}\nempty.mp4:\n  triggers: {cyclist: []}\n")

    answer = household.vidsense("evaluate", str(file), "--json", "--config", str(household.config))

    assert answer.returncode == 0, answer.stderr
    [table] = json.loads(answer.stdout)
    assert table["title"].startswith("trigger cyclist")
    assert {row["method"] for row in table["rows"] if row["baseline"]} >= {"block difference"}
    assert table["rows"][0]["AUC of looks"]["value"] > 0.9
    assert "1 events: 1 of them right, 1 of 1 labelled times met, 0 false" in table["notes"][0]
