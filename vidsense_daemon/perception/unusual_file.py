"""What is usual before a camera, kept over restarts: one safetensors file a camera, 0.6 MB at most.

Scores and looks belong to one encoder, the scale to one kind of surprise model: those of others are left behind, with
one line in the log. What tampering and the blocks are told by are pixels: they stay. Of an earlier version's file only
what tampering is told by is still of use; a damaged file is left behind as a whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.base.files import replace_file
from vidsense_daemon.perception.blocks import BlocksPast
from vidsense_daemon.perception.tampering import TamperMemory, looks_as_array
from vidsense_daemon.perception.usual import Peak

_FORMAT = "vidsense-unusual-2"
_EARLIER_FORMAT = "vidsense-unusual-1"  # one scale for the whole picture: its scores cannot be compared with ours


@dataclass(slots=True, eq=False)
class Kept:
    """One camera's part of what is kept."""

    peaks: list[Peak] = field(default_factory=list)
    model: str = ""  # the kind of surprise model that the scale is of
    scale: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    tamper: TamperMemory = field(default_factory=TamperMemory)
    blocks: BlocksPast = field(default_factory=BlocksPast)
    busy_every_s: float | None = None  # between the frames that scores, scale and blocks are of; none: not known


class UnusualFile:
    """One camera's file; without a ``folder`` nothing is kept."""

    def __init__(self, folder: Path | None, *, camera: str, encoder: str) -> None:
        self._path = None if folder is None else folder / f"{camera}.safetensors"
        self._camera, self._encoder = camera, encoder
        self._log = structlog.get_logger()

    def load(self) -> Kept:
        """What was kept, as far as it is of use now."""
        if self._path is None or not self._path.exists():
            return Kept()
        try:
            with safe_open(self._path, "np") as file:
                about = json.loads((file.metadata() or {})["about"])
                arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
            format_, encoder = str(about["format"]), str(about["encoder"])
            kept = Kept(tamper=_tamper_memory(about, arrays)) if format_ == _EARLIER_FORMAT else _kept(about, arrays)
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, IndexError) as error:
            self._log.warning("usual_left_behind", camera=self._camera, file=str(self._path), reason=str(error))
            return Kept()
        if format_ == _EARLIER_FORMAT:
            self._begin_anew("it was kept by an earlier version, which measured the picture as a whole")
        elif encoder != self._encoder:
            self._begin_anew(f"the encoder was {encoder}")
            return Kept(tamper=kept.tamper, blocks=kept.blocks, busy_every_s=kept.busy_every_s)
        return kept

    def _begin_anew(self, reason: str) -> None:
        self._log.info("usual_begins_anew", camera=self._camera, reason=reason)

    def save(self, kept: Kept) -> None:
        """Write it in one step; a disk that takes nothing is logged, and what was learned stays in memory."""
        if self._path is None:
            return
        known = [(index, peak.look) for index, peak in enumerate(kept.peaks) if peak.look is not None]
        arrays: dict[str, NDArray[np.generic]] = {
            "peaks_at_ms": np.array([to_ms(peak.at) for peak in kept.peaks], np.int64),
            "peaks_score": np.array([peak.score for peak in kept.peaks], np.float32),
            "looks_of": np.array([index for index, _ in known], np.int64),
            "looks": np.stack([look for _, look in known]) if known else np.zeros((0, 0), np.float16),
            "scale": kept.scale,
            "outlines": looks_as_array(kept.tamper.looks),
            "blocks": kept.blocks.counts,
        }
        halved_at = kept.blocks.halved_at
        about = {
            "format": _FORMAT,
            "encoder": self._encoder,
            "model": kept.model,
            "busy_every_s": kept.busy_every_s,
            "watched_s": kept.tamper.watched_s,
            "longest_rest_s": kept.tamper.longest_rest_s,
            "plain_hours": sorted(kept.tamper.plain_hours),
            "blocks_halved_at_ms": None if halved_at is None else to_ms(halved_at),
        }
        try:
            replace_file(self._path, save(arrays, {"about": json.dumps(about)}))
        except OSError as error:
            self._log.warning("usual_not_kept", file=str(self._path), reason=str(error))


def peaks_kept(path: Path) -> int:
    """How many peaks of use a camera's file holds: for those who only read; 0 for a file that is not there."""
    try:
        with safe_open(path, "np") as file:
            is_present = json.loads((file.metadata() or {})["about"])["format"] == _FORMAT
            return len(file.get_tensor("peaks_at_ms")) if is_present else 0
    except (OSError, SafetensorError, KeyError, ValueError):
        return 0


def _kept(about: dict[str, object], arrays: dict[str, NDArray[np.generic]]) -> Kept:
    if about["format"] != _FORMAT:
        raise ValueError(f"it is of the format {about['format']}")
    scores = zip(arrays["peaks_at_ms"].tolist(), arrays["peaks_score"].tolist(), strict=True)
    peaks = [Peak(from_ms(at_ms), score) for at_ms, score in scores]
    for index, look in zip(arrays["looks_of"].tolist(), arrays["looks"], strict=True):
        peaks[index].look = np.asarray(look, np.float16)
    halved_at_ms = about["blocks_halved_at_ms"]
    blocks = BlocksPast(
        np.asarray(arrays["blocks"], np.float32),
        halved_at=None if halved_at_ms is None else from_ms(int(str(halved_at_ms))),
    )
    scale = np.asarray(arrays["scale"], np.float32).reshape(-1, 3)
    busy_every_s = about.get("busy_every_s")  # older files do not tell
    return Kept(
        peaks,
        str(about["model"]),
        scale,
        _tamper_memory(about, arrays),
        blocks,
        None if busy_every_s is None else float(str(busy_every_s)),
    )


def _tamper_memory(about: dict[str, object], arrays: dict[str, NDArray[np.generic]]) -> TamperMemory:
    return TamperMemory(
        watched_s=float(str(about["watched_s"])),
        longest_rest_s=float(str(about["longest_rest_s"])),
        plain_hours={int(hour) for hour in _numbers(about["plain_hours"])},
        looks=[np.asarray(look, np.float32) for look in arrays["outlines"]],
    )


def _numbers(value: object) -> list[int]:
    if not isinstance(value, list):
        raise TypeError("its hours are no list")
    return value
