"""Training the bridge, on pictures that are painted for the test."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.learning.bridge import BridgeReport, train_bridge
from vidsense_daemon.learning.bridge_features import picture_features, read_captions
from vidsense_daemon.perception.encoders.bridge import load_bridge
from vidsense_daemon.perception.encoders.lite0 import load_lite0

COLOURS = {"red": (0, 0, 220), "green": (0, 200, 0), "blue": (220, 0, 0), "yellow": (0, 220, 220)}
THINGS = ("ball", "box")


def paint(folder: Path, count: int) -> Path:
    """Balls and boxes in four colours, each with two captions; returns the captions' file."""
    folder.mkdir()
    random = np.random.default_rng(0)
    captions = folder.parent / "captions.csv"
    with captions.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption"])
        for index in range(count):
            colour, thing = list(COLOURS)[index % 4], THINGS[index // 4 % 2]
            picture = np.full((48, 48, 3), 90, np.uint8) + random.integers(0, 30, (48, 48, 3), np.uint8)
            centre = tuple(int(at) for at in random.integers(18, 30, 2))
            if thing == "ball":
                cv2.circle(picture, centre, 14, COLOURS[colour], -1)
            else:
                corner = (centre[0] - 12, centre[1] - 12)
                cv2.rectangle(picture, (*corner, 24, 24), COLOURS[colour], -1)
            name = f"{index:04}.png"
            cv2.imwrite(str(folder / name), picture)
            rows.writerow([name, f"a {colour} {thing}"])
            rows.writerow([name, f"there is a {thing} that is {colour}"])
    return captions


@dataclass
class Painted:
    """A painted training set: the features are computed once for all tests, training takes a second."""

    folder: Path
    captions: Path
    steps: list[tuple[str, int, int]] = field(default_factory=list)

    def train(self, *, out: str = "bridge.safetensors", seed: int = 0) -> BridgeReport:
        self.steps.clear()
        return train_bridge(
            images_dir=self.folder / "images",
            captions_csv=self.captions,
            out=self.folder / out,
            cache_dir=self.folder / "cache",
            on_progress=lambda what, done, total: self.steps.append((what, done, total)),
            seed=seed,
            epochs=40,
            held_out=8,
            batch=12,
        )


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Painted:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("painted")
    return Painted(folder, paint(folder / "images", 32))


def test_it_learns_what_the_captions_say(painted: Painted) -> None:
    """Eight unseen pictures of eight kinds: a caption often finds its own at once; by chance 12 %."""
    report = painted.train()

    assert (report.trained_pictures, report.held_out_pictures) == (24, 8)
    assert report.recall_percent_at[1] > 30
    assert set(report.recall_percent_at) == {1, 5, 10}


def test_progress_is_told_to_the_end(painted: Painted) -> None:
    painted.train()
    what, done, total = painted.steps[-1]

    assert what == "training the bridge"
    assert done == total == 40 * 2


def test_the_second_run_reads_the_features_from_the_cache(painted: Painted) -> None:
    """A stopped or repeated training does not look at ten thousand pictures again."""
    painted.train()
    painted.train(out="second.safetensors", seed=1)

    assert {what for what, _, _ in painted.steps} == {"training the bridge"}


def test_a_seed_makes_the_same_bridge_again(painted: Painted) -> None:
    for out, seed in (("a", 5), ("b", 5), ("c", 6)):
        painted.train(out=out, seed=seed)
    a, b, c = (load_bridge(painted.folder / name).picture_weight for name in "abc")

    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_the_bridge_says_how_it_was_trained(painted: Painted) -> None:
    report = painted.train(seed=3)
    with safe_open(painted.folder / "bridge.safetensors", "pt") as file:
        notes = file.metadata()

    assert notes["trained_on"] == str(report)
    assert notes["seed"] == "3"


def test_the_spread_of_the_space_is_that_of_unit_vectors(painted: Painted) -> None:
    """The trace of a covariance of unit vectors is 1 less the length of their mean: above nothing, below one."""
    painted.train()
    covariance = load_bridge(painted.folder / "bridge.safetensors").covariance

    assert torch.allclose(covariance, covariance.T, atol=1e-5)
    assert 0.05 < covariance.trace() < 1
    assert torch.linalg.eigvalsh(covariance).min() > -1e-3


def test_another_set_of_pictures_has_features_of_its_own(painted: Painted) -> None:
    """The cache is named by what went into it: it is never mistaken for that of another set."""
    painted.train()
    network = load_lite0(cache_dir=painted.folder / "cache")
    paths = read_captions(painted.folder / "images", painted.captions).paths
    looked_at: list[int] = []
    fewer = picture_features(
        "clean",
        paths[:3],
        network=network,
        cache_dir=painted.folder / "cache",
        on_progress=lambda _, done, total: looked_at.append(done),
    )

    assert fewer.shape == (3, 1280)
    assert looked_at == [3]


def test_too_few_pictures_are_refused_with_the_number_needed(painted: Painted) -> None:
    with pytest.raises(ConfigError, match="leaves 32 pictures to train on: a bridge needs 512"):
        train_bridge(
            images_dir=painted.folder / "images",
            captions_csv=painted.captions,
            out=painted.folder / "never.safetensors",
            cache_dir=painted.folder / "cache",
            on_progress=lambda *_: None,
            held_out=0,
        )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, r"cannot read the captions in .*captions\.csv"),
        ("picture,text\n1.png,a dog\n", "it needs `image` and `caption`"),
        ("image,caption\nelsewhere.png,a dog\n", "names no picture"),
        ("", "names no picture"),
    ],
)
def test_captions_that_cannot_be_used_are_explained(tmp_path: Path, content: str | None, complaint: str) -> None:
    captions = tmp_path / "captions.csv"
    if content is not None:
        captions.write_text(content)

    with pytest.raises(ConfigError, match=complaint):
        read_captions(tmp_path, captions)
