"""Training the bridge, on pictures that are painted for the test."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from cameras import make_clip, with_walker, yard
from safetensors import safe_open

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.learning.bridge import BridgeReport, train_bridge
from vidsense_daemon.learning.bridge_features import picture_features, read_captions
from vidsense_daemon.learning.camera_pairs import CameraClip, Pair, Shown, pairs_of
from vidsense_daemon.perception.encoders.bridge import load_bridge
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.encoders.lite0 import load_lite0
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.scoring import Look, score
from vidsense_daemon.perception.triggers import TriggerRule

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

    def train(
        self, *, out: str = "bridge.safetensors", seed: int = 0, clips: Sequence[CameraClip] = ()
    ) -> BridgeReport:
        self.steps.clear()
        return train_bridge(
            images_dir=self.folder / "images",
            captions_csv=self.captions,
            out=self.folder / out,
            cache_dir=self.folder / "cache",
            on_progress=lambda what, done, total: self.steps.append((what, done, total)),
            clips=clips,
            seed=seed,
            epochs=40,
            held_out=8,
            batch=12,
            pairs=3,
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


def test_clips_of_a_camera_teach_what_stands_out_of_its_background(painted: Painted, tmp_path: Path) -> None:
    """A visitor of one yard is learnt: on another camera, never trained on, they stand out as well."""
    yards = [film(tmp_path, seed) for seed in (7, 8)]
    report = painted.train(out="taught.safetensors", clips=yards[:1])
    unseen = pairs_of(yards[1:], scaler=Scaler(picture_px=224), random=np.random.default_rng(0), most=3)

    assert report.cameras == 1
    assert report.camera_pairs >= 4
    assert "pairs of 1 camera;" in str(report)
    assert ahead(painted.folder / "taught.safetensors", unseen) > 1.0


def film(folder: Path, seed: int) -> CameraClip:
    """A yard of its own, through which somebody walks from the first second on."""
    clip = make_clip(folder / f"{seed}.mp4", seconds=3, picture_at=lambda at_s: visited(seed, at_s))
    return CameraClip(clip, str(seed), (Shown("a person walking", (), ((1.0, 3.0),)),))


def visited(seed: int, at_s: float) -> Picture:
    scene = yard(320, 240, seed=seed)
    return with_walker(scene, at_s / 3) if at_s >= 1.0 else scene


def ahead(bridge: Path, pairs: list[Pair]) -> float:
    """By how many spreads the pairs with somebody score above the calm ones, as a trigger scores them."""
    encoder = BuiltinEncoder(cache_dir=bridge.parent / "cache", threads=1, bridge=bridge)
    texts = PromptBook(encoder).texts_of(TriggerRule("person", "a person"))
    changes = encoder.embed_pictures([pair.picture for pair in pairs]) - encoder.embed_pictures(
        [pair.background for pair in pairs]
    )
    presence = [score(Look(change, cold=False), texts).presence for change in changes]
    there = [value for value, pair in zip(presence, pairs, strict=True) if pair.shown]
    calm = [value for value, pair in zip(presence, pairs, strict=True) if not pair.shown]
    return float(np.mean(there) - np.mean(calm))


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
