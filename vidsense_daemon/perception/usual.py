"""What is usual before one camera: how it scores at which hour, and so which score comes about N times a week. Pure.

Of every ten minutes that were watched the highest score that would have made an event is kept, three weeks long. From a
day on these peaks tell where the threshold lies: the score that N of a week's 1008 peaks exceed. What a tenth or
more exceed is read off; what fewer do is continued beyond what was seen, as in `calibration` (excesses over a high
quantile fall off exponentially). From a week on every hour of the day is measured by itself: at three at night what
would be nothing at noon is much. Of every hour's peak the look is kept as well, so that something unusual can be told
by the most similar thing that was usual.

D = dimension of the embedding space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

PEAK_EVERY = timedelta(minutes=10)
LEARNS_FOR = timedelta(days=1)  # of watching; one of each hour
_KEPT_FOR = timedelta(days=21)
_PEAKS_A_WEEK = timedelta(days=7) / PEAK_EVERY
PEAKS_TO_KNOW = round(LEARNS_FOR / PEAK_EVERY)
_HOURS_FROM = timedelta(days=7)
_LEAST_PEAKS_OF_HOUR = 54  # three days of this hour and its neighbours: fewer say little of its upper tenth
_TAIL_QUANTILE = 0.9
_COUNTED_PEAKS = 2  # so many peaks above the threshold can be counted: where the tail is heavy, it is continued too low
_LEAST_MEAN_EXCESS = 0.128  # a camera that scores the same all day must not alarm at a breath more: 0.5 at 2 a week
_MEDIAN_OF_EXPONENTIAL = math.log(2)  # in means; the median, because one event must not raise the threshold for weeks


@dataclass(slots=True, eq=False)
class Peak:
    """The highest score of ten minutes that two of three looks reached: below it, they would have made an event."""

    at: datetime
    score: float
    look: NDArray[np.float16] | None = None  # (D,); only of the hour's highest


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something is unusual, in words, and when the camera saw what is most like it."""

    text: str
    nearest_at: datetime | None


class Usual:
    """One camera's past; times never go back but for a clock that was set."""

    def __init__(self, *, per_week: float, time_zone: tzinfo | None = None, peaks: Iterable[Peak] = ()) -> None:
        """``time_zone`` is where hours and days are meant, none the machine's own; ``peaks`` were learned before."""
        self._per_week = per_week
        self._time_zone = time_zone
        self._peaks = list(peaks)
        self._present: Peak | None = None  # of the ten minutes that run
        self._habits = [0.0] * 24
        self._threshold = math.inf
        self._measured = False

    @property
    def peaks(self) -> Sequence[Peak]:
        """All of them, oldest first, but for the ten minutes that run."""
        return self._peaks

    @property
    def is_learning(self) -> bool:
        """Whether too little is known for any threshold."""
        return len(self._peaks) < PEAKS_TO_KNOW

    @property
    def threshold(self) -> float:
        """About N peaks a week exceed it, the habit of their hour aside; infinite while learning."""
        self._measure()
        return self._threshold

    def learned_at(self, now: datetime) -> datetime:
        """When enough will be known, if it is watched from now on without a pause."""
        return known_at(len(self._peaks), now)

    def habit(self, at: datetime) -> float:
        """How much more is usual at this hour than over the whole day; 0 before hours are known by themselves."""
        self._measure()
        return self._habits[self._hour(at)]

    def see(self, at: datetime, score: float | None, look: NDArray[np.float32] | None = None) -> None:
        """Take in one moment; without a ``score`` it was watched and nothing could have made an event."""
        present = self._present
        if present is None or _bin(present.at) != _bin(at):
            if present is not None:
                self._keep(present)
            self._present = present = Peak(at, -math.inf)
        if score is not None and math.isfinite(score) and score > present.score:
            present.at, present.score = at, score
            present.look = None if look is None else look.astype(np.float16)

    def forget(self) -> None:
        """The camera looks at something else: begin anew."""
        self._peaks, self._present = [], None
        self._measured = False

    def explain(self, at: datetime, score: float, look: NDArray[np.float32] | None) -> Explanation:
        """What a moment that scores ``score`` is unlike, and what it is most like."""
        local = at.astimezone(self._time_zone)
        peaks = [peak for peak in self._peaks if peak.at < at]
        same_hour = [peak for peak in peaks if self._hour(peak.at) == local.hour]
        same_day = [peak for peak in same_hour if peak.at.astimezone(self._time_zone).weekday() == local.weekday()]
        text = f"rarer than most in {self._span(at)}"
        for known, name in (
            (peaks, "anything"),
            (same_day, f"any {local:%A} {local:%H}:00"),
            (same_hour, f"anything at {local:%H}:00"),
        ):
            if known and score > max(peak.score for peak in known):
                text = f"unlike {name} in {self._span(at)}"
                break
        nearest = _nearest(peaks, look)
        if nearest is None:
            return Explanation(text, None)
        return Explanation(f"{text}; nearest: {self._when(nearest.at)}", nearest.at)

    def _keep(self, peak: Peak) -> None:
        rival = next((kept for kept in self._peaks[-6:] if kept.look is not None and _same_hour(kept, peak)), None)
        if rival is not None and peak.look is not None:
            min(rival, peak, key=lambda one: one.score).look = None
        self._peaks.append(peak)
        oldest = peak.at - _KEPT_FOR
        self._peaks = [kept for kept in self._peaks if oldest <= kept.at <= peak.at]
        self._measured = False

    def _measure(self) -> None:
        """Habits and threshold, when the peaks have changed: every ten minutes."""
        if self._measured:
            return
        self._measured = True
        self._habits, self._threshold = [0.0] * 24, math.inf
        if self.is_learning:
            return
        scores = np.array([peak.score for peak in self._peaks])
        lowest = scores[np.isfinite(scores)].min(initial=0.0)
        scores = np.maximum(scores, lowest)  # ten minutes in which nothing moved
        hours = np.array([self._hour(peak.at) for peak in self._peaks])
        if self._peaks[-1].at - self._peaks[0].at >= _HOURS_FROM:
            self._habits = [_habit(scores, hours, hour) for hour in range(24)]
        self._threshold = _threshold(scores - np.array(self._habits)[hours], self._per_week / _PEAKS_A_WEEK)

    def _hour(self, at: datetime) -> int:
        return at.astimezone(self._time_zone).hour

    def _span(self, at: datetime) -> str:
        days = max(1, round((at - self._peaks[0].at) / timedelta(days=1))) if self._peaks else 0
        return f"{days // 7} weeks" if days >= 14 else f"{days} days" if days > 1 else "a day"

    def _when(self, at: datetime) -> str:
        local = at.astimezone(self._time_zone)
        return f"{local:%A} {local.day} {local:%B %H:%M}"


def known_at(peaks: int, now: datetime) -> datetime:
    """When enough peaks will be known, of which there are ``peaks`` now."""
    return now + PEAK_EVERY * max(0, PEAKS_TO_KNOW - peaks)


def _bin(at: datetime) -> int:
    return int(at.timestamp() // PEAK_EVERY.total_seconds())


def _same_hour(a: Peak, b: Peak) -> bool:
    return a.at.replace(minute=0, second=0, microsecond=0) == b.at.replace(minute=0, second=0, microsecond=0)


def _habit(scores: NDArray[np.float64], hours: NDArray[np.int_], hour: int) -> float:
    near = np.isin(hours, [(hour - 1) % 24, hour, (hour + 1) % 24])
    if near.sum() < _LEAST_PEAKS_OF_HOUR:
        return 0.0
    return float(np.quantile(scores[near], _TAIL_QUANTILE) - np.quantile(scores, _TAIL_QUANTILE))


def _threshold(scores: NDArray[np.float64], share: float) -> float:
    """The score that ``share`` of the peaks exceed."""
    rare = 1 - _TAIL_QUANTILE
    if share >= rare:
        return float(np.quantile(scores, 1 - min(1.0, share)))
    begin = float(np.quantile(scores, _TAIL_QUANTILE))
    tail = scores[scores > begin] - begin
    mean = float(np.median(tail)) / _MEDIAN_OF_EXPONENTIAL if tail.size else 0.0
    threshold = begin + max(_LEAST_MEAN_EXCESS, mean) * math.log(rare / share)
    if share * scores.size >= _COUNTED_PEAKS:
        threshold = max(threshold, float(np.quantile(scores, 1 - share)))
    return threshold


def _nearest(peaks: Sequence[Peak], look: NDArray[np.float32] | None) -> Peak | None:
    """The peak whose look is most similar."""
    known = [peak for peak in peaks if peak.look is not None]
    if look is None or not known:
        return None
    looks = np.stack([peak.look for peak in known if peak.look is not None]).astype(np.float32)  # (P, D)
    return known[int((looks @ look).argmax())]
