"""What calm cameras teach outlives a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from vidsense_daemon.perception.calm_book import CalmBook
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import Camera, ColourEncoder, RememberingSink

VISITOR = TriggerRule("visitor", "a person walking", contrast=("a coat on a hook",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "calm.json"


@pytest.fixture
def learned(path: Path) -> Path:
    """The file of a camera that always scores 3.0 while it is calm."""
    book = CalmBook(encoder="colours", path=path)
    calm = book.scores_of("door", VISITOR)
    for _ in range(100):
        calm.learn(3.0)
    book.camera("door").watched_s = 3600.0
    book.camera("door").moving_looks = 50
    book.save()
    return path


def test_a_restart_keeps_the_thresholds(learned: Path) -> None:
    """What the coat stand taught needs not be taught again; how busy the camera is stays known too."""
    book = CalmBook(encoder="colours", path=learned)

    assert book.scores_of("door", VISITOR).threshold == pytest.approx(3.25)
    assert book.camera("door").moving_looks_a_day == pytest.approx(1200)
    assert book.scores_of("garden", VISITOR).threshold == VISITOR.threshold


@pytest.mark.parametrize(
    ("encoder", "rule"),
    [
        ("another", VISITOR),
        ("colours", replace(VISITOR, prompt="a person standing")),
        ("colours", replace(VISITOR, contrast=())),
    ],
)
def test_scores_of_another_encoder_or_other_sentences_are_left_behind(
    learned: Path, encoder: str, rule: TriggerRule
) -> None:
    """They say nothing of what is scored now."""
    assert CalmBook(encoder=encoder, path=learned).scores_of("door", rule).threshold == rule.threshold


def test_another_threshold_of_the_same_sentence_keeps_what_was_learned(learned: Path) -> None:
    """The operator's least threshold is not part of what the camera taught."""
    calm = CalmBook(encoder="colours", path=learned).scores_of("door", replace(VISITOR, threshold=4.0))

    assert calm.threshold == 4.0
    assert len(calm.scores) == 100


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"encoder": "colours"}',
        '{"encoder": "colours", "cameras": {"door": {"triggers": {"visitor": 1}}}}',
    ],
)
def test_a_damaged_file_costs_a_line_in_the_log_and_nothing_else(path: Path, content: str) -> None:
    """The daemon starts and learns anew."""
    path.parent.mkdir()
    path.write_text(content)
    with capture_logs() as logs:
        book = CalmBook(encoder="colours", path=path)

    assert [line["event"] for line in logs] == ["calm_scores_left_behind"]
    assert book.scores_of("door", VISITOR).threshold == VISITOR.threshold


def test_scores_that_are_no_numbers_are_not_believed(learned: Path) -> None:
    """One NaN in the sample would silence the trigger for ever."""
    content = json.loads(learned.read_text())
    content["cameras"]["door"]["triggers"]["visitor"]["scores"] += [float("nan"), float("inf")]
    learned.write_text(json.dumps(content))
    calm = CalmBook(encoder="colours", path=learned).scores_of("door", VISITOR)
    calm.learn(float("nan"))

    assert calm.threshold == pytest.approx(3.25)


def test_a_disk_that_takes_nothing_is_told_and_survived(tmp_path: Path) -> None:
    """Where the folder should be lies a file."""
    (tmp_path / "cache").write_text("")
    book = CalmBook(encoder="colours", path=tmp_path / "cache" / "calm.json")
    with capture_logs() as logs:
        book.save()

    assert [line["event"] for line in logs] == ["calm_scores_not_kept"]


def perceiver(path: Path) -> Perceiver:
    return Perceiver(
        encoder=ColourEncoder(),
        sink=RememberingSink(),
        mailbox=FrameMailbox(),
        triggers={"door": [VISITOR]},
        book=CalmBook(encoder=ColourEncoder.name, path=path),
    )


def test_a_daemon_that_starts_again_goes_on_with_what_it_had_learned(path: Path) -> None:
    """A camera whose calm crop always looks like a person: the second daemon knows it from its first frame."""
    first, camera = perceiver(path), Camera()
    first.process(camera.frames("person", 60, moving=False))
    first.finish()
    second = perceiver(path)
    second.process(camera.frames("empty", 1))

    assert first.thresholds()["door"]["visitor"] > VISITOR.threshold
    assert second.thresholds()["door"] == pytest.approx(first.thresholds()["door"], abs=0.01)
