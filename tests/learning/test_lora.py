"""An adapter that verdicts train: judged on held-out days, merged at the daemon's start, rolled back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from perception.lessons import lesson
from structlog.testing import capture_logs

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.events import Verdict
from vidsense_daemon.learning.lora import Example, margins, split_by_day, train_temporal
from vidsense_daemon.learning.lora_files import LoraFolder
from vidsense_daemon.learning.lora_report import LoraReport, read_report
from vidsense_daemon.perception.adapters import fresh_temporal, live_temporal, read_adapter, save_adapter
from vidsense_daemon.perception.scoring import TriggerTexts

pytestmark = pytest.mark.timeout(120)  # PEFT brings half of its world along: seconds, and many on a busy machine
DIMENSION = 16
FRAMES = 6
_SIGHT = np.eye(DIMENSION, dtype=np.float32)
TEXTS = TriggerTexts(own=_SIGHT[:1] * 4, nothing=_SIGHT[3:4] * 4, rivals=_SIGHT[1:2] * 4)


def event(number: int, verdict: Verdict, *, comes: bool) -> Example:
    """Somebody who comes nearer or goes away: the mean of the frames is the same, only their order differs."""
    chance = np.random.default_rng(number)
    ramp = np.linspace(0.2, 1.0, FRAMES)[:: 1 if comes else -1, None]
    frames = (ramp * _SIGHT[0] + (1 - ramp) * _SIGHT[5] + chance.normal(0, 0.05, (FRAMES, DIMENSION))).astype(
        np.float32
    )
    one = lesson(verdict, frames.mean(axis=0), hours=6 * number)
    look = replace(one.look, frames=frames, seconds=tuple(0.2 * t for t in range(FRAMES)), present=(True,) * FRAMES)
    return Example(replace(one, look=look), TEXTS)


def those_who_come_are_good(count: int = 64) -> list[Example]:
    kinds = [(Verdict.GOOD, True), (Verdict.BAD, False)]
    return [event(number, kinds[number % 2][0], comes=kinds[number % 2][1]) for number in range(count)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoraFolder, LoraReport]:
    """One training for all who look at it."""
    folder = LoraFolder(tmp_path_factory.mktemp("adapters"))
    return folder, train_temporal(those_who_come_are_good(), encoder="colours", folder=folder, steps=60)


def test_an_adapter_that_tells_held_out_events_apart_goes_live(trained: tuple[LoraFolder, LoraReport]) -> None:
    """What mean pooling can't see, the order of the frames, is learned; the report says what it took."""
    folder, report = trained

    assert (report.before.auc, report.after.auc) == (pytest.approx(0.5, abs=0.3), pytest.approx(1.0, abs=0.1))
    assert report.promoted
    assert folder.live.exists()
    assert report.after.events + report.events_trained == 64
    assert (report.days_trained, report.days_held_out) == (12, 4)
    assert 0 < report.parameters_trained < report.parameters_frozen
    assert report.size_bytes == folder.live.stat().st_size
    assert read_report(folder.live.with_suffix(".json")) == report


def test_the_daemon_runs_the_adapter_without_peft(trained: tuple[LoraFolder, LoraReport]) -> None:
    """Merged into the weights, it scores the held-out events as the training did; without it mean pooling runs."""
    folder, _report = trained
    _, held_out = split_by_day(those_who_come_are_good(), min_events=50)
    with torch.inference_mode():
        merged = margins(live_temporal(folder.live, encoder="colours", dimension=DIMENSION), held_out)
        plain = margins(fresh_temporal(DIMENSION), held_out)
    good = np.array([one.lesson.verdict is Verdict.GOOD for one in held_out])

    assert merged[good].min() > merged[~good].max()
    assert np.allclose(plain, [one.lesson.look.change @ (TEXTS.own[0] - TEXTS.nothing[0]) - 1.5 for one in held_out])


def test_verdicts_at_random_train_nothing_that_goes_live(tmp_path: Path) -> None:
    """It stays in shadow, with the reason, and the daemon goes on with what it had."""
    chance, folder = np.random.default_rng(1), LoraFolder(tmp_path)
    kinds = [(Verdict.GOOD, Verdict.BAD)[kind] for kind in chance.integers(2, size=60)]
    examples = [event(n, kind, comes=n % 2 == 0) for n, kind in enumerate(kinds)]
    report = train_temporal(examples, encoder="colours", folder=folder, steps=20)

    assert not report.promoted
    assert "in shadow" in report.reason
    assert (folder.shadow.exists(), folder.live.exists()) == (True, False)


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        (those_who_come_are_good(40), "40 judged events are too few to train on, it takes 50"),
        ([event(n, Verdict.GOOD, comes=True) for n in range(60)], "hold none that is bad"),
        ([], "0 judged events"),
    ],
)
def test_too_little_is_refused_in_words(examples: list[Example], said: str, tmp_path: Path) -> None:
    """All good and none bad, or too few: nothing is written."""
    with pytest.raises(PermanentError, match=said):
        train_temporal(examples, encoder="colours", folder=LoraFolder(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_verdicts_of_a_single_day_are_refused() -> None:
    """There is no other day to judge the adapter on."""
    noon = event(2, Verdict.GOOD, comes=True).lesson.look.captured_at
    together = [
        replace(one, lesson=replace(one.lesson, look=replace(one.lesson.look, captured_at=noon)))
        for one in those_who_come_are_good()
    ]
    with pytest.raises(PermanentError, match="verdicts are of 1 days; those to learn from hold none"):
        split_by_day(together, min_events=50)


def test_looks_that_are_not_finite_are_passed_over() -> None:
    broken = those_who_come_are_good(2)
    for one in broken:
        one.lesson.look.frames[0, 0] = np.nan
    learned, held_out = split_by_day([*those_who_come_are_good(), *broken], min_events=50)

    assert len(learned) + len(held_out) == 64


def another_encoder(_live: Path) -> str:
    return "clip"


def damaged(live: Path) -> str:
    live.write_bytes(live.read_bytes()[:1000])
    return "colours"


def on_other_weights(live: Path) -> str:
    card, tensors = read_adapter(live)
    save_adapter(live, replace(card, base="another"), tensors)
    return "colours"


def not_a_number(live: Path) -> str:
    card, tensors = read_adapter(live)
    save_adapter(live, card, {name: torch.full_like(tensor, torch.nan) for name, tensor in tensors.items()})
    return "colours"


def of_other_layers(live: Path) -> str:
    card, tensors = read_adapter(live)
    save_adapter(live, card, {name.replace("mlp", "conv"): tensor for name, tensor in tensors.items()})
    return "colours"


@pytest.mark.parametrize("spoiled", [another_encoder, damaged, on_other_weights, not_a_number, of_other_layers])
def test_an_adapter_that_does_not_fit_is_left_out_in_one_line(
    trained: tuple[LoraFolder, LoraReport], tmp_path: Path, spoiled: Callable[[Path], str]
) -> None:
    """The daemon starts, says why, and runs un-adapted, to the last bit."""
    live = tmp_path / "live.safetensors"
    live.write_bytes(trained[0].live.read_bytes())
    encoder = spoiled(live)
    with capture_logs() as logs:
        temporal = live_temporal(live, encoder=encoder, dimension=DIMENSION)

    assert [line["event"] for line in logs] == ["adapter_left_out"]
    assert all(
        torch.equal(a, b) for a, b in zip(temporal.parameters(), fresh_temporal(DIMENSION).parameters(), strict=True)
    )


def test_a_rollback_brings_back_what_was_live_before(tmp_path: Path, trained: tuple[LoraFolder, LoraReport]) -> None:
    """Second adapter, first adapter, none; then there is nothing to roll back."""
    folder, report = LoraFolder(tmp_path), trained[1]
    for content in (b"first", b"second"):
        folder.path.mkdir(exist_ok=True)
        folder.shadow.write_bytes(content)
        folder.settle(report)
    assert folder.live.read_bytes() == b"second"

    assert folder.roll_back() == "the adapter before it"
    assert folder.live.read_bytes() == b"first"
    assert folder.roll_back() == "no adapter: the un-adapted model"
    assert not folder.live.exists()
    with pytest.raises(PermanentError, match="nothing to roll back"):
        folder.roll_back()
