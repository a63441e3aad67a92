"""How good are scores, and how sure is that? Pure.

Own code instead of scikit-learn: four short formulas do not earn 40 MB on a home server, and what decides here is how
the bootstrap draws. It draws whole groups (videos, sources, cameras): frames of one video resemble each other, so an
interval over frames would promise far more than was seen (Efron & Tibshirani 1993, chapter 8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 1000
_COVERED = 0.95  # of the bootstrap's values lie inside the interval

Scores = NDArray[np.floating]
Truth = NDArray[np.bool_]
Chosen = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its interval; all NaN where nothing can be told."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def as_difference(self) -> str:
        """In points, with their signs."""
        return f"{100 * self.value:+.1f} [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"


def auc(scores: Scores, truth: Truth) -> float:
    """The chance that a true one scores above a false one, ties counting half; NaN when one of the kinds is missing.

    The area under the ROC curve as a rank sum (Mann & Whitney 1947).
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # of equal scores each gets their mean rank, from 1
    true, false = int(truth.sum()), int((~truth).sum())
    if not true or not false:
        return float("nan")
    return float((ranks[truth].sum() - true * (true + 1) / 2) / (true * false))


def macro_auc(scores: Scores, truth: Truth, groups: NDArray[np.intp]) -> float:
    """The mean over the groups' own AUCs; groups of one kind only are left out. NaN when none remains."""
    return mean_of_told(auc(scores[groups == group], truth[groups == group]) for group in np.unique(groups))


def mean_of_told(values: Iterable[float]) -> float:
    """The mean of those that are not NaN; NaN when none remains."""
    told = [value for value in values if not math.isnan(value)]
    return float(np.mean(told)) if told else float("nan")


def precision_recall(found: Truth, truth: Truth) -> tuple[float, float]:
    """How many of the found are true, and how many of the true are found; NaN where there are none."""
    both = float((found & truth).sum())
    return (both / found.sum() if found.any() else float("nan"), both / truth.sum() if truth.any() else float("nan"))


def bootstrapped(
    value_of: Callable[[Chosen], float], groups: NDArray[np.intp], *, seed: int = 0, rounds: int = ROUNDS
) -> Figure:
    """``value_of`` of all rows, and its 95 % interval over draws of whole groups with replacement.

    ``value_of`` takes row numbers, which may repeat. To compare two scores give it their difference: each draw then
    takes the same rows for both (a paired bootstrap), and what is hard for both cancels out.
    """
    random = np.random.default_rng(seed)
    rows = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    values = np.array(
        [
            value_of(np.concatenate([rows[pick] for pick in random.integers(len(rows), size=len(rows))]))
            for _ in range(rounds)
        ]
    )
    told = values[~np.isnan(values)]
    value = value_of(np.arange(len(groups)))
    if len(rows) < 2 or not told.size:  # one group says nothing of others
        return Figure(value, float("nan"), float("nan"))
    low, high = np.quantile(told, [(1 - _COVERED) / 2, (1 + _COVERED) / 2])
    return Figure(value, float(low), float(high))
