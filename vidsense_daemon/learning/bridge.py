"""Train the bridge: what makes a picture network and a language model speak of the same things.

Called by `vidsense train bridge`, in the caller's thread. Both networks stay frozen; only two linear layers are learnt,
from captioned photographs, so that it takes a minute on one core once the features are there (`bridge_features.py`).

A bridge trained on photographs alone reads almost every camera crop as "a person", since most captions name one. Three
things mend that: views that look like a camera's, parts of the same picture that show nothing, and phrases for
nothing. A fourth mends more, where there are labelled clips of fixed cameras: `bridge_pairs.py`.

Legend: `B` pictures of a batch, `V` views, `N` pictures, `F` = 1280, `W` = 384, `D` = 512, `E` phrases.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.learning.bridge_features import (
    BORDERS,
    CLEAN,
    DEGRADED,
    CaptionedPictures,
    caption_features,
    picture_features,
    read_captions,
)
from vidsense_daemon.learning.bridge_pairs import PairMaterial, pair_loss
from vidsense_daemon.learning.camera_pairs import CameraClip
from vidsense_daemon.learning.pair_features import MOST_PAIRS, gather_pairs
from vidsense_daemon.learning.progress import Progress
from vidsense_daemon.perception.encoders.bridge import DIMENSION, Bridge
from vidsense_daemon.perception.encoders.lite0 import FEATURES, load_lite0
from vidsense_daemon.perception.encoders.minilm import FEATURES as TEXT_FEATURES
from vidsense_daemon.perception.encoders.minilm import MiniLM

_VIEW_CHANCES = (0.4, 0.2, 0.2, 0.2)  # the clean view, then each degraded one
_DROPOUT = 0.5
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.05
_BATCH = 512  # the others of a batch are what a caption is told apart from: more teach more
_FIRST_SCALE = 14.0  # of the cosines, as CLIP starts (1 / 0.07)
_LARGEST_SCALE = 100.0
_OWN_BORDER_WEIGHT = 0.2
_NOTHING_WEIGHT = 0.3
_OWN_BORDER_SOFTNESS = 4.0  # in scaled cosines: how gradually a border that is already beaten stops to matter
_PAIRS_WEIGHT = 0.1  # with 0.3 people gain more, but a class without lessons loses: cars by night
_EMPTY_PHRASES_COUNT_AS = 8  # all of them together weigh as so many other captions of the batch
_RECALL_AT = (1, 5, 10)
_SMALLEST_DEVIATION = 1e-3  # features that hardly ever fire must not be blown up

_PLACES = (
    "room", "street", "road", "parking lot", "pavement", "field", "yard",
    "hallway", "office", "garage", "park", "place", "floor", "driveway",
)  # fmt: skip
_EMPTY_TEMPLATES = ("an empty {}", "an empty {} with nobody in it", "a {} with no people")
_EMPTY_PHRASES = (
    *(template.format(place) for place in _PLACES for template in _EMPTY_TEMPLATES),
    "nothing", "background", "a plain wall", "the bare ground", "empty asphalt", "grass", "a bare floor",
    "nobody is here", "no people and no cars", "a surveillance camera picture of an empty scene",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BridgeReport:
    """What a training run made, and how well it finds a held-out picture by its caption."""

    trained_pictures: int
    held_out_pictures: int
    recall_percent_at: dict[int, float]  # the picture is among the first k for so many percent of the captions
    camera_pairs: int = 0
    cameras: int = 0

    def __str__(self) -> str:
        recalls = ", ".join(f"R@{k} {percent:.1f} %" for k, percent in self.recall_percent_at.items())
        cameras = f"{self.cameras} camera{'s' * (self.cameras > 1)}"
        pairs = f" and {self.camera_pairs} pairs of {cameras}" if self.cameras else ""
        return f"{self.trained_pictures} pictures{pairs}; {recalls} among {self.held_out_pictures} unseen ones"


@dataclass(frozen=True, slots=True, eq=False)
class _Material:
    """All features of some pictures, float32."""

    views: Tensor  # (V, N, F)
    borders: Tensor  # (2, N, F)
    texts: Tensor  # (all captions of all pictures, W)
    captions: tuple[range, ...]  # of each picture: its rows in texts
    empties: Tensor  # (E, W)

    def of(self, chosen: NDArray[np.intp]) -> _Material:
        """The same, of the chosen pictures only; the texts are shared."""
        captions = tuple(self.captions[index] for index in chosen)
        return _Material(self.views[:, chosen], self.borders[:, chosen], self.texts, captions, self.empties)


def train_bridge(
    *,
    images_dir: Path,
    captions_csv: Path,
    out: Path,
    cache_dir: Path,
    on_progress: Progress,
    clips: Sequence[CameraClip] = (),
    seed: int = 0,
    epochs: int = 30,
    held_out: int = 1000,
    batch: int = _BATCH,
    pairs: int = MOST_PAIRS,
) -> BridgeReport:
    """Train on the captioned pictures, write the bridge to ``out``, and say how well it retrieves unseen pictures.

    With ``clips`` of fixed cameras it also learns to tell what they show from their backgrounds, from so many ``pairs``
    of each. The ``held_out`` pictures are chosen by their names alone, so they are the same in every run and with every
    seed. Without any, there is no retrieval figure. The first run also computes the features: some ten minutes.

    Raises:
        ConfigError: the pictures, captions or clips cannot be used, or are too few to train on.
        PermanentError: a clip cannot be read.
    """
    pictures = read_captions(images_dir, captions_csv)
    unseen, seen = _split(pictures, held_out)
    if len(seen) < batch:
        raise ConfigError(
            f"{images_dir} leaves {len(seen)} pictures to train on: a bridge needs {batch}, and is good from 5,000"
        )
    material = _gather(pictures, cache_dir, on_progress)
    lessons = _gather_pairs(clips, pairs, cache_dir, on_progress) if clips else None
    trainee = _fit(material.of(seen), lessons, seed=seed, epochs=epochs, batch=batch, on_progress=on_progress)
    bridge = _folded(trainee, material.of(seen))
    report = BridgeReport(
        trained_pictures=len(seen),
        held_out_pictures=len(unseen),
        recall_percent_at=_recall(bridge, material.of(unseen)) if len(unseen) else {},
        camera_pairs=len(lessons.labels) if lessons else 0,
        cameras=len({clip.camera for clip in clips}),
    )
    bridge.save(out, notes={"trained_on": str(report), "seed": str(seed), "epochs": str(epochs)})
    return report


def _split(pictures: CaptionedPictures, held_out: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the held-out pictures and of the others: those whose names have the smallest hashes are held out."""
    hashes = [hashlib.sha256(path.name.encode()).hexdigest() for path in pictures.paths]
    order = np.argsort(np.array(hashes))
    return np.sort(order[:held_out]), np.sort(order[held_out:])


def _gather(pictures: CaptionedPictures, cache_dir: Path, on_progress: Progress) -> _Material:
    network = load_lite0(cache_dir=cache_dir)
    language = MiniLM()

    def look(view: str) -> NDArray[np.float32]:
        found = picture_features(
            view, pictures.paths, network=network, cache_dir=cache_dir, on_progress=on_progress
        )  # (N, F)
        return found.astype(np.float32)

    captions = [caption for several in pictures.captions for caption in several]
    ends = np.cumsum([len(several) for several in pictures.captions]).tolist()
    texts = caption_features(captions, language=language, cache_dir=cache_dir, on_progress=on_progress)
    return _Material(
        views=torch.from_numpy(np.stack([look(view) for view in (CLEAN, *DEGRADED)])),
        borders=torch.from_numpy(np.stack([look(view) for view in BORDERS])),
        texts=torch.from_numpy(texts),
        captions=tuple(range(start, end) for start, end in zip([0, *ends], ends, strict=False)),
        empties=torch.from_numpy(language(_EMPTY_PHRASES)),
    )


def _gather_pairs(clips: Sequence[CameraClip], most: int, cache_dir: Path, on_progress: Progress) -> PairMaterial:
    return gather_pairs(
        clips,
        network=load_lite0(cache_dir=cache_dir),
        language=MiniLM(),
        cache_dir=cache_dir,
        on_progress=on_progress,
        most=most,
    )


class _Trainee(nn.Module):
    """The bridge while it learns: features are standardised, and half of them hidden, before the picture layer."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.mean = features.mean(0)
        self.deviation = features.std(0) + _SMALLEST_DEVIATION
        self.picture = nn.Linear(FEATURES, DIMENSION)
        self.text = nn.Linear(TEXT_FEATURES, DIMENSION)
        self.log_scale = nn.Parameter(torch.tensor(math.log(_FIRST_SCALE)))

    def pictures(self, features: Tensor) -> Tensor:
        return self._embedded(functional.dropout(self._standardised(features), _DROPOUT))

    def changes(self, pictures: Tensor, backgrounds: Tensor) -> Tensor:
        """The difference z − b, with the same features hidden in both: hidden in one, they would be a change."""
        shown = functional.dropout(torch.ones_like(pictures), _DROPOUT)
        return self._embedded(self._standardised(pictures) * shown) - self._embedded(
            self._standardised(backgrounds) * shown
        )

    def texts(self, features: Tensor) -> Tensor:
        return functional.normalize(self.text(features), dim=-1)

    def _standardised(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.deviation

    def _embedded(self, standardised: Tensor) -> Tensor:
        return functional.normalize(self.picture(standardised), dim=-1)


def _fit(
    material: _Material, pairs: PairMaterial | None, *, seed: int, epochs: int, batch: int, on_progress: Progress
) -> _Trainee:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random = np.random.default_rng(seed)
        trainee = _Trainee(torch.cat([material.views.flatten(0, 1), material.borders[0]]))
        optimiser = torch.optim.AdamW(trainee.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
        steps = epochs * (len(material.captions) // batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps, pct_start=0.1)
        for step, chosen in enumerate(_batches(len(material.captions), epochs, batch, random), 1):
            loss, ordinary = _loss(trainee, material, chosen, random)
            if pairs is not None:
                loss = loss + _PAIRS_WEIGHT * pair_loss(
                    pairs, random, changes=trainee.changes, embed_texts=trainee.texts, ordinary=ordinary
                )
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            on_progress("training the bridge", step, steps)
        return trainee


def _batches(count: int, epochs: int, batch: int, random: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    for _ in range(epochs):
        order = random.permutation(count)
        for start in range(0, count - batch + 1, batch):
            yield order[start : start + batch]


def _loss(
    trainee: _Trainee, material: _Material, chosen: NDArray[np.intp], random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """InfoNCE (arXiv:1807.03748) both ways, against borders and empty phrases too; and two terms for the borders.

    Also the pictures' embeddings, (B, D).
    """
    views = random.choice(len(material.views), size=len(chosen), p=_VIEW_CHANCES)
    captions = [random.choice(material.captions[index]) for index in chosen]
    sides = random.integers(len(material.borders), size=len(chosen))
    pictures = trainee.pictures(material.views[views, chosen])  # (B, D)
    borders = trainee.pictures(material.borders[sides, chosen])  # (B, D)
    texts = trainee.texts(material.texts[captions])  # (B, D)
    empties = trainee.texts(material.empties)  # (E, D)
    scale = trainee.log_scale.exp().clamp(max=_LARGEST_SCALE)

    to_pictures = scale * texts @ pictures.T  # (B, B): captions × pictures
    to_borders = scale * texts @ borders.T  # (B, B): captions × borders
    empty_share = math.log(len(empties) / _EMPTY_PHRASES_COUNT_AS)
    to_empty = torch.logsumexp(scale * pictures @ empties.T, 1, keepdim=True) - empty_share  # (B, 1)
    own = torch.arange(len(chosen))
    contrast = (
        functional.cross_entropy(torch.cat([to_pictures, to_borders], 1), own)
        + functional.cross_entropy(torch.cat([to_pictures.T, to_empty], 1), own)
    ) / 2

    # a caption must prefer its picture to the same picture's border: same light, same place, but nothing there
    ahead = (to_pictures.diagonal() - to_borders.diagonal()) / _OWN_BORDER_SOFTNESS
    own_border = functional.softplus(-ahead).mean() * _OWN_BORDER_SOFTNESS
    # a border is one of the empty phrases, whichever, rather than any caption
    borders_empty = scale * borders @ empties.T  # (B, E)
    anything = torch.cat([borders_empty, to_borders.T], 1)  # (B, E + B)
    nothing = (torch.logsumexp(anything, 1) - torch.logsumexp(borders_empty, 1)).mean()
    return contrast + _OWN_BORDER_WEIGHT * own_border + _NOTHING_WEIGHT * nothing, pictures


@torch.no_grad()
def _folded(trainee: _Trainee, material: _Material) -> Bridge:
    """The standardisation folded into the picture layer: W' = W/σ, b' = b - W·μ/σ; and the views' covariance."""
    weight = trainee.picture.weight / trainee.deviation
    bridge = Bridge(
        picture_weight=weight,
        picture_bias=trainee.picture.bias - weight @ trainee.mean,
        text_weight=trainee.text.weight.clone(),
        text_bias=trainee.text.bias.clone(),
        covariance=torch.empty(0),
    )
    ordinary = bridge.pictures(material.views.flatten(0, 1))  # (V·N, D)
    return Bridge(
        bridge.picture_weight, bridge.picture_bias, bridge.text_weight, bridge.text_bias, torch.cov(ordinary.T)
    )


@torch.no_grad()
def _recall(bridge: Bridge, unseen: _Material) -> dict[int, float]:
    """For each k: how many percent of the captions have their own picture among the k nearest."""
    pictures = bridge.pictures(unseen.views[0])  # (N, D), the clean views
    rows = [row for captions in unseen.captions for row in captions]
    own = torch.tensor([index for index, captions in enumerate(unseen.captions) for _ in captions])
    scores = bridge.texts(unseen.texts[rows]) @ pictures.T  # (captions, N)
    ranks = (scores > scores.gather(1, own[:, None])).sum(1)
    return {k: round(100 * (ranks < k).float().mean().item(), 1) for k in _RECALL_AT}
