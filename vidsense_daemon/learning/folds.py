"""Split examples for a test so that no source stands on both sides. Pure.

Clips cut from one recording share its light, its place and its people: a model that saw one of them knows the others.
Split clip by clip, mean pooling tells fights from calm with an AUC of 74; split by source, with none (docs/
evaluation.md). So whole groups go into one fold, and the folds get alike shares of every class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import ConfigError

MOST_FOLDS = 5
_LEAST_GROUPS = 2  # that show a class: one to learn from, one to be tested on


def grouped_folds(
    labels: NDArray[np.intp], groups: NDArray[np.intp], *, names: Sequence[str], folds: int = MOST_FOLDS, seed: int = 0
) -> NDArray[np.intp]:
    """The fold (0, 1, …) of each example; ``names`` are the classes that the labels count.

    The largest groups are placed first, each where the classes become most even; ``seed`` breaks ties. There are fewer
    folds when few groups show a class.

    Raises:
        ConfigError: a class is missing, or lies in too few groups to be learnt in one and tested in another.
    """
    counts = np.array([[int((labels[groups == group] == label).sum()) for label in range(len(names))]
                       for group in np.unique(groups)])  # (groups, classes)  # fmt: skip
    shown_in = (counts > 0).sum(axis=0)
    for name, sources in zip(names, shown_in.tolist(), strict=True):
        if sources < _LEAST_GROUPS:
            raise ConfigError(
                f'"{name}" is shown by {sources or "no"} group{"s" if sources != 1 else ""} of clips: label at least '
                f"{_LEAST_GROUPS} that were not cut from one recording, better ten, so that it can be tested on what "
                "was not learnt from"
            )
    folds = min(folds, int(shown_in.min()))
    order = np.random.default_rng(seed).permutation(len(counts))
    filled = np.zeros((folds, len(names)))
    fold_of = np.empty(len(counts), np.intp)
    for group in order[np.argsort(-counts[order].sum(axis=1), kind="stable")]:
        after = filled + counts[group]  # (folds, classes): what each fold would hold
        fold = int(np.argmin((after**2).sum(axis=1) - (filled**2).sum(axis=1)))
        fold_of[group], filled[fold] = fold, after[fold]
    return fold_of[np.searchsorted(np.unique(groups), groups)]


def train_test(folds: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """For each fold: the rows of the others, and its own."""
    for fold in np.unique(folds):
        yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
