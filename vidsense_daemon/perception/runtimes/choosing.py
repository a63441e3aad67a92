"""Which runtime computes the pictures here: measured once on this machine, checked against float32, remembered.

    candidates      what is installed, and what `encoder.runtime` and `encoder.precision` allow
    gate            a candidate whose embeddings differ from PyTorch's float32 is refused, and the log says so
    measured        the rest take turns at batch 1 and 8; another one must save a tenth to take PyTorch's place
    remembered      in the cache, for this processor, these versions, these weights; a damaged note is measured again

Eight bits gain nothing on some processors and bfloat16 loses much on most: no table could tell, so nothing is assumed.
What can't be used never stops the daemon: PyTorch's float32 is always there.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.gate import compared, made_up_pictures
from vidsense_daemon.perception.runtimes.in_openvino import (
    FOLDER,
    OpenVinoTower,
    converted,
    quantized_path,
    read_card,
    read_graph,
)
from vidsense_daemon.perception.runtimes.machine import Machine, this_machine
from vidsense_daemon.perception.runtimes.tower import RuntimeUnusableError, TorchTower, Tower, VisionModel, embed

_BATCHES = (1, 8)
_ROUNDS = 5
_LONGEST_MEASUREMENT_S = 20.0  # of all rounds together; the daemon waits for it once
_HOPELESS = 3.0  # times as slow as PyTorch's float32 for one picture: bfloat16 can take seconds
_SHORT_S = 0.5  # for one picture: short enough to go on measuring in any case
_WORTH_IT = 0.9  # of PyTorch's time: for less gain, nothing is given up
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A library or device, and a precision."""

    runtime: str
    precision: str

    @property
    def label(self) -> str:
        return f"{self.runtime} {self.precision}"


EXACT = Candidate("torch", "fp32")


@dataclass(frozen=True, slots=True)
class Choice:
    """What was taken, and the milliseconds a picture of all that were measured."""

    runtime: str
    precision: str
    ms: dict[str, float]


class MeasuredRuntimes:
    """The `Runtimes` that choose."""

    def __init__(
        self,
        *,
        cache_dir: Path,
        threads: int,
        runtime: str = "auto",
        precision: str = "auto",
        pictures: Callable[[int], Sequence[Picture]] = made_up_pictures,
        machine: Machine | None = None,
    ) -> None:
        """``pictures`` gives those to compare on, of a side in px: a camera's, or made-up ones."""
        self._folder = cache_dir / FOLDER
        self._threads = threads
        self._runtime = runtime
        self._precision = precision
        self._pictures = pictures
        self._machine = machine or this_machine()
        self._log = structlog.get_logger()

    def tower(self, model: VisionModel) -> Tower:
        """The tower to use; takes up to a minute the first time, a second or two from then on."""
        exact = TorchTower(model)
        candidates = self._candidates(model)
        if candidates in ([], [EXACT]):
            return exact
        key = self._key(model, candidates)
        if (choice := self._remembered(model, key)) is not None:
            try:
                tower = self._build(model, Candidate(choice.runtime, choice.precision), exact)
            except RuntimeUnusableError as fault:
                self._log.warning("runtime_lost", runtime=choice.runtime, reason=str(fault))
            else:
                self._log.info("runtime_chosen", runtime=tower.label, ms_per_picture=choice.ms, measured="before")
                return tower
        tower, choice = self._choose(model, candidates, exact)
        self._remember(model, key, choice)
        self._log.info("runtime_chosen", runtime=tower.label, ms_per_picture=choice.ms, measured="now")
        return tower

    def _candidates(self, model: VisionModel) -> list[Candidate]:
        """Those that the settings allow and this machine may have; says what was asked for and is not there."""
        asked = self._runtime != "auto" or self._precision != "auto"
        try:
            there = list(self._there(model, asked=asked))
        except RuntimeUnusableError as fault:
            self._log.warning("runtime_unavailable", runtime=self._runtime, reason=str(fault), instead=EXACT.label)
            return []
        allowed = [
            candidate
            for candidate in there
            if self._runtime in ("auto", candidate.runtime) and self._precision in ("auto", candidate.precision)
        ]
        if asked and not allowed:
            self._log.warning(
                "runtime_unavailable",
                runtime=self._runtime,
                precision=self._precision,
                reason=self._why_not(),
                instead=EXACT.label,
            )
        return allowed

    def _there(self, model: VisionModel, *, asked: bool) -> Iterator[Candidate]:
        yield EXACT
        cards = [
            name
            for name, is_there in (("cuda", torch.cuda.is_available), ("xpu", torch.xpu.is_available))
            if is_there()
        ]
        for card in cards:
            yield from (Candidate(card, "fp32"), Candidate(card, "bf16"))
        if self._machine.has_bf16 and (model.worth_converting or asked):
            yield Candidate("torch", "bf16")
        if self._runtime in ("openvino", "openvino-gpu"):
            in_openvino.library()  # asked for by name: its absence is told
        may = self._runtime not in ("torch", "cuda", "xpu") and in_openvino.is_installed()
        if may and (model.worth_converting or asked or quantized_path(model, folder=self._folder).exists()):
            yield from self._in_openvino(model)

    def _in_openvino(self, model: VisionModel) -> Iterator[Candidate]:
        for device in ("openvino", "openvino-gpu") if in_openvino.has_gpu() else ("openvino",):
            yield Candidate(device, "fp32")
            if self._machine.has_bf16 or device == "openvino-gpu":
                yield Candidate(device, "bf16")
            if quantized_path(model, folder=self._folder).exists():
                yield Candidate(device, "int8")

    def _why_not(self) -> str:
        if self._precision == "int8":
            return "nothing is quantized yet: run `vidsense models quantize`"
        if self._precision == "bf16" and self._runtime in ("auto", "torch", "openvino"):
            return f"{self._machine.name} has no bfloat16"
        return "this machine has no such device, or its driver is missing"

    def _build(self, model: VisionModel, candidate: Candidate, exact: Tower) -> Tower:
        """The candidate's tower.

        Raises:
            RuntimeUnusableError: it can't be had.
        """
        if candidate == EXACT:
            return exact
        if candidate.runtime in ("torch", "cuda", "xpu"):
            dtype = torch.bfloat16 if candidate.precision == "bf16" else torch.float32
            return TorchTower(model, dtype=dtype, device="cpu" if candidate.runtime == "torch" else candidate.runtime)
        path = quantized_path(model, folder=self._folder)
        if candidate.precision != "int8":
            graph = converted(model, folder=self._folder)
        elif (card := read_card(path)) is None:
            raise RuntimeUnusableError(f"{path} is damaged: run `vidsense models quantize` again")
        elif card.machine != self._machine.key:
            raise RuntimeUnusableError(f"{path} was made on another machine: run `vidsense models quantize` here")
        else:
            graph = read_graph(path)
        device: in_openvino.Device = "GPU" if candidate.runtime == "openvino-gpu" else "CPU"
        return OpenVinoTower(graph, precision=candidate.precision, threads=self._threads, device=device)

    def _choose(self, model: VisionModel, candidates: Sequence[Candidate], exact: Tower) -> tuple[Tower, Choice]:
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
                tower = self._build(model, candidate, exact)
                spent_s = _one_picture_s(tower, pictures[0])
                agrees = compared(tower, expected, pictures) if spent_s <= longest_s else None
            except (RuntimeUnusableError, RuntimeError) as error:  # the latter is what PyTorch and OpenVINO raise
                reason = str(error)
            else:
                if agrees is not None and agrees.holds:
                    towers[candidate] = tower
                    continue
                reason = f"it differs from fp32: {agrees}" if agrees else f"it takes {spent_s:.1f} s a picture"
            self._log.warning("runtime_refused", runtime=candidate.label, reason=reason)
        return towers

    def _key(self, model: VisionModel, candidates: Sequence[Candidate]) -> dict[str, Any]:
        """What must be the same for a choice to hold; the candidates stand for what is installed and allowed."""
        openvino = any(candidate.runtime.startswith("openvino") for candidate in candidates)
        card = read_card(quantized_path(model, folder=self._folder)) if openvino else None
        return {
            "format": _FORMAT,
            "machine": self._machine.key,
            "model": model.key,
            "threads": self._threads,
            "torch": torch.__version__,
            "openvino": in_openvino.version() if openvino else "",
            "int8": card.sha256 if card else "",
            "candidates": [candidate.label for candidate in candidates],
        }

    def _note(self, model: VisionModel) -> Path:
        return self._folder / f"{model.key}-choice.json"

    def _remembered(self, model: VisionModel, key: dict[str, Any]) -> Choice | None:
        try:
            found = json.loads(self._note(model).read_text(encoding="utf-8"))
            return Choice(**found["choice"]) if found["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _remember(self, model: VisionModel, key: dict[str, Any], choice: Choice) -> None:
        note = self._note(model)
        partial = note.with_suffix(f".{os.getpid()}.partial")
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps({"key": key, "choice": asdict(choice)}, indent=2), encoding="utf-8")
            partial.replace(note)
        except OSError as error:
            self._log.warning("runtime_not_remembered", folder=str(note.parent), reason=error.strerror or str(error))


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
