"""The bridge's lesson from cameras: a crop less its background must point to what the label says, and to nothing else.

    D_k = (z − b) · t_k / σ_k          as perception/scoring.py has it, with the same texts
    s   = max D_own − mean D_nothing   large where something labelled stands out, small where nothing does
    m   = max D_own − max D_rival      positive

What is trained is what is asked later. Every camera counts alike, however many pairs it gave, and half of a step's
pairs are calm. `bridge.py` adds this to its own losses. Legend: `P` pairs, `L` labels, `V` views, `F` = 1280
picture features, `K` texts, `W` = 384 word features, `D` = 512.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vidsense_daemon.learning.camera_pairs import Shown
from vidsense_daemon.perception.encoders.phrasing import ensemble, phrased
from vidsense_daemon.perception.vocabulary import EMPTY, HOME, class_of, rivals_of

CALM = -1  # the label of a pair in which nothing stands out, or what does is nobody

_VIEW_CHANCES = (0.35, 0.15, 0.15, 0.15, 0.1, 0.1)  # of `pair_features.VIEWS`
_PAIRS = 96  # of a step
_PRESENT = 3.0  # spreads: twice what a trigger asks for by default
_AHEAD = 1.0  # spreads before the strongest rival
_CALM_BELOW = 0.75  # spreads: half of what a trigger asks for
_CALM_SOFTNESS = 0.5
_PROMPT_WEIGHT = 0.5  # the label's own sentence, beside the best of it and its class's synonyms
_SMALLEST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Which of the texts each label is scored with, as a trigger of its sentences would be; true where it is."""

    prompt: Tensor  # (L, K): the label's own sentence
    own: Tensor  # (L, K): the sentence and its class's synonyms
    nothing: Tensor  # (L, K): empty phrases and contrasts
    rivals: Tensor  # (L, K)
    classes: Tensor  # (classes, K): none of these may stand out of a calm pair
    empty: Tensor  # (1, K)
    sentences: tuple[str, ...]  # K · templates

    @classmethod
    def of(cls, labels: Sequence[Shown]) -> Lessons:
        """The lessons of the labels, in their order."""
        things = [class_of(label.prompt) for label in labels]
        # what is none of the classes must look like none of them
        against = [rivals_of(label.prompt) if thing else HOME for label, thing in zip(labels, things, strict=True)]
        wanted: dict[str, list[tuple[str, ...]]] = {
            "prompt": [(label.prompt,) for label in labels],
            "own": [
                (label.prompt, *(thing.texts + thing.wider if thing else ()))
                for label, thing in zip(labels, things, strict=True)
            ],
            "nothing": [(*EMPTY, *label.contrast) for label in labels],
            "rivals": [
                (*(text for rival in rivals for text in rival.texts), *label.contrast)
                for label, rivals in zip(labels, against, strict=True)
            ],
            "classes": [thing.texts for thing in HOME],
            "empty": [EMPTY],
        }
        table = list(dict.fromkeys(text for rows in wanted.values() for texts in rows for text in texts))
        masks = {key: torch.tensor([[t in texts for t in table] for texts in rows]) for key, rows in wanted.items()}
        return cls(**masks, sentences=tuple(phrased(table)))


@dataclass(frozen=True, slots=True, eq=False)
class PairMaterial:
    """The pairs' features, and what they are judged by."""

    pictures: Tensor  # (P, V, F)
    backgrounds: Tensor  # (P, V, F)
    cameras: NDArray[np.intp]  # (P,)
    labels: NDArray[np.intp]  # (P,): rows of the lessons, or CALM
    lessons: Lessons
    texts: Tensor  # (K · templates, W)

    def drawn(self, random: np.random.Generator) -> NDArray[np.intp]:
        """A step's pairs: cameras alike, half of them calm where a camera has calm ones."""
        chosen = []
        for number, camera in enumerate(random.choice(np.unique(self.cameras), _PAIRS)):
            there = np.flatnonzero((self.cameras == camera) & ((self.labels == CALM) == (number % 2 == 1)))
            pool = there if len(there) else np.flatnonzero(self.cameras == camera)
            chosen.append(random.choice(pool))
        return np.array(chosen)


def pair_loss(
    material: PairMaterial,
    random: np.random.Generator,
    *,
    changes: Callable[[Tensor, Tensor], Tensor],
    embed_texts: Callable[[Tensor], Tensor],
    ordinary: Tensor,
) -> Tensor:
    """How far a step's pairs are from what triggers ask for.

    ``changes`` makes z − b of both features, ``embed_texts`` unit vectors of word features; the texts' spread is
    that of ``ordinary`` pictures, (B, D).
    """
    chosen = material.drawn(random)
    views = random.choice(material.pictures.shape[1], size=len(chosen), p=_VIEW_CHANCES)
    change = changes(material.pictures[chosen, views], material.backgrounds[chosen, views])  # (P, D)
    texts = ensemble(embed_texts(material.texts))  # (K, D)
    spread = (ordinary.detach() @ texts.detach().T).std(0) + _SMALLEST_SPREAD  # (K,)
    scores = change @ (texts / spread[:, None]).T  # (P, K)
    labels = torch.from_numpy(material.labels[chosen])
    calm = labels == CALM
    loss = _missed(scores[~calm], labels[~calm], material.lessons)
    return loss + _raised(scores[calm], material.lessons) if calm.any() else loss


def _missed(scores: Tensor, labels: Tensor, lessons: Lessons) -> Tensor:
    """Of pairs in which something stands out; scores (P, K), labels (P,)."""
    nothing = _mean(scores, lessons.nothing[labels])
    own = _best(scores, lessons.own[labels])
    loss = functional.softplus(_PRESENT - (own - nothing))
    loss = loss + _PROMPT_WEIGHT * functional.softplus(_PRESENT - (_best(scores, lessons.prompt[labels]) - nothing))
    return (loss + functional.softplus(_AHEAD - (own - _best(scores, lessons.rivals[labels])))).mean()


def _raised(scores: Tensor, lessons: Lessons) -> Tensor:
    """Of calm pairs, (P, K): whatever class stands out of them."""
    presence = _best(scores[:, None], lessons.classes) - _mean(scores, lessons.empty)[:, None]  # (P, classes)
    return functional.softplus((presence - _CALM_BELOW) / _CALM_SOFTNESS).mean()


def _best(scores: Tensor, chosen: Tensor) -> Tensor:
    return scores.masked_fill(~chosen, -math.inf).amax(-1)


def _mean(scores: Tensor, chosen: Tensor) -> Tensor:
    return (scores * chosen).sum(-1) / chosen.sum(-1)
