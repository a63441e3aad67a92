"""What the store costs: commits, and a search through a million windows.

    python benchmarks/store.py commits
    OPENBLAS_NUM_THREADS=1 python benchmarks/store.py search [--windows 1000000] [--embeddings FILE.npz]

*commits*: `opened` with its still, its window, its words and one alert owed, with synchronous=FULL and NORMAL taking
turns. *search*: windows of eight cameras are stored, indexed and searched. For sketches of 32, 64 and 128 directions it
prints the time of a search, the core's own time (what counts on a busy machine) and how many of the exact ten nearest
it found. Embeddings are mixtures of a camera's own scene and things that pass through it: from FILE (arrays `pictures`
(P, D) and `texts` (Q, D) of a real encoder), else random ones, which differ in all directions alike and are the hardest
case for sketches.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from _house import a_window, an_event
from numpy.typing import NDArray

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import EventStill
from vidsense_daemon.domain.frames import Still
from vidsense_daemon.store import window_index
from vidsense_daemon.store.window_index import WindowIndex, largest
from vidsense_daemon.store.windows import insert_windows, to_blob

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
D = 512
CAMERAS = 8
ENCODER = "benchmark"
ROWS_A_WRITE = 20_000
Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("commits", "search"))
    parser.add_argument("--windows", type=int, default=1_000_000)
    parser.add_argument("--embeddings", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vidsense-store-") as folder:
        if args.what == "commits":
            commits(Path(folder))
        else:
            search(Path(folder), args.windows, args.embeddings)


def commits(folder: Path, rounds: int = 300) -> None:
    stores = {mode: Storage(folder / mode, hooks_for=lambda _event, _phase: ("phone",)) for mode in ("FULL", "NORMAL")}
    with stores["NORMAL"].database.read() as connection:  # this one thread gets the same connection each time
        connection.connection.cursor().execute("PRAGMA synchronous = NORMAL")
    took_ms: dict[str, list[float]] = {mode: [] for mode in stores}
    still = EventStill(
        Still(jpeg=bytes(200_000), width_px=1920, height_px=1080, captured_at=NOON, box=None), "first", 1
    )
    embedding = np.full(D, D**-0.5, dtype=np.float32)
    for number in range(rounds):
        for mode, storage in stores.items():
            began_s = time.perf_counter()
            storage.events.opened(an_event(number, NOON, score=1.0), still, a_window(embedding, NOON, index=number))
            took_ms[mode].append((time.perf_counter() - began_s) * 1000)
    for mode, times_ms in took_ms.items():
        p50, p99 = statistics.median(times_ms), statistics.quantiles(times_ms, n=100)[98]
        print(f"{mode:6}: an event with a still of 200 kB is stored in {p50:.1f} ms (p50), {p99:.1f} ms (p99)")
    for storage in stores.values():
        storage.close()


def search(folder: Path, count: int, embeddings: Path | None) -> None:
    random = np.random.default_rng(1)
    pictures, sentences = load(embeddings, random)
    storage = Storage(folder)
    began_s = time.perf_counter()
    truth = Truth(sentences)
    for start in range(0, count, ROWS_A_WRITE):
        vectors, cameras = mixtures(pictures, min(ROWS_A_WRITE, count - start), random)
        store(storage, vectors, cameras, start)
        truth.add(vectors, cameras)
    stored_s = time.perf_counter() - began_s
    print(
        f"{count:,} windows stored in {stored_s:.0f} s, {storage.database.path.stat().st_size / count:.0f} bytes each"
    )
    exact = truth.nearest(10)
    indexes = {}
    for dimension in (32, 64, 128):
        window_index.SKETCH_DIMENSION = dimension
        indexes[dimension] = WindowIndex(folder / f"vectors{dimension}", database=storage.database, encoder=ENCODER)
        began_s = time.perf_counter()
        indexes[dimension].update()
        print(f"sketches of {dimension}: built in {time.perf_counter() - began_s:.0f} s")
    measure(indexes, sentences, exact)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"highest resident memory, mapped files included: {peak_mb:.0f} MB")
    storage.close()


def measure(indexes: dict[int, WindowIndex], sentences: Floats, exact: list[set[int]]) -> None:
    took_ms: dict[int, list[float]] = {dimension: [] for dimension in indexes}
    cpu_ms: dict[int, list[float]] = {dimension: [] for dimension in indexes}
    found: dict[int, int] = dict.fromkeys(indexes, 0)
    for number, sentence in enumerate(sentences):
        for dimension, index in indexes.items():
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            near = index.nearest(sentence, limit=10)
            took_ms[dimension].append((time.perf_counter() - began_s) * 1000)
            cpu_ms[dimension].append((time.process_time() - began_cpu_s) * 1000)
            found[dimension] += len({one.window_id for one in near} & exact[number])
    for dimension, times_ms in took_ms.items():
        recall = found[dimension] / (10 * len(sentences))
        p50, p95 = statistics.median(times_ms), statistics.quantiles(times_ms, n=20)[18]
        print(
            f"sketches of {dimension}: {p50:.0f} ms a search (p50), {p95:.0f} (p95), fastest {min(times_ms):.0f}, "
            f"core's own {statistics.median(cpu_ms[dimension]):.0f} ms, {recall:.1%} of the exact ten"
        )


class Truth:
    """The exact ten nearest, computed beside the store, a bunch at a time."""

    def __init__(self, sentences: Floats) -> None:
        self._sentences = sentences
        self._scores: list[Floats] = []
        self._cameras: list[NDArray[np.int64]] = []
        self._sums = np.zeros((CAMERAS, D))

    def add(self, vectors: Floats, cameras: NDArray[np.int64]) -> None:
        kept = vectors.astype("<f2").astype(np.float32)
        self._scores.append(kept @ self._sentences.T)  # (rows, Q)
        self._cameras.append(cameras)
        np.add.at(self._sums, cameras, kept)

    def nearest(self, limit: int) -> list[set[int]]:
        cameras = np.concatenate(self._cameras)
        means = self._sums / np.bincount(cameras, minlength=CAMERAS)[:, None]
        scores = np.concatenate(self._scores) - (means @ self._sentences.T)[cameras]
        # the table's ids count from 1
        return [set((largest(column, limit) + 1).tolist()) for column in scores.T.astype(np.float32)]


def load(path: Path | None, random: np.random.Generator) -> tuple[Floats, Floats]:
    """(P, D) things to be seen and (Q, D) sentences."""
    if path is None:
        return unit(random.standard_normal((5_000, D))), unit(random.standard_normal((50, D)))
    with np.load(path) as saved:
        return unit(saved["pictures"]), unit(saved["texts"])


def mixtures(pictures: Floats, count: int, random: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """(count, D): each camera's own scene, something that passes through it, more or less of it, and noise."""
    cameras = random.integers(0, CAMERAS, count)
    share = random.uniform(0.0, 0.8, (count, 1))
    passing = pictures[random.integers(CAMERAS, len(pictures), count)]
    noise = 0.15 * unit(random.standard_normal((count, D)))
    return unit((1 - share) * pictures[cameras] + share * passing + noise), cameras


def store(storage: Storage, vectors: Floats, cameras: NDArray[np.int64], start: int) -> None:
    def rows() -> Iterator[dict[str, object]]:
        for place, (vector, camera) in enumerate(zip(vectors, cameras, strict=True), start=start):
            at_ms = to_ms(NOON) + 1_000 * place
            yield {
                "camera": f"camera{camera}",
                "run_id": "run-1",
                "frame_index": place,
                "encoder": ENCODER,
                "started_at_ms": at_ms,
                "ended_at_ms": at_ms,
                "pooled": to_blob(vector),
                "crop_change": None,
                "moving": 0,
                "changed_ratio": 0.0,
                "zones": [],
                "event_id": None,
            }

    storage.database.write(lambda connection: insert_windows(connection, list(rows())))


def unit(vectors: NDArray[np.floating]) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


if __name__ == "__main__":
    main()
