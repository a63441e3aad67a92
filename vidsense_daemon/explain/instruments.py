"""What a clip is looked at with. The daemon's wiring makes them from the operator's settings.

Everything but the encoder may be missing: the report then says what is missing and why, and shows the rest.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from vidsense_daemon.base.clock import Clock, LocalZone, SystemClock
from vidsense_daemon.description.describers.ollama import DEFAULT_MODEL
from vidsense_daemon.description.describers.server import ModelServer
from vidsense_daemon.description.families import Layout
from vidsense_daemon.description.grounding import Evidence
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.explain.lenses import BuiltinLens, Lens
from vidsense_daemon.explain.precisions import DescriberRow, Variant
from vidsense_daemon.learning.lora_report import LoraReport
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.foresight import Foresight
from vidsense_daemon.perception.temporal import TemporalTransformer
from vidsense_daemon.perception.windows import DEFAULT_WINDOW_FRAMES
from vidsense_daemon.settings.paths import state_dir
from vidsense_daemon.settings.schema import DEFAULT_QUERIES

DESCRIBE_LIMIT_S = 900.0


@dataclass(frozen=True, slots=True, eq=False)
class Instruments:
    """All that a report is measured with."""

    encoder: Encoder
    lens: Lens | None = None
    lens_note: str = ""  # why there is none
    window_frames: int = DEFAULT_WINDOW_FRAMES
    trained: TemporalTransformer | None = None  # with an adapter; none: its gate is closed
    foresight: Foresight | None = None  # of the camera: foretells tiles, trained each night
    trained_name: str = ""  # which weights, or why there are none
    lora: LoraReport | None = None
    server: ModelServer | None = None  # none: the builtin describer
    model: str = DEFAULT_MODEL  # whose prompt is shown when no model answers
    questions: Sequence[str] = DEFAULT_QUERIES
    layout: Layout | None = None
    evidence: Evidence | None = None
    describe_limit_s: float = DESCRIBE_LIMIT_S
    variants: Sequence[Variant] = ()  # of the encoder's picture side, the exact one first
    variants_left_out: Sequence[str] = ()
    describers: Sequence[DescriberRow] = ()
    describers_note: str = ""
    zone: tzinfo = field(default_factory=LocalZone)  # where times are meant
    clock: Clock = field(default_factory=SystemClock)


def builtin_instruments(*, threads: int = 1) -> Instruments:
    """The encoder that needs no download, and nobody to describe; loads its weights, some two seconds."""
    cache = state_dir(os.environ) / "cache"
    return Instruments(
        encoder=BuiltinEncoder(cache_dir=cache, threads=threads),
        lens=BuiltinLens(cache_dir=cache),
        variants_left_out=("other precisions are compared by the command vidsense explain",),
        describers_note="they are listed by the command vidsense explain",
    )
