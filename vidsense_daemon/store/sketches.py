"""The files behind the index of windows: sketches and where they belong, appended to by one, read by many.

    vectors/<encoder>/state.json               which generation counts, and how many windows of it
    vectors/<encoder>/<generation>/directions.npy   (D, K)   what turns an embedding into a sketch
                                  /sketches         (N, K)   float32, one after another, memory-mapped
                                  /window_ids, ended_at_ms, cameras   (N,) each, memory-mapped
                                  /cameras-N.npz             each camera's mean (C, D) and how many windows it is of

`state.json` is replaced last: what a killed update had appended does not count and is written over by the next one.
Legend: N windows, C cameras, D dimension of the embeddings, K of the sketches.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.files import make_private

_FORMAT = 2  # another number in the file: built anew
# a file each: a search reads all cameras, but times only when it is limited to some
_COLUMNS: dict[str, np.dtype[Any]] = {
    "window_ids": np.dtype("<i8"),
    "ended_at_ms": np.dtype("<i8"),
    "cameras": np.dtype("<i4"),
}


@dataclass(frozen=True, slots=True)
class SketchState:
    """What counts of the files."""

    generation: str
    learnt_from: int  # windows there were when the directions were computed
    count: int = 0  # N
    last_window_id: int = 0
    cameras: tuple[str, ...] = ()
    format: int = _FORMAT


@dataclass(frozen=True, slots=True, eq=False)
class Sketches:
    """One consistent moment of the files."""

    state: SketchState
    directions: NDArray[np.float32]  # (D, K)
    means: NDArray[np.float32]  # (C, D): of each camera's windows
    window_ids: NDArray[np.int64]  # (N,) memory-mapped, as the next three
    ended_at_ms: NDArray[np.int64]  # (N,)
    cameras: NDArray[np.int32]  # (N,): index into state.cameras
    sketches: NDArray[np.float32]  # (N, K)


class SketchFiles:
    """The files of one encoder; `locked` keeps two updates apart, readers need no lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one that writes, among all processes; waits."""
        make_private(self._folder)
        descriptor = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def state(self) -> SketchState | None:
        """What counts now; none when there is nothing yet, or nothing that this program can read."""
        try:
            found = json.loads((self._folder / "state.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        if found.get("format") != _FORMAT:
            return None
        return SketchState(**{**found, "cameras": tuple(found["cameras"])})

    def start(self, directions: NDArray[np.float32], *, learnt_from: int) -> SketchState:
        """A new, empty generation; the old one goes away, under readers that keep what they have open."""
        state = SketchState(generation=secrets.token_hex(8), learnt_from=learnt_from)
        (self._folder / state.generation).mkdir(mode=0o700)
        np.save(self._path(state, "directions.npy"), directions)
        self._save_cameras(state, np.zeros((0, directions.shape[0])), np.zeros(0, dtype=np.int64))
        self._write_state(state)
        for other in self._folder.iterdir():
            if other.is_dir() and other.name != state.generation:
                shutil.rmtree(other)
        return state

    def append(
        self,
        state: SketchState,
        *,
        window_ids: Sequence[int],
        ended_at_ms: Sequence[int],
        cameras: Sequence[str],
        embeddings: NDArray[np.float32],
    ) -> SketchState:
        """Take in more windows, in the order of their ids; ``embeddings`` is (rows, D)."""
        names = (*state.cameras, *sorted(set(cameras) - set(state.cameras)))
        number = {camera: index for index, camera in enumerate(names)}
        columns = {"window_ids": window_ids, "ended_at_ms": ended_at_ms, "cameras": [number[name] for name in cameras]}
        for name, kind in _COLUMNS.items():
            self._write_at(state, name, np.array(columns[name], dtype=kind))
        directions = np.load(self._path(state, "directions.npy"))
        self._write_at(state, "sketches", (embeddings @ directions).astype("<f4"))
        grown = SketchState(
            generation=state.generation,
            learnt_from=state.learnt_from,
            count=state.count + len(window_ids),
            last_window_id=int(window_ids[-1]),
            cameras=names,
        )
        self._save_cameras(grown, *self._grown_means(state, np.array(columns["cameras"]), embeddings, len(names)))
        self._write_state(grown)
        self._path(state, f"cameras-{state.count}.npz").unlink(missing_ok=True)
        return grown

    def open(self) -> Sketches | None:
        """What counts now, memory-mapped; none when there is nothing to search."""
        while (state := self.state()) is not None and state.count > 0:
            try:
                return self._open(state)
            except FileNotFoundError:
                if self.state() == state:
                    return None  # somebody deleted files; the next update starts anew
        return None

    def is_whole(self, state: SketchState) -> bool:
        """Whether the files hold what the state says: a power cut may have taken some of it."""
        try:
            directions = np.load(self._path(state, "directions.npy"), mmap_mode="r")
            self._path(state, f"cameras-{state.count}.npz").stat()
            row_bytes = {"sketches": 4 * directions.shape[1]} | {name: kind.itemsize for name, kind in _COLUMNS.items()}
            return state.count == 0 or all(
                self._path(state, name).stat().st_size >= state.count * size for name, size in row_bytes.items()
            )
        except (OSError, ValueError):
            return False

    def _open(self, state: SketchState) -> Sketches:
        directions = np.load(self._path(state, "directions.npy"))
        columns = {
            name: np.memmap(self._path(state, name), dtype=kind, mode="r", shape=(state.count,))
            for name, kind in _COLUMNS.items()
        }
        shape = (state.count, directions.shape[1])
        return Sketches(
            state=state,
            directions=directions,
            means=self._load_cameras(state)[0],
            **columns,
            sketches=np.memmap(self._path(state, "sketches"), dtype="<f4", mode="r", shape=shape),
        )

    def _grown_means(
        self, state: SketchState, cameras: NDArray[np.integer[Any]], embeddings: NDArray[np.float32], total: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(C, D), (C,): the means and their counts with more windows taken in."""
        before, counts_before = self._load_cameras(state)
        sums = np.zeros((total, embeddings.shape[1]))
        sums[: len(before)] = before * counts_before[:, None]
        np.add.at(sums, cameras, embeddings)
        counts = np.bincount(cameras, minlength=total)
        counts[: len(counts_before)] += counts_before
        return sums / counts[:, None], counts

    def _save_cameras(self, state: SketchState, means: NDArray[Any], counts: NDArray[np.int64]) -> None:
        np.savez(self._path(state, f"cameras-{state.count}.npz"), means=means.astype(np.float32), counts=counts)

    def _load_cameras(self, state: SketchState) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        with np.load(self._path(state, f"cameras-{state.count}.npz")) as saved:
            return saved["means"], saved["counts"]

    def _write_at(self, state: SketchState, name: str, rows: NDArray[Any]) -> None:
        """Put ``rows`` behind the first ``state.count`` ones, over what a killed update left there."""
        descriptor = os.open(self._path(state, name), os.O_CREAT | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.seek(state.count * rows.dtype.itemsize * (rows.shape[1] if rows.ndim > 1 else 1))
            rows.tofile(file)

    def _write_state(self, state: SketchState) -> None:
        part = self._folder / "state.json.part"
        part.write_text(json.dumps(asdict(state)))
        part.rename(self._folder / "state.json")

    def _path(self, state: SketchState, name: str) -> Path:
        return self._folder / state.generation / name
