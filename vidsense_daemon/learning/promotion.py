"""The promotion gate: whether a trained model may go live. Pure.

    better than persistence, than ridge-AR and than what is live on clips that are newer than all it was trained on
    and not worse than what is live at telling what the owner called good from what the owner called bad

Otherwise it stays in shadow: kept, shown, and without any effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np

from vidsense_daemon.learning.experience import Clip
from vidsense_daemon.learning.foretelling import sequence_of
from vidsense_daemon.learning.measures import auc
from vidsense_daemon.perception.surprise import SurpriseModel

_BETTER_BY = 0.005  # of the error: less is chance, and a model that changes each night can't be understood
_LOUDEST_TILES = 3  # what is unusual is small: the mean of all tiles would hide it
_LEAST_OF_EACH = 3  # good and bad moments: fewer rank by chance


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of time that the owner has judged."""

    started_at: datetime
    ended_at: datetime
    good: bool  # it was worth an alert


class JudgedMoments(Protocol):
    """What owners said of events, as the store keeps it."""

    def moments(self, camera: str) -> Sequence[Moment]:
        """The judged events of a camera, in any order."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A model on the held-out clips, and on feedback where there is enough."""

    name: str
    error: float  # mean squared prediction error
    feedback_auc: float | None = None  # 1: every good moment surprises more than every bad one


@dataclass(frozen=True, slots=True)
class Ruling:
    goes_live: bool
    why: str


def rule(candidate: Measured, *, rivals: Sequence[Measured], incumbent: Measured | None) -> Ruling:
    """Whether ``candidate`` beats every rival, and does not know the owner's feedback worse than ``incumbent``."""
    for rival in (*rivals, *(() if incumbent is None else (incumbent,))):
        if candidate.error > rival.error * (1 - _BETTER_BY):
            ratio = candidate.error / rival.error if rival.error else float("inf")
            return Ruling(goes_live=False, why=f"shadow: {ratio:.3f} of the error of {rival.name}, not below 0.995")
    known = incumbent.feedback_auc if incumbent is not None else None
    if known is not None and candidate.feedback_auc is not None and candidate.feedback_auc < known:
        why = (
            f"shadow: it ranks the owner's verdicts worse than what is live ({candidate.feedback_auc:.2f}, {known:.2f})"
        )
        return Ruling(goes_live=False, why=why)
    return Ruling(goes_live=True, why="live")


def feedback_auc(model: SurpriseModel, clips: Sequence[Clip], moments: Sequence[Moment]) -> float | None:
    """How often a good moment surprises the model more than a bad one; none while too few of them were recorded."""
    scores: list[float] = []
    good: list[bool] = []
    for moment in moments:
        within = [clip for clip in clips if clip.started_at <= moment.ended_at and clip.ended_at >= moment.started_at]
        if within:
            scores.append(max(surprise_of(model, clip) for clip in within))
            good.append(moment.good)
    if min(good.count(kind) for kind in (True, False)) < _LEAST_OF_EACH:
        return None
    return auc(np.array(scores), np.array(good))


def surprise_of(model: SurpriseModel, clip: Clip) -> float:
    """The clip's most surprising frame: the mean over its loudest tiles."""
    errors = np.nan_to_num(model.errors(*sequence_of(clip)))  # (N, K)
    return float(np.sort(errors, axis=1)[:, -_LOUDEST_TILES:].mean(axis=1).max())
