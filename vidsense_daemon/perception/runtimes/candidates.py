"""What could compute the pictures here: what is installed, what the settings allow, and how each is made.

A runtime that was asked for and is not there is said in one line of the log; PyTorch's float32 is always there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
import torch

from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.in_openvino import OpenVinoTower, converted, quantized_path
from vidsense_daemon.perception.runtimes.machine import Machine
from vidsense_daemon.perception.runtimes.tower import RuntimeUnusableError, TorchTower, Tower, VisionModel

MadeOf = dict[str, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A library or device, and a precision."""

    runtime: str
    precision: str

    @property
    def label(self) -> str:
        return f"{self.runtime} {self.precision}"

    @classmethod
    def named(cls, label: str) -> Candidate:
        """The one of this label."""
        runtime, _, precision = label.partition(" ")
        return cls(runtime, precision)


EXACT = Candidate("torch", "fp32")


class Installed:
    """This machine's runtimes, as far as the settings want them."""

    def __init__(self, *, folder: Path, threads: int, runtime: str, precision: str, machine: Machine) -> None:
        """``folder`` keeps converted graphs; ``runtime`` and ``precision`` are settings, "auto" allows all."""
        self._folder = folder
        self._threads = threads
        self._runtime = runtime
        self._precision = precision
        self._machine = machine
        self._log = structlog.get_logger()

    def candidates(self, model: VisionModel) -> list[Candidate]:
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

    def build(self, model: VisionModel, candidate: Candidate) -> Tower:
        """The candidate's tower; up to a minute where the model must be converted first.

        Raises:
            RuntimeUnusableError: it can't be had.
        """
        if candidate.runtime in ("torch", "cuda", "xpu"):
            dtype = torch.bfloat16 if candidate.precision == "bf16" else torch.float32
            return TorchTower(model, dtype=dtype, device="cpu" if candidate.runtime == "torch" else candidate.runtime)
        path = quantized_path(model, folder=self._folder)
        if candidate.precision != "int8":
            graph = converted(model, folder=self._folder)
        elif (card := in_openvino.read_card(path)) is None:
            raise RuntimeUnusableError(f"{path} is damaged: run `vidsense models quantize` again")
        elif card.machine != self._machine.key:
            raise RuntimeUnusableError(f"{path} was made on another machine: run `vidsense models quantize` here")
        else:
            graph = in_openvino.read_graph(path)
        device: in_openvino.Device = "GPU" if candidate.runtime == "openvino-gpu" else "CPU"
        return OpenVinoTower(graph, precision=candidate.precision, threads=self._threads, device=device)

    def made_of(self, model: VisionModel, candidate: Candidate) -> MadeOf:
        """What must stay the same for a judgement on the candidate to hold, good or bad."""
        parts = {"machine": self._machine.key, "torch": torch.__version__}
        if candidate.runtime.startswith("openvino"):
            parts["openvino"] = in_openvino.version()
        if candidate.precision == "int8":
            card = in_openvino.read_card(quantized_path(model, folder=self._folder))
            parts["int8"] = card.sha256 if card else ""
        return parts

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
