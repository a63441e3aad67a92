"""Which runtime computes the pictures here: measured once on this machine, checked against float32, remembered.

    candidates      what is installed, and what `encoder.runtime` and `encoder.precision` allow
    left out        what has failed while it computed, until it changes or `vidsense models measure` forgets that
    gate            a candidate whose embeddings differ from PyTorch's float32 is refused, and the log says so
    measured        the rest take turns at batch 1 and 8; another one must save a tenth to take PyTorch's place
    remembered      in the cache, for this processor, these versions, these weights; a damaged note is measured again

Eight bits gain nothing on some processors and bfloat16 loses much on most: no table could tell, so nothing is assumed.
What can't be used never stops the daemon, not at its start and not later: PyTorch's float32 is always there.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.runtimes.candidates import EXACT, Candidate, Installed
from vidsense_daemon.perception.runtimes.failover import FailoverTower, Handover
from vidsense_daemon.perception.runtimes.gate import compared, made_up_pictures
from vidsense_daemon.perception.runtimes.in_openvino import FOLDER
from vidsense_daemon.perception.runtimes.machine import Machine, this_machine
from vidsense_daemon.perception.runtimes.notes import Choice, Failure, RuntimeNotes
from vidsense_daemon.perception.runtimes.tower import (
    COMPUTE_ERRORS,
    RuntimeUnusableError,
    TorchTower,
    Tower,
    VisionModel,
    embed,
    first_line,
)

_BATCHES = (1, 8)
_ROUNDS = 5
_LONGEST_MEASUREMENT_S = 20.0  # of all rounds together; the daemon waits for it once
_HOPELESS = 3.0  # times as slow as PyTorch's float32 for one picture: bfloat16 can take seconds
_SHORT_S = 0.5  # for one picture: short enough to go on measuring in any case
_WORTH_IT = 0.9  # of PyTorch's time: for less gain, nothing is given up
_FORMAT = 2
_TRY_AGAIN = "it is left out until it changes; `vidsense models measure` gives it another try"
_MAKE_ANEW = "run `vidsense models quantize` to make it anew; until then it is left out"


@dataclass(frozen=True, slots=True)
class Standing:
    """What computes the pictures at the moment, and what can't."""

    label: str
    handovers: tuple[Handover, ...] = ()  # since the start
    left_out: Mapping[str, Failure] = field(default_factory=dict)  # by label: failed before the start, not tried again


class MeasuredRuntimes:
    """The `Runtimes` that choose; `standing` may be asked from any thread."""

    def __init__(
        self,
        *,
        cache_dir: Path,
        threads: int,
        runtime: str = "auto",
        precision: str = "auto",
        pictures: Callable[[int], Sequence[Picture]] = made_up_pictures,
        machine: Machine | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``pictures`` gives those to compare on, of a side in px: a camera's, or made-up ones."""
        folder = cache_dir / FOLDER
        self._here = Installed(
            folder=folder, threads=threads, runtime=runtime, precision=precision, machine=machine or this_machine()
        )
        self._notes = RuntimeNotes(folder)
        self._threads = threads
        self._pictures = pictures
        self._clock = clock or SystemClock()
        self._log = structlog.get_logger()
        self._tower: FailoverTower | None = None
        self._left_out: Mapping[str, Failure] = {}

    def standing(self) -> Standing | None:
        """None before a tower was asked for."""
        tower = self._tower
        return None if tower is None else Standing(tower.label, tower.handovers, self._left_out)

    def tower(self, model: VisionModel) -> Tower:
        """The tower to use; takes up to a minute the first time, a second or two from then on."""
        candidates = self._here.candidates(model)
        self._left_out = self._failed(model, candidates)
        for label, failure in self._left_out.items():
            self._log.warning("runtime_left_out", runtime=label, reason=str(failure), next_step=_next_step(label))
        usable = [candidate for candidate in candidates if candidate.label not in self._left_out]
        if usable in ([], [EXACT]):
            return self._steady(model, TorchTower(model), Choice(EXACT.runtime, EXACT.precision, {}))
        key = self._key(model, usable)
        if (choice := self._notes.choice(model.key, key)) is not None:
            try:
                tower = self._here.build(model, Candidate(choice.runtime, choice.precision))
            except RuntimeUnusableError as fault:
                self._log.warning("runtime_lost", runtime=choice.runtime, reason=str(fault))
            else:
                self._log.info("runtime_chosen", runtime=tower.label, ms_per_picture=choice.ms, measured="before")
                return self._steady(model, tower, choice)
        tower, choice = self._choose(model, usable)
        self._notes.keep_choice(model.key, key, choice)
        self._log.info("runtime_chosen", runtime=tower.label, ms_per_picture=choice.ms, measured="now")
        return self._steady(model, tower, choice)

    def measure_anew(self, model: VisionModel) -> Choice | None:
        """Forget what was measured and what has failed, and measure now; none where there is nothing to choose.

        Raises:
            OSError: the cache can't be changed.
        """
        self._notes.forget(model.key)
        self.tower(model)
        return self._notes.choice(model.key, self._key(model, self._here.candidates(model)))

    def left_out(self, model: VisionModel) -> dict[str, Failure]:
        """Those that have failed as they are now, by their labels."""
        return self._failed(model, self._here.candidates(model))

    def _failed(self, model: VisionModel, candidates: Sequence[Candidate]) -> dict[str, Failure]:
        known = self._notes.failures(model.key)
        there = {candidate.label: candidate for candidate in candidates}
        return {
            label: failure
            for label, failure in known.items()
            if label in there and failure.made_of == self._here.made_of(model, there[label])
        }

    def _steady(self, model: VisionModel, tower: Tower, choice: Choice) -> FailoverTower:
        """The tower with all those behind it that were measured, the fastest first, and PyTorch's float32 at last."""

        def failed(handover: Handover) -> None:
            self._log.warning(
                "runtime_failed",
                runtime=handover.runtime,
                reason=handover.reason,
                instead=handover.instead,
                next_step=_next_step(handover.runtime),
            )
            made_of = self._here.made_of(model, Candidate.named(handover.runtime))
            failed_at = self._clock.now().isoformat(timespec="seconds")
            self._notes.keep_failure(model.key, handover.runtime, Failure(handover.reason, failed_at, made_of))

        others = sorted(choice.ms.keys() - {tower.label, EXACT.label}, key=lambda label: choice.ms[label])
        self._tower = FailoverTower(
            tower,
            dimension=model.dimension,
            others=iter(()) if tower.label == EXACT.label else self._others(model, others),
            on_handover=failed,
        )
        return self._tower

    def _others(self, model: VisionModel, labels: Sequence[str]) -> Iterator[Tower]:
        """Built when they are asked for, PyTorch's float32 last; from weights loaded again where they were let go."""
        for label in labels:
            try:
                tower = self._here.build(_whole(model), Candidate.named(label))
            except RuntimeUnusableError as fault:
                self._log.warning("runtime_lost", runtime=label, reason=str(fault))
            else:
                yield tower
        yield TorchTower(_whole(model))

    def _choose(self, model: VisionModel, candidates: Sequence[Candidate]) -> tuple[Tower, Choice]:
        exact = TorchTower(model)
        pictures = list(self._pictures(model.picture_px)) or made_up_pictures(model.picture_px)
        towers = self._usable(model, candidates, exact, pictures)
        if not towers:
            self._log.warning("runtime_unavailable", reason="none that the settings ask for works", instead=EXACT.label)
            towers = {EXACT: exact}
        times = dict(zip(towers, measured_ms(list(towers.values()), pictures), strict=True))
        best = min(times, key=lambda candidate: times[candidate])
        if EXACT in times and times[best] > times[EXACT] * _WORTH_IT:
            best = EXACT
        each = {candidate.label: round(spent, 2) for candidate, spent in times.items()}
        return towers[best], Choice(best.runtime, best.precision, each)

    def _usable(
        self, model: VisionModel, candidates: Sequence[Candidate], exact: Tower, pictures: Sequence[Picture]
    ) -> dict[Candidate, Tower]:
        """The candidates that work here, say what float32 says and are not much slower; the log has the others."""
        expected, _ = embed(exact, pictures)
        is_there = EXACT in candidates
        longest_s = max(_SHORT_S, _HOPELESS * _one_picture_s(exact, pictures[0])) if is_there else float("inf")
        towers: dict[Candidate, Tower] = {EXACT: exact} if is_there else {}
        for candidate in (candidate for candidate in candidates if candidate != EXACT):
            try:
                tower = self._here.build(model, candidate)
                spent_s = _one_picture_s(tower, pictures[0])
                agrees = compared(tower, expected, pictures) if spent_s <= longest_s else None
            except (RuntimeUnusableError, *COMPUTE_ERRORS) as error:
                reason = first_line(error)
            else:
                if agrees is not None and agrees.holds:
                    towers[candidate] = tower
                    continue
                reason = f"it differs from fp32: {agrees}" if agrees else f"it takes {spent_s:.1f} s a picture"
            self._log.warning("runtime_refused", runtime=candidate.label, reason=reason)
        return towers

    def _key(self, model: VisionModel, candidates: Sequence[Candidate]) -> dict[str, Any]:
        """What must be the same for a choice to hold; the candidates stand for what is installed and allowed."""
        return {
            "format": _FORMAT,
            "model": model.key,
            "threads": self._threads,
            "candidates": {candidate.label: self._here.made_of(model, candidate) for candidate in candidates},
        }


def _whole(model: VisionModel) -> VisionModel:
    return replace(model, network=model.fresh()) if model.fresh else model


def _next_step(label: str) -> str:
    return _MAKE_ANEW if label.endswith("int8") else _TRY_AGAIN


def measured_ms(
    towers: Sequence[Tower], pictures: Sequence[Picture], *, mono_s: Callable[[], float] = time.monotonic
) -> list[float]:
    """Milliseconds a picture of each tower, the mean of its best at batch 1 and 8; the towers take turns."""
    batches = [np.stack([pictures[index % len(pictures)] for index in range(size)]) for size in _BATCHES]
    taken: list[list[list[float]]] = [[[] for _ in batches] for _ in towers]
    end_s = mono_s() + _LONGEST_MEASUREMENT_S
    for turn in range(_ROUNDS + 1):  # the first round warms up
        for tower, of_tower in zip(towers, taken, strict=True):
            for batch, times in zip(batches, of_tower, strict=True):
                started_s = mono_s()
                tower(batch)
                times.append((mono_s() - started_s) * 1e3 / len(batch))
        if turn and mono_s() > end_s:
            break
    # the best, not the middle: what else runs on the machine only ever adds to a time
    return [statistics.fmean(min(times[1:]) for times in of_tower) for of_tower in taken]


def _one_picture_s(tower: Tower, picture: Picture) -> float:
    """Seconds for one picture, once it has seen one."""
    tower(np.stack([picture]))
    started_s = time.monotonic()
    tower(np.stack([picture]))
    return time.monotonic() - started_s
