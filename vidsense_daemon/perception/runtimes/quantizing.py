"""Eight bits for the pictures: NNCF, calibrated on frames of the user's own cameras. For `vidsense models quantize`.

What a calibration has seen decides how good the result is, so it is judged on other frames: one of four is held back.
A result that moves the embeddings is not kept. `B` pictures, `S` = picture side in px.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.choosing import measured_ms
from vidsense_daemon.perception.runtimes.gate import LEAST_MEAN_COSINE, LEAST_WORST_COSINE, Agreement, compared
from vidsense_daemon.perception.runtimes.in_openvino import (
    FOLDER,
    Card,
    OpenVinoTower,
    converted,
    quantized_path,
    save_graph,
)
from vidsense_daemon.perception.runtimes.machine import this_machine
from vidsense_daemon.perception.runtimes.tower import RuntimeUnusableError, TorchTower, VisionModel, embed, first_line

LEAST_PICTURES = 32
_HELD_BACK_EVERY = 4


@dataclass(frozen=True, slots=True)
class Calibration:
    """Pictures of the user's cameras, in an order that mixes them."""

    pictures: Sequence[Picture]  # each (S, S, 3)
    cameras: tuple[str, ...]


def quantize(
    model: VisionModel,
    calibration: Calibration,
    *,
    cache_dir: Path,
    threads: int,
    made_at: str,
    say: Callable[[str], None],
) -> Card:
    """Make, judge and keep the model in eight bits; minutes.

    Raises:
        ConfigError: there are too few pictures, NNCF is not installed, or the result is not good enough to be kept.
    """
    if len(calibration.pictures) < LEAST_PICTURES:
        raise ConfigError(
            f"only {len(calibration.pictures)} pictures of your cameras are stored, and {LEAST_PICTURES} are needed: "
            "let the daemon run until it has made some events, then run `vidsense models quantize` again"
        )
    held_back = list(calibration.pictures[::_HELD_BACK_EVERY])
    shown = [picture for index, picture in enumerate(calibration.pictures) if index % _HELD_BACK_EVERY]
    path = quantized_path(model, folder=cache_dir / FOLDER)
    try:
        say(f"converting, then calibrating on {len(shown)} pictures of {', '.join(calibration.cameras)}")
        graph = in_eight_bits(converted(model, folder=path.parent), model, shown)
        agrees, before_ms, after_ms = _judged(graph, model, held_back, threads=threads)
        say(f"{agrees}, on {len(held_back)} other pictures; {before_ms:.1f} ms a picture before, {after_ms:.1f} ms now")
        if not agrees.holds:
            raise ConfigError(
                f"not kept: {LEAST_MEAN_COSINE} and {LEAST_WORST_COSINE} are needed. Run it again when there are "
                "stills of more cameras and hours, or with more --frames"
            )
        card = Card(
            sha256="",
            version="",
            machine=this_machine().key,
            frames=len(shown),
            cameras=calibration.cameras,
            made_at=made_at,
            cosine_mean=round(agrees.mean, 5),
            cosine_worst=round(agrees.worst, 5),
            ms_before=round(before_ms, 2),
            ms_after=round(after_ms, 2),
        )
        save_graph(graph, path, card)
    except RuntimeUnusableError as error:
        raise ConfigError(f"cannot quantize this encoder: {error}") from error
    return card


def _judged(
    graph: Any, model: VisionModel, held_back: Sequence[Picture], *, threads: int
) -> tuple[Agreement, float, float]:
    """How far ``graph`` says what the model's float32 says, and the milliseconds a picture of float32 and of it."""
    exact, tower = TorchTower(model), OpenVinoTower(graph, precision="int8", threads=threads)
    expected, _ = embed(exact, held_back)
    before_ms, after_ms = measured_ms([exact, tower], held_back)
    return compared(tower, expected, held_back), before_ms, after_ms


def in_eight_bits(graph: Any, model: VisionModel, pictures: Sequence[Picture]) -> Any:
    """``graph``, calibrated on these pictures; not yet judged.

    Raises:
        RuntimeUnusableError: NNCF is not installed, or can't do it.
    """
    in_openvino.library()  # before NNCF, which reports to Google as well
    try:
        import nncf
    except ImportError as error:
        raise RuntimeUnusableError(
            f"NNCF can't be loaded ({first_line(error)}): run `pip install 'vidsense-daemon[openvino]'`"
        ) from error
    nncf.set_log_level(logging.WARNING)
    batches = [np.stack([picture]) for picture in pictures]
    kind = nncf.ModelType.TRANSFORMER if model.attends else None
    try:
        return nncf.quantize(
            graph,
            nncf.Dataset(batches),
            model_type=kind,
            subset_size=len(batches),
            ignored_scope=nncf.IgnoredScope(patterns=list(model.exact_parts), validate=False),
        )
    except (RuntimeError, nncf.ValidationError, ValueError) as error:
        raise RuntimeUnusableError(f"NNCF can't quantize this model: {first_line(error)}") from error
