"""Try a trigger on windows that were stored: when would it have fired, and which threshold gives so many events a day?

Pure. A stored window stands for eight sampled frames and keeps one look, its newest frame's; so one window that holds
opens a firing here, where live two looks of three must. Left out is what the windows don't keep: the whole picture,
which live is looked at when the thing fills it. Everything else is the live rule: rivals, zones, hours, and the
camera's own δ, which is learned here from the same windows' calm looks.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import Embedding
from vidsense_daemon.perception.calibration import MOST_SAMPLES, CalmScores
from vidsense_daemon.perception.scoring import Look, Score, TriggerTexts, score
from vidsense_daemon.perception.triggers import Closed, Evidence, Extended, Opened, TriggerRule, TriggerState
from vidsense_daemon.perception.watch import CALM_AFTER

LEAST_THRESHOLD = 0.25  # in spreads; below it any change of the light is a sight
_STEP = 0.01  # of the threshold that is looked for
_LOOK_EVERY = timedelta(seconds=1)
_DAY = timedelta(days=1)


class SeenWindow(Protocol):
    """A window as the store keeps it."""

    @property
    def camera(self) -> str: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime: ...
    @property
    def pooled(self) -> Embedding: ...
    @property
    def crop_change(self) -> NDArray[np.float32] | None: ...
    @property
    def moving(self) -> bool: ...
    @property
    def zones(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that the trigger would have made an event of."""

    camera: str
    started_at: datetime
    ended_at: datetime
    score: float  # the highest in it
    event_id: str | None = None  # an event that was stored at that time


@dataclass(frozen=True, slots=True)
class _Sight:
    """A look that beats its rivals at the right place and hour; whether it holds depends on the threshold."""

    since: datetime  # the window's oldest frame
    at: datetime  # its newest, the one that was looked at
    presence: float
    moving: bool
    cold: bool


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the stored windows say of a trigger."""

    firings: tuple[Firing, ...]  # all above `LEAST_THRESHOLD`, oldest first
    thresholds: Mapping[str, float]  # δ of each camera that was looked at
    days: float
    windows: int
    rule: TriggerRule
    sights: Mapping[str, Sequence[_Sight]]
    calm: Mapping[str, Sequence[float]]

    @property
    def threshold(self) -> float:
        """What the trigger would use; of several cameras' the highest."""
        return max(self.thresholds.values(), default=self.rule.threshold)

    def fired(self, threshold: float | None = None) -> list[Firing]:
        """When it would have fired, with its own or with another least threshold; oldest first."""
        rule = self.rule if threshold is None else replace(self.rule, threshold=threshold)
        return _firings(self.sights, rule, _thresholds(rule, self.calm))

    def threshold_for(self, per_day: float) -> float:
        """The lowest threshold that gives no more than ``per_day`` firings a day on average, all cameras together."""
        most = per_day * self.days
        highest = max((sight.presence for sights in self.sights.values() for sight in sights), default=0.0)
        steps = range(math.ceil(LEAST_THRESHOLD / _STEP), math.ceil(highest / _STEP) + 1)
        # fewer fire at a higher threshold: looked for by halving
        found = bisect_left(steps, True, key=lambda step: len(self.fired(step * _STEP)) <= most)
        return round((steps.start + found) * _STEP, 2)


def backtest(
    windows: Iterable[SeenWindow],
    *,
    rule: TriggerRule,
    texts: TriggerTexts,
    since: datetime,
    until: datetime,
    time_zone: tzinfo | None = None,
) -> Backtest:
    """Run ``rule`` over ``windows`` (of one encoder, oldest first); days count from the first window on."""
    sights: defaultdict[str, list[_Sight]] = defaultdict(list)
    calm: dict[str, list[float]] = {}
    moved_at: dict[str, datetime] = {}
    count, first = 0, until
    for window, seen, cold in _scored(windows, texts):
        count, first = count + 1, min(first, window.started_at)
        looks = calm.setdefault(window.camera, [])  # a camera without calm looks was looked at, too
        if window.moving:
            moved_at[window.camera] = window.ended_at
        elif window.camera not in moved_at or window.started_at - moved_at[window.camera] > CALM_AFTER:
            looks.append(seen.presence)
        least = rule.cold_threshold if cold else LEAST_THRESHOLD
        if seen.presence > least and seen.wins and _is_watched(rule, window, time_zone):
            sights[window.camera].append(_Sight(window.started_at, window.ended_at, seen.presence, window.moving, cold))
    samples = {camera: _spread_out(scores) for camera, scores in calm.items()}
    return Backtest(
        firings=tuple(_firings(sights, rule, dict.fromkeys(sights, LEAST_THRESHOLD))),
        thresholds=_thresholds(rule, samples),
        days=max(until - max(since, first), timedelta(hours=1)) / _DAY if count else 0.0,
        windows=count,
        rule=rule,
        sights=sights,
        calm=samples,
    )


def _scored(windows: Iterable[SeenWindow], texts: TriggerTexts) -> Iterator[tuple[SeenWindow, Score, bool]]:
    """Each window that shows a change, its score, and whether there was no background yet; not the damaged ones."""
    for window in windows:
        cold = window.crop_change is None
        change = window.pooled if window.crop_change is None else window.crop_change
        if (cold and not window.moving) or not np.isfinite(change).all():
            continue
        yield window, score(Look(change=change, cold=cold), texts), cold


def _is_watched(rule: TriggerRule, window: SeenWindow, time_zone: tzinfo | None) -> bool:
    in_zones = not rule.zones or not window.moving or not set(rule.zones).isdisjoint(window.zones)
    return in_zones and rule.is_active(window.ended_at, time_zone)


def _thresholds(rule: TriggerRule, calm: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {camera: CalmScores(floor=rule.threshold, scores=scores).threshold for camera, scores in calm.items()}


def _spread_out(scores: Sequence[float]) -> Sequence[float]:
    """A sample of all hours, as large as the live one."""
    return scores[:: max(1, math.ceil(len(scores) / MOST_SAMPLES))]


def _firings(
    sights: Mapping[str, Sequence[_Sight]], rule: TriggerRule, thresholds: Mapping[str, float]
) -> list[Firing]:
    found = [firing for camera in sights for firing in _of_camera(camera, sights[camera], rule, thresholds[camera])]
    return sorted(found, key=lambda firing: firing.started_at)


def _of_camera(camera: str, sights: Sequence[_Sight], rule: TriggerRule, threshold: float) -> Iterator[Firing]:
    """The live state machine, fed with one look a window; what it shows is taken to be there since its oldest frame."""
    state = TriggerState(replace(rule, looks_needed=1, looks_considered=1, min_event_s=0.0))
    firing: Firing | None = None
    for sight in sights:
        holds = sight.presence > (max(threshold, rule.cold_threshold) if sight.cold else threshold)
        evidence = Evidence(at=sight.at, presence=sight.presence, holds=holds, moving=sight.moving)
        moment = sight.since
        while state.active and moment < sight.at:  # its frames, about one a second
            state.observe(replace(evidence, at=moment))
            moment += _LOOK_EVERY
        decision = state.observe(evidence)
        if isinstance(decision, Closed):  # live, a look that says nothing would have closed it before this one
            decision = state.observe(evidence)
        match decision:
            case Opened():
                if firing is not None:
                    yield firing
                firing = Firing(camera, sight.at, sight.at, sight.presence)
            case Extended() if firing is not None:
                firing = replace(firing, ended_at=sight.at, score=max(firing.score, sight.presence))
    if firing is not None:
        yield firing
