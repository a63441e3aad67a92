"""Try what verdicts teach on the verdicts themselves, before it counts: how many false events would have been spared?

Pure. Each event is judged by a head that never saw it, nor any other event within ten minutes of it: the cat that set
off four events in a row would teach the answer to its own test. How much the head counts (α, β) is chosen without the
event, too, so the figures flatter nothing. It goes live only if

    spared > w · lost        w = 4 for a trigger of severity alert, 2 for warning, 1 for info

A past event counts as spared when its clearest look would not have held. That is close and not exact: its other looks
were fainter, but may have been less like what was called bad.

N = verdicts, G = occasions, D = dimension of the embedding space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.events import Lesson, Severity, Verdict
from vidsense_daemon.domain.windows import unit
from vidsense_daemon.perception.feedback_head import FeedbackHead, affinities, terms_of

LOST_COUNTS = {Severity.INFO: 1, Severity.WARNING: 2, Severity.ALERT: 4}  # w: as many spared events as one lost one
_OCCASION = timedelta(minutes=10)
_STRENGTHS = (1.0, 2.0, 4.0)  # α, the gentlest first: of two that serve alike it is taken
_SHARPNESSES = (2.0, 4.0, 8.0)  # β
_MOST = 500  # the newest verdicts: what a camera shows changes with the seasons

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FeedbackTrial:
    """What the verdicts on one trigger of one camera come to."""

    good: int  # verdicts that can teach
    bad: int
    occasions: int  # groups of events that happened together
    spared: int  # bad events that a head would not have told, which had never seen them
    lost: int  # good ones
    head: FeedbackHead | None  # none when it does not go live
    reason: str

    @property
    def goes_live(self) -> bool:
        return self.head is not None


def of_sentence(lessons: Sequence[Lesson], *, prompt: str, encoder: str) -> list[Lesson]:
    """Those that can teach a trigger as it is now: of its present sentence, in the present encoder's space."""
    return [lesson for lesson in lessons if (lesson.prompt, lesson.encoder) == (prompt, encoder)]


def try_feedback(
    lessons: Sequence[Lesson], *, severity: Severity, min_good: int = 5, min_bad: int = 5
) -> FeedbackTrial:
    """Judge every past event as if it had not been judged, and decide; ``lessons`` are of one trigger on one camera."""
    lessons = [lesson for lesson in lessons if np.isfinite(lesson.look.change).all()]
    lessons = sorted(lessons, key=lambda lesson: lesson.look.captured_at)[-_MOST:]
    good = np.array([lesson.verdict is Verdict.GOOD for lesson in lessons], dtype=np.bool_)  # (N,)
    n_good, n_bad = int(good.sum()), int((~good).sum())
    if n_good < min_good or n_bad < min_bad:
        reason = f"too few verdicts: {n_good} good of {min_good} and {n_bad} bad of {min_bad} needed"
        return FeedbackTrial(n_good, n_bad, 0, 0, 0, None, reason)
    looks = unit(np.stack([lesson.look.change for lesson in lessons]))  # (N, D)
    centre = looks.mean(axis=0)  # of all: it knows no verdict
    keys = unit(looks - centre)
    past = _Past(keys, good, _occasions(lessons), _margins(lessons), weight=LOST_COUNTS[severity])
    spared, lost = past.held_out()
    reason = f"it would have spared {spared} of {n_bad} false events and lost {lost} of {n_good} true ones"
    chosen = past.best()
    if chosen is None or spared <= past.weight * lost:
        head, reason = None, f"{reason}: not worth it, a lost one counts {past.weight}"
    else:
        head = FeedbackHead(centre, keys, good, strength=chosen[0], sharpness=chosen[1])
    return FeedbackTrial(n_good, n_bad, int(past.occasions.max()) + 1, spared, lost, head, reason)


class _Past:
    """The judged events of one trigger, each to be judged by the others."""

    def __init__(
        self, keys: NDArray[np.float32], good: Bools, occasions: NDArray[np.intp], margins: Floats, *, weight: int
    ) -> None:
        self._good, self._margins, self.occasions, self.weight = good, margins, occasions, weight
        groups = np.eye(occasions.max() + 1)[occasions]  # (N, G)
        kinds = np.stack([good, ~good])  # (2, N)
        self._counts = self._without_own(np.repeat((kinds @ groups)[:, None], len(good), axis=1))
        self._sums = {}  # by β
        for sharpness in _SHARPNESSES:
            affinity = affinities(keys @ keys.T, sharpness=sharpness)  # (N, N)
            self._sums[sharpness] = self._without_own(np.stack([(affinity * kind) @ groups for kind in kinds]))

    def _without_own(self, of_occasions: Floats) -> tuple[Floats, Floats]:
        """Each event's sum over all occasions but its own (2, N), and what each other one adds to it (2, N, G)."""
        others = of_occasions.copy()
        others[:, np.arange(len(self.occasions)), self.occasions] = 0.0
        return others.sum(axis=2), others

    def held_out(self) -> tuple[int, int]:
        """How many bad events are spared, and good ones lost, by heads that were made without their occasion."""
        gone = np.zeros(len(self._good), dtype=np.bool_)
        for occasion in range(int(self.occasions.max()) + 1):
            chosen = self.best(without=occasion)
            if chosen is not None:
                gone |= self._gone(*chosen, without=occasion) & (self.occasions == occasion)
        return int((gone & ~self._good).sum()), int((gone & self._good).sum())

    def best(self, *, without: int | None = None) -> tuple[float, float] | None:
        """The α and β that serve best on the events of all occasions but one; none when it is best not to count."""
        rest = self.occasions != (-1 if without is None else without)
        choices = [(strength, sharpness) for strength in _STRENGTHS for sharpness in _SHARPNESSES]
        gains = []
        for choice in choices:
            gone = self._gone(*choice, without=without) & rest
            gains.append(int((gone & ~self._good).sum()) - self.weight * int((gone & self._good).sum()))
        best = int(np.argmax(gains))
        return choices[best] if gains[best] > 0 else None

    def _gone(self, strength: float, sharpness: float, *, without: int | None) -> Bools:
        """Which events would not have held, each by a head without its own occasion and that one. (N,)"""
        sums_and_counts = []
        for total, others in (self._sums[sharpness], self._counts):
            left = total if without is None else total - others[:, :, without]
            sums_and_counts.append(np.maximum(left, 0.0))  # rounding
        sums, counts = sums_and_counts  # each (2, N)
        for_it, against = sums / np.maximum(counts, 1)
        gone: Bools = self._margins + terms_of(for_it, against, strength=strength, sharpness=sharpness) <= 0
        return gone


def _occasions(lessons: Sequence[Lesson]) -> NDArray[np.intp]:
    """A number for each event, the same for those that follow one another closely; oldest first. (N,)"""
    times = [lesson.look.captured_at for lesson in lessons]
    apart = [later - earlier > _OCCASION for earlier, later in pairwise(times)]
    return np.cumsum([0, *apart])


def _margins(lessons: Sequence[Lesson]) -> Floats:
    """By how much each event's clearest look exceeded its threshold. (N,)"""
    return np.array([lesson.look.presence - lesson.look.threshold for lesson in lessons])
