"""Is the picture still the camera's own? Frozen, covered, blinded, turned away. Pure; reads no clock.

    state      on                                                             goes to    says
    learning   a day was watched; whatever was shown by then is the camera's   watching   –
    watching   nothing it has shown before is shown for `after_s`             tampered   a verdict
    watching   no pixel changes for `frozen_after_s`, and 3 × its longest rest tampered   a verdict
    tampered   a known look is back, or pixels change again                   watching   –
    tampered   another look has lasted an hour: it is the camera's from now on watching   –

A look is the picture's outlines on a grid of 16 × 16 fields, which hardly depend on light; by day and in infrared a
camera has two of them, so up to six are kept, and each follows the seasons slowly. A picture without outlines (night
without infrared, a covered lens) has no look: it is known by the hours of the day at which it was seen. A stream whose
pixels never change (drawn pictures, very clean encoders) is not frozen: what counts is that *this* camera's rest. A
scene that becomes dark slowly has not been covered.

P = fields · 2 outlines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Frame, Picture

LEARNS_FOR = timedelta(days=1)  # of watching: day, night, and what turns between them
ACCEPTED_AFTER = timedelta(hours=1)
_LOOKED_EVERY = timedelta(seconds=2)
_BACK_FOR = timedelta(seconds=10)
_LONGEST_STEP = timedelta(seconds=30)  # a longer gap between two frames was not watched
_FIELDS = 16
_MOST_LOOKS = 6
_SAME_LOOK = 0.6  # correlation of outlines; the same scene in other light kept above 0.8, other scenes below 0.4
_FOLLOWS = 0.02  # of a look, each time it is seen: it has changed after some minutes of another sun
_LEAST_OUTLINES = 1.5  # grey levels from field to field; a wall has 3, a covered lens below 1
_SUDDEN = 2.0  # outlines that are less than half of what they were two seconds ago have not faded
_STILL_LEVELS = 0.1  # of the most changed block: a still scene encoded anew gives 0.06, a sensor's noise about 1
_LONGER_THAN_EVER = 3
_DARK_LEVELS, _BRIGHT_LEVELS = 40, 215
_HOURS_BESIDE = 1


class Tampering(StrEnum):
    FROZEN = "frozen"
    COVERED = "covered"
    BLINDED = "blinded"
    MOVED = "moved"


SENTENCES = {
    Tampering.FROZEN: "the camera's picture is frozen",
    Tampering.COVERED: "the camera's lens is covered",
    Tampering.BLINDED: "the camera is blinded by light",
    Tampering.MOVED: "the camera looks somewhere else",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with the picture, and since when."""

    kind: Tampering
    since: datetime


@dataclass(slots=True)
class TamperMemory:
    """What a camera has shown so far; kept over restarts."""

    watched_s: float = 0.0
    longest_rest_s: float = 0.0  # no pixel changed for so long
    plain_hours: set[int] = field(default_factory=set)  # local hours at which the picture had no outlines
    looks: list[NDArray[np.float32]] = field(default_factory=list)  # (P,), unit length, newest last

    @property
    def is_learning(self) -> bool:
        return self.watched_s < LEARNS_FOR.total_seconds()


class TamperWatch:
    """One camera; not thread-safe."""

    def __init__(
        self,
        memory: TamperMemory,
        *,
        after_s: float = 60.0,
        frozen_after_s: float = 600.0,
        learns_for: timedelta = LEARNS_FOR,
        time_zone: tzinfo | None = None,
    ) -> None:
        """``time_zone`` is where hours are meant, none the machine's own."""
        self.memory = memory
        self._after, self._frozen_after = timedelta(seconds=after_s), timedelta(seconds=frozen_after_s)
        self._learns_for_s = learns_for.total_seconds()
        self._time_zone = time_zone
        self._before: Frame | None = None
        self._resting_since: datetime | None = None
        self._strange_since: datetime | None = None
        self._known_since: datetime | None = None
        self._looked_at: datetime | None = None
        self._strength: float | None = None  # of the outlines, at the last look
        self.verdict: Verdict | None = None
        self.accepted = 0  # times that another scene became the camera's own

    def see(self, frame: Frame) -> Verdict | None:
        """Take in the camera's next frame; what is wrong with the picture now, if anything."""
        before, self._before = self._before, frame
        if before is None or before.run_id != frame.run_id or frame.captured_at - before.captured_at > _LONGEST_STEP:
            self._resting_since = None  # what was shown in between is not known
        else:
            self.memory.watched_s += max(0.0, (frame.captured_at - before.captured_at).total_seconds())
            self._follow_rest(frame)
        if self._looked_at is None or not timedelta(0) <= frame.captured_at - self._looked_at < _LOOKED_EVERY:
            self._looked_at = frame.captured_at
            self._follow_look(frame)
        return self.verdict

    def _follow_rest(self, frame: Frame) -> None:
        at, memory = frame.captured_at, self.memory
        if frame.scene_changed or frame.moving or not frame.block_change <= _STILL_LEVELS:
            self._resting_since = None
            if self.verdict is not None and self.verdict.kind is Tampering.FROZEN:
                self.verdict = None
            return
        self._resting_since = self._resting_since or at
        rests_s = (at - self._resting_since).total_seconds()
        if self._is_learning:
            memory.longest_rest_s = max(memory.longest_rest_s, rests_s)
        limit_s = max(self._frozen_after.total_seconds(), _LONGER_THAN_EVER * memory.longest_rest_s)
        if self.verdict is None and not self._is_learning and rests_s > limit_s:
            self.verdict = Verdict(Tampering.FROZEN, self._resting_since)

    def _follow_look(self, frame: Frame) -> None:
        # the background picture shows nobody who passes; without one, the scene has just changed
        view, at = frame.whole, frame.captured_at
        picture = view.picture if view.background is None else view.background
        outlines, strength = outlines_of(picture)
        hour = at.astimezone(self._time_zone).hour
        plain = strength < _LEAST_OUTLINES
        if plain and self._strength is not None and strength * _SUDDEN > self._strength and not self.verdict:
            self._take_in(outlines, plain=True, hour=hour)  # dusk: it faded
        self._strength = strength
        if self._know(outlines, plain=plain, hour=hour):
            self._known_since, self._strange_since = self._known_since or at, None
            recovered = at - self._known_since >= _BACK_FOR
            if recovered and self.verdict is not None and self.verdict.kind is not Tampering.FROZEN:
                self.verdict = None
            return
        self._strange_since, self._known_since = self._strange_since or at, None
        lasts = at - self._strange_since
        if self._is_learning:
            if lasts >= self._after:
                self._take_in(outlines, plain=plain, hour=hour)
        elif lasts >= ACCEPTED_AFTER:
            self._take_in(outlines, plain=plain, hour=hour)
            self.accepted += not plain
        elif lasts >= self._after and self.verdict is None:
            self.verdict = Verdict(_kind(picture, plain=plain), self._strange_since)

    @property
    def _is_learning(self) -> bool:
        return self.memory.watched_s < self._learns_for_s

    def _know(self, outlines: NDArray[np.float32], *, plain: bool, hour: int) -> bool:
        """Whether the camera has shown this before; a look follows what it is known by."""
        if plain:
            near = {(hour + beside) % 24 for beside in range(-_HOURS_BESIDE, _HOURS_BESIDE + 1)}
            known = not near.isdisjoint(self.memory.plain_hours)
            if known:
                self.memory.plain_hours.add(hour)
            return known
        looks = self.memory.looks
        best = max(range(len(looks)), key=lambda index: float(looks[index] @ outlines), default=None)
        if best is None or looks[best] @ outlines < _SAME_LOOK:
            return False
        followed = looks.pop(best) * (1 - _FOLLOWS) + outlines * _FOLLOWS
        looks.append(followed / np.linalg.norm(followed))
        return True

    def _take_in(self, outlines: NDArray[np.float32], *, plain: bool, hour: int) -> None:
        if plain:
            self.memory.plain_hours.add(hour)
        else:
            self.memory.looks.append(outlines)
            del self.memory.looks[:-_MOST_LOOKS]
        self._strange_since = None


def outlines_of(picture: Picture) -> tuple[NDArray[np.float32], float]:
    """The picture's outlines as a direction (P,), and how strong they are in grey levels."""
    side_px = picture.shape[0] // _FIELDS * _FIELDS
    grey = picture[:side_px, :side_px].mean(axis=2, dtype=np.float32)
    fields = grey.reshape(_FIELDS, side_px // _FIELDS, _FIELDS, side_px // _FIELDS).mean(axis=(1, 3))  # (16, 16)
    steps = np.concatenate([np.diff(fields, axis=0).ravel(), np.diff(fields, axis=1).ravel()]).astype(
        np.float32
    )  # (P,)
    return steps / max(float(np.linalg.norm(steps)), 1e-6), float(np.abs(steps).mean())


def _kind(picture: Picture, *, plain: bool) -> Tampering:
    mean = float(picture.mean())
    if plain or mean < _DARK_LEVELS:
        return Tampering.BLINDED if mean > _BRIGHT_LEVELS else Tampering.COVERED
    return Tampering.BLINDED if mean > _BRIGHT_LEVELS else Tampering.MOVED


def looks_as_array(looks: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(N, P)."""
    kept = list(looks)
    return np.stack(kept) if kept else np.zeros((0, 2 * _FIELDS * (_FIELDS - 1)), np.float32)
