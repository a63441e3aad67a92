"""`vidsense explain`, joined to the rooms: what a camera of the configuration would make of a clip or of its event.

The encoder is loaded here in PyTorch's float32, whatever runtime the daemon has chosen: it is what the other precisions
are compared with, and the only one that can be looked into.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from vidsense_daemon.base.clock import LocalZone
from vidsense_daemon.base.errors import ConfigError, DescriberError, PermanentError
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.daemon import backends, describing
from vidsense_daemon.daemon.adapting import adapter_folder, temporal_of
from vidsense_daemon.daemon.learning import model_registry
from vidsense_daemon.daemon.storage import Storage, cache_dir, models_dir
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.description.families import Layout
from vidsense_daemon.domain.events import EventRecord
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.windows import unit
from vidsense_daemon.explain import Explanation, explain_clip, explain_event
from vidsense_daemon.explain.embeddings import Neighbour
from vidsense_daemon.explain.explaining import DEFAULT_QUERIES
from vidsense_daemon.explain.instruments import Instruments
from vidsense_daemon.explain.lenses import BuiltinLens, ClipLens, Lens
from vidsense_daemon.explain.precisions import DescriberRow
from vidsense_daemon.explain.variants import variants
from vidsense_daemon.learning.lora_report import LoraReport, read_report
from vidsense_daemon.perception.foresight import Foresight
from vidsense_daemon.perception.runtimes.in_openvino import FOLDER
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import Settings

_MOST_QUERIES = 4
_NEIGHBOURS = 8
_DESCRIBED_EVENTS = 500  # whose seconds are looked through
_SLACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for."""

    queries: tuple[str, ...]
    frames: int
    asks_model: bool  # otherwise the report shows what a model would be sent


class Explaining:
    """Reports with one encoder, which is loaded once; construct it in the thread that uses it."""

    def __init__(self, settings: Settings, *, state_dir: Path, storage: Storage | None) -> None:
        """Load the encoder; some seconds.

        Raises:
            ConfigError: its weights are missing; the message says what to run.
        """
        self._settings = settings
        self._state_dir = state_dir
        self._storage = storage
        block = settings.encoder
        self._threads = backends.threads_of(block)
        self._backend = backends.choose_encoder(block, state_dir=state_dir)
        self.encoder = backends.bare_encoder(block, backend=self._backend, state_dir=state_dir)

    def clip(self, file: Path, *, camera: ResolvedCamera | None, wish: Wish) -> Explanation:
        """A video file, as ``camera`` would see it; blocks for as long as the describing model takes.

        Raises:
            PermanentError: it is no video, or a query cannot be used.
        """
        prompts = tuple(trigger.prompt for trigger in camera.triggers.values())[:_MOST_QUERIES] if camera else ()
        queries = wish.queries or tuple(prompt for prompt in prompts if not self._refused(prompt)) or DEFAULT_QUERIES
        return explain_clip(
            file,
            queries=self._seen(queries),
            frames=wish.frames,
            instruments=self._instruments(camera, wish),
            options=self._options(camera, str(file)),
            camera=camera.name if camera else "",
        )

    def event(self, record: EventRecord, *, camera: ResolvedCamera | None, wish: Wish) -> Explanation:
        """A stored event, from its clip or its stills.

        Raises:
            PermanentError: both are gone, or a query cannot be used.
        """
        near, note = self._neighbours(record)
        return explain_event(
            record,
            queries=self._seen(wish.queries),
            frames=wish.frames,
            instruments=self._instruments(camera, wish),
            options=self._options(camera, "event"),
            neighbours=near,
            neighbours_note=note,
        )

    def _refused(self, query: str) -> str | None:
        return backends.refused_prompt(query, encoder_backend=self._backend)

    def _seen(self, queries: Sequence[str]) -> tuple[str, ...]:
        for query in queries:
            if reason := self._refused(query):
                raise PermanentError(reason)
        return tuple(queries)

    def _options(self, camera: ResolvedCamera | None, url: str) -> StreamOptions:
        side_px = self.encoder.picture_px
        if camera is not None:
            return backends.stream_options(camera, picture_px=side_px, url=url, substream_url=None)
        sampling, motion = self._settings.sampling, self._settings.motion
        return StreamOptions(
            url=url,
            picture_px=side_px,
            calm_fps=sampling.calm_fps,
            busy_fps=sampling.busy_fps,
            max_frames_per_s=sampling.max_frames_per_s,
            motion_threshold_levels=motion.threshold_levels,
            motion_changed_ratio=motion.changed_ratio,
        )

    def _instruments(self, camera: ResolvedCamera | None, wish: Wish) -> Instruments:
        block = self._settings.describer
        lens, lens_note = self._lens()
        server = describing.build_server(block)
        describers, describers_note = self._describers(server)
        foresight, trained_name = self._learned(camera.name if camera else "")
        adapted = temporal_of(self.encoder, self._state_dir)
        precisions, left_out = variants(
            self.encoder.vision,
            folder=cache_dir(self._state_dir) / FOLDER,
            threads=self._threads,
            may_convert=self._settings.encoder.runtime != "torch",
        )
        return Instruments(
            encoder=self.encoder,
            lens=lens,
            lens_note=lens_note,
            window_frames=self._settings.window.frames,
            trained=adapted if adapted.gate.item() else None,
            foresight=foresight,
            lora=self._adapter(),
            trained_name=trained_name,
            variants=precisions,
            variants_left_out=left_out,
            server=server if wish.asks_model else None,
            model=block.model,
            questions=(*block.queries, *(camera.queries if camera else ())),
            layout=Layout(block.layout) if block.layout else None,
            evidence=describing.evidence_of(self._storage, self._loaded) if self._storage else None,
            describe_limit_s=block.timeout_s,
            describers=describers,
            describers_note=describers_note,
            zone=LocalZone(),
        )

    def _learned(self, camera: str) -> tuple[Foresight | None, str]:
        """What has been trained for this camera and is live, in words too."""
        model, card = model_registry(self._state_dir).load(camera, encoder=self.encoder.name)
        if card is None:
            return None, "no trained weights for this camera yet"
        told = f"{card.kind} {card.id}, error {card.error:.4f} against {card.ridge_error:.4f} of ridge-AR"
        if isinstance(model, Foresight):
            return model, told
        return None, f"{told} is live for this camera: a regression, which has no attention to show"

    def _adapter(self) -> LoraReport | None:
        """What the adapter came to that is live, or else the newest one in shadow."""
        folders = [adapter_folder(self._state_dir, part) for part in ("temporal", "clip")]
        for weights in (*(folder.live for folder in folders), *(folder.shadow for folder in folders)):
            if weights.exists():
                with suppress(PermanentError):  # a kill left weights without their report: it is as good as none
                    return read_report(weights.with_suffix(".json"))
        return None

    def _loaded(self) -> Encoder:
        return self.encoder

    def _lens(self) -> tuple[Lens | None, str]:
        try:
            if self._backend == "builtin":
                return BuiltinLens(cache_dir=cache_dir(self._state_dir)), ""
            return ClipLens(self._settings.encoder.model, models_dir=models_dir(self._state_dir)), ""
        except ConfigError as error:
            return None, str(error)

    def _describers(self, server: object) -> tuple[list[DescriberRow], str]:
        """The models in Ollama, with what they took for the events that are stored."""
        seconds = self._seconds_by_model()
        if not isinstance(server, Ollama):
            return [], "the configured describer keeps no list of models"
        try:
            installed = server.installed()
        except (DescriberError, PermanentError) as error:
            return [], str(error)
        rows = []
        for model in installed:
            taken = seconds.get(model.name, [])
            median = statistics.median(taken) if taken else None
            rows.append(
                DescriberRow(model.name, model.size_bytes, model.parameters, model.quantization, median, len(taken))
            )
        return rows, ""

    def _seconds_by_model(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for record in self._storage.archive.find(limit=_DESCRIBED_EVENTS) if self._storage else ():
            words = record.description
            if words is not None and words.duration_s and words.model:
                found.setdefault(words.model, []).append(words.duration_s)
        return found

    def _neighbours(self, record: EventRecord) -> tuple[list[Neighbour], str]:
        """Earlier events of the same camera whose windows are nearest to this event's."""
        event, storage = record.event, self._storage
        if storage is None:
            return [], "there is no database"
        if event.encoder != self.encoder.name:
            return [], f"the event was embedded by {event.encoder}, and the encoder is {self.encoder.name} now"
        windows = list(
            storage.windows.between(
                event.started_at, event.ended_at + _SLACK, encoder=event.encoder, camera=event.camera
            )
        )
        if not windows:
            return [], "the windows of this event are no longer kept (retention.keep_windows_days)"
        mean = np.mean([window.pooled for window in windows], axis=0)
        found = storage.search(encoder=event.encoder).search(
            "", mean, camera=event.camera, until=event.started_at, limit=_NEIGHBOURS
        )
        near = []
        for each in found:
            other = each.record
            if other.event.id == event.id or each.seen_at is None:
                continue
            at = each.seen_at
            then = next(
                storage.windows.between(at, at + timedelta(milliseconds=1), encoder=event.encoder, camera=event.camera),
                None,
            )
            cosine = float("nan") if then is None else float(unit(mean) @ unit(then.pooled))
            near.append(Neighbour(other.event.id, at, other.event.trigger, other.words[:160], cosine))
        return near, "" if near else "no earlier event of this camera is stored"
