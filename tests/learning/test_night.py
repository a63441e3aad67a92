"""From a camera's days to a model that is live, or to one that is not and says why."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.learning.experience import ExperienceFolder
from vidsense_daemon.learning.foretelling import fit_ridge, squared_error, train_foresight
from vidsense_daemon.learning.night import CameraTraining, Outcome
from vidsense_daemon.learning.promotion import Moment
from vidsense_daemon.learning.registry import ModelRegistry
from vidsense_daemon.perception.foresight import Foresight
from vidsense_daemon.perception.surprise import Persistence

from .scenes import NOON, SMALL, clip, days

pytestmark = pytest.mark.timeout(60)  # trains small models: seconds, but on a busy machine many

CLIPS = 40
TRAINED_AT = NOON + timedelta(days=1)


@dataclass
class House:
    """A state folder with a camera's days, and its training."""

    folder: Path

    @property
    def experience(self) -> ExperienceFolder:
        return ExperienceFolder(self.folder / "experience")

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(self.folder / "learned")

    def train(self, *, seed: int = 0, nights: int = 0, judged: object = None) -> Outcome:
        training = CameraTraining(
            experience=self.experience,
            registry=self.registry,
            sizes=SMALL,
            seed=seed,
            judged=judged,  # type: ignore[arg-type]
        )
        return training.train("street", now=TRAINED_AT + timedelta(days=nights))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose camera has learned once; tests only look at it."""
    torch.set_num_threads(1)
    house = House(tmp_path_factory.mktemp("learned"))
    days(house.experience, CLIPS)
    house.train()
    return house


@pytest.fixture
def house(learned: House, tmp_path: Path) -> House:
    """A copy of it to change."""
    copy = House(tmp_path / "state")
    for file in sorted(learned.folder.rglob("*")):
        if file.is_file():
            target = copy.folder / file.relative_to(learned.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
    return copy


def test_what_was_learned_foretells_better_than_ridge_and_persistence(learned: House) -> None:
    """On days that it has not seen; so it goes live."""
    (kept,) = learned.registry.kept("street")

    assert (kept.state, kept.card.kind, kept.card.encoder) == ("live", "transformer", "eye")
    assert kept.card.error < 0.95 * kept.card.ridge_error
    assert kept.card.ridge_error < kept.card.persistence_error
    assert kept.card.held_out_from_ms > kept.card.begins_at_ms
    assert kept.card.feedback == "no feedback yet"


def test_what_runs_is_what_was_measured(learned: House) -> None:
    """The error on the card is the error of the weights on disk."""
    model, card = learned.registry.load("street", encoder="eye")
    held_out = list(learned.experience.clips("street"))[-6:]

    assert card is not None
    assert squared_error(model, held_out) == pytest.approx(card.error, rel=1e-4)


def test_a_seed_makes_the_same_weights_again() -> None:
    """Who reports a result can give the seed, and others get the same."""
    clips = [clip(number) for number in range(18)]
    ridge = fit_ridge(clips[:16], clips[16:])
    made = [train_foresight(ridge, clips[:16], clips[16:], sizes=SMALL, seed=seed)[0] for seed in (1, 1, 2)]
    a, b, c = (np.concatenate([w.numpy().ravel() for w in each.predictor.state_dict().values()]) for each in made)

    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_deadline_ends_it_with_what_it_has() -> None:
    """The quiet hour is over: no step more, and what is returned is never worse than the ridge on `tune`."""
    clips = [clip(number) for number in range(18)]
    ridge = fit_ridge(clips[:16], clips[16:])
    tried: list[int] = []
    model, _ = train_foresight(
        ridge,
        clips[:16],
        clips[16:],
        sizes=SMALL,
        is_over=lambda: True,
        on_progress=lambda step, _steps, _ratio: tried.append(step),
    )

    assert tried == [1]
    assert squared_error(model, clips[16:]) <= squared_error(ridge, clips[16:])


def test_the_same_night_again_changes_nothing_of_what_is_live(house: House) -> None:
    """Trained on what it knows already, with the same seed, nothing gets better, so nothing is exchanged."""
    before = house.registry.load("street", encoder="eye")[1]
    outcome = house.train(nights=1)
    again = house.registry.kept("street")[0]

    assert before == house.registry.load("street", encoder="eye")[1]
    assert [row.model for row in outcome.rows] == [
        "persistence",
        "transformer that was live",
        "ridge-ar",
        "transformer",
    ]
    assert again.state == "shadow"
    assert "1.000 of the error of transformer that was live" in again.card.verdict


@dataclass
class Judged:
    good: Sequence[int]
    bad: Sequence[int]

    def moments(self, camera: str) -> Sequence[Moment]:
        assert camera == "street"
        return [
            Moment(clip(number).started_at, clip(number).ended_at, good=is_good)
            for numbers, is_good in ((self.good, True), (self.bad, False))
            for number in numbers
        ]


def test_feedback_is_measured_where_there_is_some(house: House) -> None:
    outcome = house.train(nights=1, judged=Judged(good=[1, 2, 3], bad=[4, 5, 6]))

    assert all(row.feedback.startswith("AUC") for row in outcome.rows)


def test_too_little_leaves_what_is_live(house: House) -> None:
    """A camera whose experience was deleted keeps what it knows."""
    house.experience.forget("street")
    outcome = house.train(nights=1)

    assert outcome.rows == ()
    assert "still learning" in outcome.note
    assert house.registry.load("street", encoder="eye")[1] is not None


def test_a_full_disk_leaves_what_is_live(house: House) -> None:
    """The error says what could not be kept, and that nothing was lost."""
    live = house.registry.load("street", encoder="eye")[1]
    for number in range(CLIPS, CLIPS + 30):
        house.experience.add(clip(number, view=4))  # new days, so that there is something to keep
    (house.folder / "learned" / "street").rename(house.folder / "learned" / "kept")
    (house.folder / "learned" / "street").write_text("nothing can be written below a file")
    with pytest.raises(PermanentError, match="could not be kept"):
        house.train(nights=1)
    (house.folder / "learned" / "street").unlink()
    (house.folder / "learned" / "kept").rename(house.folder / "learned" / "street")

    assert house.registry.load("street", encoder="eye")[1] == live


def test_the_trunk_of_what_went_live_leaves_the_text_space_alone(learned: House) -> None:
    """Nightly training opens no gate: triggers and search compare the same embeddings as before."""
    model, _ = learned.registry.load("street", encoder="eye")
    x, seconds = torch.randn(2, 8, 16), torch.arange(8.0).expand(2, -1)

    assert isinstance(model, Foresight)
    with torch.no_grad():
        assert torch.equal(x, model.predictor.trunk(x, seconds, skip_closed_gate=False).frames)


def test_without_any_training_persistence_runs(tmp_path: Path) -> None:
    model, card = ModelRegistry(tmp_path).load("street", encoder="eye")

    assert isinstance(model, Persistence)
    assert card is None
