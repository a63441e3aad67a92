"""OpenVINO: the same network on Intel's kernels, in float32, bfloat16 or, once quantized, in eight bits.

Optional (`pip install 'vidsense-daemon[openvino]'`). The converted graph is kept in the cache folder, since converting
takes half a minute, with a card that holds its sha256: a damaged one is converted again. OpenVINO and NNCF report to
Google Analytics as soon as they are imported; `library` lets neither load the package that does it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch

from vidsense_daemon.base.files import make_private, replace_file, sha256_of
from vidsense_daemon.perception.runtimes.tower import Outputs, Pictures, RuntimeUnusableError, VisionModel, first_line

Device = Literal["CPU", "GPU"]

FOLDER = "runtimes"  # below the cache folder

_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # of what is not in eight bits, beside what is
_PICTURES_AT_ONCE = 8
_CARD_FORMAT = 1
_TELEMETRY = "openvino_telemetry"


@dataclass(frozen=True, slots=True)
class Card:
    """What lies in the cache beside a graph: how it came about, and whether it is whole."""

    sha256: str
    version: str  # OpenVINO's, which wrote it
    machine: str = ""  # where the figures below were measured; graphs that are only converted have none
    frames: int = 0  # pictures it was calibrated on
    cameras: tuple[str, ...] = ()
    made_at: str = ""
    cosine_mean: float = 0.0  # to float32, on pictures that it was not calibrated on
    cosine_worst: float = 0.0
    ms_before: float = 0.0  # a picture, in PyTorch's float32
    ms_after: float = 0.0
    format: int = _CARD_FORMAT


class OpenVinoTower:
    """A compiled graph."""

    pictures_at_once = _PICTURES_AT_ONCE
    runs_network = False

    def __init__(self, graph: Any, *, precision: str, threads: int, device: Device = "CPU") -> None:
        """Compile ``graph``; a second or a few.

        Raises:
            RuntimeUnusableError: the device is not there, or can't compute this.
        """
        self.label = f"openvino{'' if device == 'CPU' else '-gpu'} {precision}"
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _HINTS[precision]}
        if device == "CPU":
            options |= {"INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1"}
        try:
            self._compiled = library().compile_model(graph, device, options)
        except RuntimeError as error:
            raise RuntimeUnusableError(f"{self.label} can't be used: {first_line(error)}") from error

    def __call__(self, pictures: Pictures) -> Outputs:
        seen = self._compiled([pictures])
        return seen[0].copy(), seen[1].copy() if len(seen) > 1 else None


def is_installed() -> bool:
    return find_spec("openvino") is not None


def version() -> str:
    """OpenVINO's version; "" when it is not installed."""
    return str(library().__version__) if is_installed() else ""


def library() -> Any:
    """The package `openvino`, without its reports to Google.

    Raises:
        RuntimeUnusableError: it is not installed, or does not load on this machine.
    """
    # a module that is None can't be imported: OpenVINO and NNCF then use the empty one that they carry for this
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise RuntimeUnusableError(
            f"OpenVINO can't be loaded ({first_line(error)}): run `pip install 'vidsense-daemon[openvino]'`"
        ) from error
    return openvino


def has_gpu() -> bool:
    """Whether OpenVINO sees an Intel graphics card, or the one inside the processor."""
    return any(device.startswith("GPU") for device in library().Core().available_devices)


def converted(model: VisionModel, *, folder: Path) -> Any:
    """The model as OpenVINO's graph: the kept one, or converted now, which takes up to a minute.

    Raises:
        RuntimeUnusableError: OpenVINO is missing, can't convert this model, or the cache takes no more.
    """
    path = folder / f"{model.key}.xml"
    card = read_card(path)
    if card is None or card.version != version():
        save_graph(_convert(model), path)
    return read_graph(path)  # also what was just converted: keeping rounds, and every start shall say the same


def quantized_path(model: VisionModel, *, folder: Path) -> Path:
    """Where the model in eight bits lies, once it has been made."""
    return folder / f"{model.key}-int8.xml"


def save_graph(graph: Any, path: Path, card: Card | None = None) -> None:
    """Keep a graph and then its card: without a whole card it counts as none.

    New files take the old ones' names: a daemon that runs has the old ones mapped into its memory, and would die of a
    bus error if they were written over.

    Raises:
        RuntimeUnusableError: the cache takes no more.
    """
    card_path = path.with_suffix(".json")
    new = path.with_name(f"{path.stem}.{os.getpid()}.new.xml")
    try:
        make_private(path.parent)
        library().save_model(graph, new)  # weights in half precision: 172 MB of a ViT-B/16, and the same answers
        card_path.unlink(missing_ok=True)
        for suffix in (".bin", ".xml"):
            new.with_suffix(suffix).replace(path.with_suffix(suffix))
        values = asdict(card) if card else {}
        values |= {"sha256": _sha256(path), "version": version(), "format": _CARD_FORMAT}
        replace_file(card_path, json.dumps(values, indent=2).encode())
    except (OSError, RuntimeError) as error:
        for suffix in (".bin", ".xml"):
            new.with_suffix(suffix).unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) else f"is the disk full? ({first_line(error)})"
        raise RuntimeUnusableError(f"cannot keep the converted model in {path.parent}: {reason}") from error


def read_graph(path: Path) -> Any:
    """The graph in ``path``.

    Raises:
        RuntimeUnusableError: it can't be read.
    """
    try:
        return library().Core().read_model(path)
    except RuntimeError as error:
        raise RuntimeUnusableError(f"cannot read {path}: {first_line(error)}") from error


def read_card(path: Path) -> Card | None:
    """The card of the graph in ``path``; none when either is missing or damaged."""
    try:
        found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        card = Card(**{**found, "cameras": tuple(found.get("cameras", ()))})
        return card if card.format == _CARD_FORMAT and card.sha256 == _sha256(path) else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _convert(model: VisionModel) -> Any:
    side_px = model.picture_px
    example = torch.zeros(2, side_px, side_px, 3, dtype=torch.uint8)
    openvino = library()
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # tracing warns of every shape that it takes for a constant
            graph = openvino.convert_model(model.network, example_input=example)
        graph.reshape([-1, side_px, side_px, 3])
    except (RuntimeError, openvino.frontend.OpConversionFailure, TypeError, ValueError) as error:
        raise RuntimeUnusableError(f"OpenVINO can't convert this model: {first_line(error)}") from error
    return graph


def _sha256(path: Path) -> str:
    """Of the graph and its weights."""
    digest = hashlib.sha256()
    for part in (path, path.with_suffix(".bin")):
        digest.update(bytes.fromhex(sha256_of(part)))
    return digest.hexdigest()
