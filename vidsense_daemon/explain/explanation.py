"""All that was computed about one clip or event: what the page, the PNG files, the arrays and a notebook show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.explain.adapting import Lora
from vidsense_daemon.explain.attention import Attention
from vidsense_daemon.explain.embeddings import Embeddings
from vidsense_daemon.explain.encoding import Floats
from vidsense_daemon.explain.lenses import PatchMaps
from vidsense_daemon.explain.orders import Orders
from vidsense_daemon.explain.precisions import Quantization
from vidsense_daemon.explain.tokens import Tokenization
from vidsense_daemon.explain.words import Language


@dataclass(frozen=True, slots=True)
class Subject:
    """What is explained."""

    name: str  # a file's name, or an event's id
    kind: str  # in words: a clip, an event's clip, an event's stills
    camera: str
    started_at: datetime
    duration_s: float
    width_px: int
    height_px: int
    decoded_frames: int
    cut_short: bool
    encoder: str
    made_at: datetime
    machine: str


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Each query's score over time; unit: spread of the encoder's space."""

    times_s: NDArray[np.float64]  # (F,)
    queries: tuple[str, ...]
    values: Floats  # (Q, F); NaN where another scene has just begun
    threshold: float  # of a trigger without one of its own


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The seven parts; one that could not be computed is none, and ``missing`` says why."""

    subject: Subject
    tokenization: Tokenization
    embeddings: Embeddings
    scores: Scores
    attention: Attention | None
    patches: PatchMaps | None
    orders: Orders | None
    language: Language | None
    quantization: Quantization
    lora: Lora
    missing: Mapping[str, str] = field(default_factory=dict)  # part → why

    def html(self) -> str:
        """The whole report, one self-contained page."""
        from vidsense_daemon.explain.page import page  # the page knows this class

        return page(self)

    def save(self, folder: Path, *, with_arrays: bool = False) -> list[Path]:
        """Write the page, the PNG files and, on request, the arrays; which files there are now.

        Raises:
            PermanentError: the folder cannot be written.
        """
        from vidsense_daemon.explain.saving import save

        return save(self, folder, with_arrays=with_arrays)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from vidsense_daemon.explain.page import fragment

        return fragment(self)
