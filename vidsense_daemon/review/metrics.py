"""`/metrics` in Prometheus' text form. Every name begins with `vidsense_` and ends in its unit.

The numbers are read when somebody asks, not counted twice; what costs a query is asked at most every 30 s.
"""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from vidsense_daemon.base.clock import Clock, to_ms
from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.review.board import CameraBoard, CameraSight
from vidsense_daemon.review.ports import Archive, Measurement, Ports

_COUNTS_AGE_S = 30.0
_DROPPED = "dropped_"
_OF_FRAMES = frozenset({"decoded", "looked", "sent"})  # what capture counts besides these are no frames


class Metrics:
    """The collector and its route."""

    def __init__(self, ports: Ports, *, board: CameraBoard, clock: Clock) -> None:
        self._ports = ports
        self._board = board
        self._counts = _SlowCounts(ports.archive, clock)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Families(self))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/metrics", self.metrics, methods=["GET"], response_class=Response)
        return router

    def metrics(self) -> Response:
        return Response(generate_latest(self._registry), headers={"content-type": CONTENT_TYPE_LATEST})

    def measurements(self) -> Iterator[Measurement]:
        """All of them; those of one name follow each other."""
        for sight in self._board.cameras():
            yield from of_camera(sight)
        for worker in self._ports.workers():
            labels = {"worker": worker.name}
            yield Measurement(
                "vidsense_worker_beat_age_seconds", "since its last beat", worker.beat_age_s(), "gauge", labels
            )
            yield Measurement(
                "vidsense_worker_up", "1 while it runs and beats", float(worker.is_live()), "gauge", labels
            )
        yield Measurement("vidsense_ready", "1 once the encoder is loaded", float(self._ports.is_ready()))
        yield from of_counts(self._counts.read())
        yield from of_disk(self._ports.media_dir)
        for source in self._ports.measurements:
            yield from source()


def of_camera(sight: CameraSight) -> Iterator[Measurement]:
    """What capture and the board know of one camera."""
    state, labels = sight.state, {"camera": sight.name}
    yield Measurement(
        "vidsense_camera_up", "1 while frames come", float(sight.word() in ("calm", "busy")), "gauge", labels
    )
    yield Measurement("vidsense_camera_frames_sampled_total", "handed to perception", sight.frames, "counter", labels)
    if sight.last_frame_at:
        at_s = to_ms(sight.last_frame_at) / 1000
        yield Measurement(
            "vidsense_camera_last_frame_timestamp_seconds", "when the newest was captured", at_s, "gauge", labels
        )
    if state is None:
        return
    yield Measurement(
        "vidsense_camera_fps", "frames a second that the stream says it has", state.fps or 0.0, "gauge", labels
    )
    yield Measurement(
        "vidsense_camera_restarts_total",
        "times the stream was opened again",
        max(0, state.sessions - 1),
        "counter",
        labels,
    )
    yield Measurement(
        "vidsense_camera_process_resident_bytes", "of the capture process", state.rss_bytes, "gauge", labels
    )
    for fault, count in sight.faults.items():
        yield Measurement(
            "vidsense_camera_faults_total", "times it was lost, by reason", count, "counter", labels | {"reason": fault}
        )
    for name, count in state.counts.items():
        if name.startswith(_DROPPED):
            reason = labels | {"reason": name.removeprefix(_DROPPED)}
            yield Measurement(
                "vidsense_camera_frames_dropped_total", "decoded and not kept, by reason", count, "counter", reason
            )
        elif name in _OF_FRAMES:
            yield Measurement(f"vidsense_camera_frames_{name}_total", f"frames {name}", count, "counter", labels)
        else:
            text = name.replace("_", " ")
            yield Measurement(f"vidsense_camera_{name}_total", text, count, "counter", labels)


def of_counts(counts: Mapping[str, int]) -> Iterator[Measurement]:
    """What stands in the database."""
    for name, count in counts.items():
        stage, _, state = name.partition("_")
        if stage in ("descriptions", "deliveries"):
            yield Measurement(
                f"vidsense_{stage}", f"{stage} in the database, by state", count, "gauge", {"state": state}
            )
        else:
            yield Measurement(f"vidsense_stored_{name}", f"{name} in the database", count)


def of_disk(media_dir: Path) -> Iterator[Measurement]:
    """The disk that holds the stills."""
    usage = disk_usage_of(media_dir)
    yield Measurement("vidsense_disk_free_bytes", "left for stills and the database", usage.free)
    yield Measurement("vidsense_disk_total_bytes", "size of that disk", usage.total)


def disk_usage_of(media_dir: Path) -> DiskUsage:
    """Of the disk that holds the stills, also while their folder is not there yet."""
    folder = next(path for path in (media_dir, *media_dir.parents) if path.exists())
    total, _, free = shutil.disk_usage(folder)
    return DiskUsage(total=total, free=free)


class DiskUsage(NamedTuple):
    """Bytes of a disk."""

    total: int
    free: int


class _SlowCounts:
    """Counting a million rows takes a while: one thread asks, at most every 30 s; the others take what is known."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive = archive
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Mapping[str, int] = {}
        self._asked_mono_s = float("-inf")

    def read(self) -> Mapping[str, int]:
        with self._lock:
            if self._clock.mono_s() - self._asked_mono_s > _COUNTS_AGE_S:
                try:
                    self._known = self._archive.counts()
                except StoreError:
                    self._known = {}  # unknown is said by absence, never by an old number
                self._asked_mono_s = self._clock.mono_s()
            return self._known


_KINDS: Mapping[str, type[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


class _Families:
    """prometheus_client's side: measurements of one name become one family."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily] = {}
        for one in self._metrics.measurements():
            family = families.get(one.name)
            if family is None:
                family = families[one.name] = _KINDS[one.kind](one.name, one.text, labels=list(one.labels))
            if isinstance(family, HistogramMetricFamily):
                buckets = [("+Inf" if bound == math.inf else str(float(bound)), count) for bound, count in one.buckets]
                family.add_metric(list(one.labels.values()), buckets, one.value)
            else:
                family.add_metric(list(one.labels.values()), one.value)
        return families.values()
