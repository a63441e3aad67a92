"""Explain a clip or an event: run it through every stage once and keep what each of them made of it.

    clip ─ material ─► encoding ─► tokens · embeddings · attention · orders · words · precisions · lora

Called by `vidsense explain` and by notebooks; blocks for seconds, or minutes where a model describes.
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.domain.events import EventRecord
from vidsense_daemon.explain import attention as heads
from vidsense_daemon.explain import orders as arranged
from vidsense_daemon.explain.adapting import lora
from vidsense_daemon.explain.attention import Attention
from vidsense_daemon.explain.clip_event import as_event
from vidsense_daemon.explain.embeddings import Neighbour, embeddings
from vidsense_daemon.explain.encoding import (
    Encoded,
    Floats,
    check_queries,
    encode,
    scores,
    texts_of,
    windows_of,
)
from vidsense_daemon.explain.explanation import Explanation, Scores, Subject
from vidsense_daemon.explain.instruments import Instruments, builtin_instruments
from vidsense_daemon.explain.lenses import PatchMaps
from vidsense_daemon.explain.material import Material, of_stills, watch_clip
from vidsense_daemon.explain.orders import Orders
from vidsense_daemon.explain.precisions import PICTURES, Quantization, encoder_rows
from vidsense_daemon.explain.tokens import VIT_PATCH_PX, Grid, Tokenization, check_shown, scene_cuts, tokenization
from vidsense_daemon.explain.words import Language, Step, language
from vidsense_daemon.perception.adapters import fresh_temporal
from vidsense_daemon.perception.scoring import TriggerTexts
from vidsense_daemon.perception.triggers import DEFAULT_THRESHOLD

DEFAULT_FRAMES = 5
DEFAULT_QUERIES = ("a person", "a car")


def explain_clip(
    clip: Path | str,
    *,
    queries: Sequence[str] = DEFAULT_QUERIES,
    frames: int = DEFAULT_FRAMES,
    instruments: Instruments | None = None,
    options: StreamOptions | None = None,
    camera: str = "",
    started_at: datetime | None = None,
) -> Explanation:
    """What the daemon makes of a video file.

    ``options`` are a camera's (masks, rates); without any, the defaults count. ``started_at`` is when it was filmed.

    Raises:
        PermanentError: it is no video, or a query cannot be used; the message says which, and what to do.
    """
    queries = tuple(queries) or DEFAULT_QUERIES
    check_queries(queries)
    check_shown(frames)
    instruments = instruments or builtin_instruments()
    began_at = started_at or datetime.now(UTC)
    watched = watch_clip(Path(clip), _options(options, str(clip), instruments), started_at=began_at)
    with tempfile.TemporaryDirectory() as folder:
        explaining = _Explaining(watched, instruments, queries, camera=camera, started_at=began_at)
        record = explaining.made_up_record(Path(folder))
        return explaining.explanation(record, shown=frames)


def explain_event(
    record: EventRecord,
    *,
    queries: Sequence[str] = (),
    frames: int = DEFAULT_FRAMES,
    instruments: Instruments | None = None,
    options: StreamOptions | None = None,
    neighbours: Sequence[Neighbour] = (),
    neighbours_note: str = "",
) -> Explanation:
    """What the daemon made of an event: from its clip when one is kept, else from its stills.

    Without ``queries`` it is the event's own prompt that is looked for.

    Raises:
        PermanentError: neither clip nor stills are there any more, or a query cannot be used.
    """
    event = record.event
    queries = tuple(queries) or (event.prompt,)
    check_queries(queries)
    check_shown(frames)
    instruments = instruments or builtin_instruments()
    if record.clip is not None and Path(record.clip.path).is_file():
        began_at = record.clip.started_at
        taken = _options(options, record.clip.path, instruments)
        watched = replace(
            watch_clip(Path(record.clip.path), taken, started_at=began_at, name=event.id), source="an event's clip"
        )
    else:
        watched = of_stills(record.stills, _options(options, "event", instruments), name=event.id, camera=event.camera)
        began_at = watched.frames[0].captured_at
    explaining = _Explaining(watched, instruments, queries, camera=event.camera, started_at=began_at)
    return explaining.explanation(record, shown=frames, neighbours=neighbours, neighbours_note=neighbours_note)


def _options(options: StreamOptions | None, url: str, instruments: Instruments) -> StreamOptions:
    return replace(
        options or StreamOptions(url=url), url=url, substream_url=None, picture_px=instruments.encoder.picture_px
    )


class _Explaining:
    """One report under way."""

    def __init__(
        self, material: Material, instruments: Instruments, queries: Sequence[str], *, camera: str, started_at: datetime
    ) -> None:
        self._material = replace(material, frames=tuple(replace(frame, camera=camera) for frame in material.frames))
        self._instruments = instruments
        self._camera = camera
        self._started_at = started_at
        self._texts: dict[str, TriggerTexts] = texts_of(queries, instruments.encoder)
        self._encoded: Encoded = encode(self._material.frames, instruments.encoder)
        first_at = self._encoded.frames[0].captured_at
        self._times_s: NDArray[np.float64] = np.array(
            [(frame.captured_at - first_at).total_seconds() for frame in self._encoded.frames]
        )
        temporal = instruments.trained or fresh_temporal(instruments.encoder.dimension)
        begun_s = time.perf_counter()
        self._windows = windows_of(self._encoded.frames, temporal, window_frames=instruments.window_frames)
        self._temporal_s = time.perf_counter() - begun_s
        self._scores: Floats = scores(self._windows, self._texts)

    def explanation(
        self,
        record: EventRecord | None,
        *,
        shown: int,
        neighbours: Sequence[Neighbour] = (),
        neighbours_note: str = "this is a clip, not an event of a camera's past",
    ) -> Explanation:
        """All parts; what cannot be computed says why."""
        tools, missing = self._instruments, dict[str, str]()
        tokens = tokenization(self._material, self._encoded, self._grid(), shown=shown)
        return Explanation(
            subject=self._subject(),
            tokenization=tokens,
            embeddings=embeddings(
                self._encoded,
                self._times_s,
                encoder=tools.encoder.name,
                scene_cuts_s=scene_cuts(self._material.looks),
                neighbours=neighbours,
                neighbours_note=neighbours_note,
            ),
            scores=Scores(self._times_s, tuple(self._texts), self._scores, DEFAULT_THRESHOLD),
            attention=self._attention(missing),
            patches=self._patches(tokens, missing),
            orders=self._orders(missing),
            language=self._language(record, tokens, missing),
            quantization=self._quantization(),
            lora=lora(tools.lora, dimension=tools.encoder.dimension),
            missing=missing,
        )

    def made_up_record(self, folder: Path) -> EventRecord:
        """The clip as one event of the query that it shows best; its stills lie in ``folder``."""
        known = np.where(np.isnan(self._scores), -np.inf, self._scores)  # (Q, F)
        best = int(known.max(axis=1).argmax())
        return as_event(
            [frame for frame, _ in self._encoded.pairs],
            folder,
            camera=self._camera,
            prompt=list(self._texts)[best],
            score=float(known.max()) if np.isfinite(known).any() else 0.0,
            encoder=self._instruments.encoder.name,
        )

    def _attention(self, missing: dict[str, str]) -> Attention | None:
        if len(self._times_s) < heads.FEWEST_FRAMES:
            missing["attention"] = f"{self._few}: there is no other frame to look at"
            return None
        return heads.attention(
            self._encoded,
            self._times_s,
            self._instruments.trained,
            trained_name=self._instruments.trained_name,
            foresight=self._instruments.foresight,
            window_frames=self._instruments.window_frames,
        )

    def _orders(self, missing: dict[str, str]) -> Orders | None:
        if len(self._times_s) < arranged.FEWEST_FRAMES:
            missing["orders"] = f"{self._few}: nothing can be put into another order"
            return None
        tools = self._instruments
        return arranged.orders(self._encoded, tools.trained, self._texts, window_frames=tools.window_frames)

    @property
    def _few(self) -> str:
        count = len(self._times_s)
        return "1 frame was kept of it" if count == 1 else f"{count} frames were kept of it"

    def _grid(self) -> Grid:
        if self._instruments.lens is not None:
            return self._instruments.lens.grid
        side_px = self._instruments.encoder.picture_px
        cells = max(1, side_px // VIT_PATCH_PX)  # what a ViT would cut it into
        return Grid(self._instruments.encoder.name, cells, side_px, cells**2, has_tokens=True)

    def _patches(self, tokens: Tokenization, missing: dict[str, str]) -> PatchMaps | None:
        lens = self._instruments.lens
        if lens is None:
            missing["patches"] = self._instruments.lens_note or "this encoder cannot be looked into"
            return None
        return lens.look(list(tokens.pictures), self._instruments.encoder.embed_texts(list(self._texts)))

    def _language(self, record: EventRecord | None, tokens: Tokenization, missing: dict[str, str]) -> Language | None:
        tools = self._instruments
        if record is None or not record.stills:
            missing["language"] = "there is no still to show a model"
            return None
        try:
            return language(
                record,
                server=tools.server,
                model=tools.model,
                queries=tools.questions,
                layout=tools.layout,
                zone=tools.zone,
                evidence=tools.evidence,
                timeout_s=tools.describe_limit_s,
                clock=tools.clock,
                before=self._steps(tokens),
            )
        except PermanentError as error:
            missing["language"] = str(error)
            return None

    def _steps(self, tokens: Tokenization) -> list[Step]:
        pictures = self._encoded.pictures
        return [
            Step("extract", f"{self._material.decoded_frames} frames decoded, gate", self._material.extract_s, None),
            Step(
                "encode",
                f"{pictures} pictures",
                self._encoded.encode_s,
                pictures * tokens.grid.tokens_per_frame if tokens.grid.has_tokens else None,
            ),
            Step(
                "temporal",
                f"{len(self._windows)} windows",
                self._temporal_s,
                sum(len(window.frames) for window in self._windows),
            ),
        ]

    def _quantization(self) -> Quantization:
        tools = self._instruments
        rows = encoder_rows(tools.variants, self._material.frames, tools.encoder, self._texts)
        return Quantization(
            encoders=tuple(rows),
            encoders_left_out=tuple(tools.variants_left_out),
            describers=tuple(tools.describers),
            describers_note=tools.describers_note,
            pictures=min(PICTURES, len(self._material.frames)),
            threshold=DEFAULT_THRESHOLD,
        )

    def _subject(self) -> Subject:
        material = self._material
        return Subject(
            name=material.name,
            kind=material.source,
            camera=self._camera,
            started_at=self._started_at,
            duration_s=material.duration_s,
            width_px=material.width_px,
            height_px=material.height_px,
            decoded_frames=material.decoded_frames,
            cut_short=material.cut_short,
            encoder=self._instruments.encoder.name,
            made_at=self._instruments.clock.now(),
            machine=f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        )
