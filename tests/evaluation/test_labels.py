"""The owner's labels: what they say, and what is said of mistakes in them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.evaluation.labels import classed, read_labels
from vidsense_daemon.perception.actions import NOTHING


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that stand for clips: labels are read before any clip is."""
    for name in ("monday.mp4", "tuesday.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def written(folder: Path, text: str) -> Path:
    file = folder / "labels.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_clips_groups_actions_and_triggers_are_read(folder: Path) -> None:
    file = written(
        folder,
        """
monday.mp4:
  group: garden
  scene: a lawn
  actions: {fight: [[3, 4.5], [1, 2]]}
  triggers:
    person: [[0, 2]]
    car: {prompt: a car, contrast: [a lawn], present_s: []}
""",
    )

    labels = read_labels(file, triggers={"person": ("a person", ())})

    [clip] = labels.clips
    assert (clip.path, clip.group, clip.actions) == (
        folder / "monday.mp4",
        "garden",
        {"fight": ((1.0, 2.0), (3.0, 4.5))},
    )
    assert clip.triggers["person"].prompt == "a person"
    assert clip.triggers["car"].present_s == ()


def test_a_picture_of_the_empty_place_lies_beside_the_clip(folder: Path) -> None:
    """Where somebody is there from beginning to end, nobody can guess what is behind them."""
    (folder / "empty.png").touch()
    file = written(folder, "monday.mp4:\n  background: empty.png\n  triggers: {}\n")

    assert read_labels(file).clips[0].background == folder / "empty.png"


def test_what_lies_between_two_actions_is_nothing(folder: Path) -> None:
    """And a clip with an empty block shows nothing from beginning to end; one without the block is not counted."""
    file = written(folder, "monday.mp4:\n  actions: {fight: [[1, 2]]}\ntuesday.mp4:\n  actions: {}\n")

    clips = classed(read_labels(file))

    assert clips.classes == (NOTHING, "fight")
    assert [(clip.path.stem, clip.label, clip.start_s, clip.end_s) for clip in clips.clips] == [
        ("monday", 0, 0.0, 1.0),
        ("monday", 1, 1.0, 2.0),
        ("monday", 0, 2.0, math.inf),
        ("tuesday", 0, 0.0, math.inf),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gone.mp4: {actions: {}}", "1:1: gone.mp4\n    there is no clip"),
        ("monda.mp4: {actions: {}}", "did you mean 'monday.mp4'?"),
        ("monday.mp4: {actions: {fight: [[3, 1]]}}", "actions.fight[0]\n    [3, 1] is no interval"),
        ("monday.mp4: {actions: {fight: [[-3, 1]]}}", "[-3, 1] is no interval"),
        ("monday.mp4: {actions: {fight: [[1, 3], [2, 4]]}}", "[2, 4] overlaps [1, 3]"),
        ("monday.mp4: {actions: {fight: [[1, 3]], fall: [[2, 4]]}}", "[2, 4] overlaps [1, 3] of 'fight'"),
        ("monday.mp4: {actions: {fight: 3}}", "found no intervals"),
        ("monday.mp4: {actions: {nothing: [[1, 2]]}}", "'nothing' can't be an action's name"),
        ("monday.mp4: {triggers: {persn: [[1, 2]]}}", "did you mean 'person'?"),
        ("monday.mp4: {actions: {}, background: emty.png}", "monday.mp4.background\n    there is no picture"),
        ("monday.mp4: {trigers: {}}", "no such key here"),
        ("monday.mp4: [1, 2]", "found no labels"),
        ("", "the file is empty"),
        ("monday.mp4: {scene: a lawn}", "labels no clip with actions or triggers"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_what_is_allowed(folder: Path, text: str, says: str) -> None:
    """Nothing is measured before they are mended: half of the labels would look like all of them."""
    with pytest.raises(ConfigError) as told:
        read_labels(written(folder, text), triggers={"person": ("a person", ())})

    assert says in str(told.value)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    file = written(folder, "gone.mp4: {actions: {}}\nmonday.mp4: {actions: {fight: [[2, 1]]}, group: [a]}\n")

    with pytest.raises(ConfigError, match="3 mistakes"):
        read_labels(file)


def test_labels_without_an_action_cannot_be_learnt_from(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no clip is labelled with an action"):
        classed(read_labels(written(folder, "monday.mp4: {actions: {}}\n")))
