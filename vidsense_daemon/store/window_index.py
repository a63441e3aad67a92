"""Which stored windows mean nearly the same as a sentence? A search over a million of them in some 50 ms.

Two steps, because a million float16 embeddings are 1 GB and NumPy multiplies them at half a GB/s. First every window's
**sketch**: its embedding projected on the K directions in which this house's windows differ most (principal
components of a sample). They are read once through, memory-mapped, so they need not stay in memory. Then the best few
thousand are scored exactly, from the table.

    score = t · (x − m_camera)      t the sentence, x the window, m the mean of all that camera's windows

Subtracting the camera's mean makes cameras comparable: "a garden" resembles every window of the garden's camera.
The files can be deleted at any time: the table has it all. Legend: N windows, D dimension, K of the sketches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select, text

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.windows import Embedding
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.sketches import Sketches, SketchFiles, SketchState

# K: 128 MB for a million windows. With the builtin encoder's embeddings 32 found all of the exact ten nearest, and a
# search is bound by the memory's speed: 64 took half as long again (benchmarks/store.py)
SKETCH_DIMENSION = 32
CANDIDATES = 2_000  # scored exactly
_SAMPLE = 20_000  # windows that the directions are computed from
_RELEARN_AFTER_GROWTH = 4  # an index that began with one quiet hour is learnt anew
_GONE_RATIO = 0.3  # so much of the index may be windows that retention has deleted
_ROWS_A_READ = 10_000
_ROWS_A_PIECE = 65_536  # multiplied at once: 16 MiB


@dataclass(frozen=True, slots=True)
class Near:
    """A window and how near it is: higher is nearer, comparable between cameras but not between sentences."""

    window_id: int
    score: float


class WindowIndex:
    """The index of one encoder's windows, in ``folder``; any thread of any process may search and update it."""

    def __init__(self, folder: Path, *, database: Database, encoder: str) -> None:
        self._database = database
        self._encoder = encoder
        # an encoder's name may hold slashes
        self._files = SketchFiles(folder / hashlib.sha256(encoder.encode()).hexdigest()[:16])

    def update(self) -> int:
        """Take in the windows stored since the last time; how many. The first time reads them all."""
        taken = 0
        with self._files.locked():
            state = self._files.state()
            if state is None or not self._files.is_whole(state) or self._is_outgrown(state):
                state = self._start_anew()
            if state is None:
                return 0  # no windows yet
            for page in self._pages_after(state.last_window_id):
                state = self._files.append(
                    state,
                    window_ids=[row.id for row in page],
                    ended_at_ms=[row.ended_at_ms for row in page],
                    cameras=[row.camera for row in page],
                    embeddings=_stack([row.pooled for row in page]),
                )
                taken += len(page)
        return taken

    def nearest(
        self,
        sentence: Embedding,
        *,
        limit: int,
        camera: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Near]:
        """The ``limit`` windows nearest to a sentence's embedding (D,), nearest first."""
        index = self._files.open()
        if index is None:
            return []
        scores = _sketch_scores(index, sentence)  # (N,)
        scores[~_wanted(index, camera, since, until)] = -np.inf
        best = largest(scores, max(CANDIDATES, limit))
        best = best[np.isfinite(scores[best])]
        return self._score_exactly(sentence, index, best, limit)

    def _score_exactly(
        self, sentence: Embedding, index: Sketches, candidates: NDArray[np.intp], limit: int
    ) -> list[Near]:
        """From the embeddings themselves; windows that were deleted since are not in the table and drop out."""
        ids = index.window_ids[candidates].tolist()
        camera_of = dict(zip(ids, index.cameras[candidates].tolist(), strict=True))
        query = text("SELECT id, pooled FROM windows WHERE id IN (SELECT value FROM json_each(:ids))")
        with self._database.read() as connection:
            rows = connection.execute(query, {"ids": json.dumps(ids)}).all()
        if not rows:
            return []
        offsets = (index.means @ sentence)[[camera_of[row.id] for row in rows]]
        scores = _stack([row.pooled for row in rows]) @ sentence - offsets  # (candidates,)
        return [Near(rows[place].id, float(scores[place])) for place in largest(scores, limit)]

    def _start_anew(self) -> SketchState | None:
        total = self._count_windows()
        if total == 0:
            return None
        return self._files.start(principal_directions(self._sample(total), SKETCH_DIMENSION), learnt_from=total)

    def _is_outgrown(self, state: SketchState) -> bool:
        there = self._count_windows()
        few_at_first = state.learnt_from < _SAMPLE and there > _RELEARN_AFTER_GROWTH * state.learnt_from
        return few_at_first or state.count * (1 - _GONE_RATIO) > there

    def _count_windows(self) -> int:
        with self._database.read() as connection:
            mine = select(func.count()).where(tables.windows.c.encoder == self._encoder)
            return connection.execute(mine).scalar_one()

    def _sample(self, total: int) -> NDArray[np.float32]:
        """(rows, D): embeddings spread over all there are, each less its camera's mean."""
        c = tables.windows.c
        every = max(1, total // _SAMPLE)
        numbered = select(c.camera, c.pooled, func.row_number().over(order_by=c.id).label("number")).where(
            c.encoder == self._encoder
        )
        spread = numbered.subquery()
        query = select(spread.c.camera, spread.c.pooled).where(spread.c.number % every == 0).limit(_SAMPLE)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        embeddings = _stack([row.pooled for row in rows])
        cameras = np.array([row.camera for row in rows])
        for camera in np.unique(cameras):
            embeddings[cameras == camera] -= embeddings[cameras == camera].mean(axis=0)
        return embeddings

    def _pages_after(self, last_id: int) -> Iterator[list[Any]]:
        c = tables.windows.c
        wanted = select(c.id, c.camera, c.ended_at_ms, c.pooled).where(c.encoder == self._encoder)
        while True:
            with self._database.read() as connection:
                page = list(connection.execute(wanted.where(c.id > last_id).order_by(c.id).limit(_ROWS_A_READ)))
            if not page:
                return
            yield page
            last_id = page[-1].id


def principal_directions(sample: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """(rows, D) → (D, K): orthonormal, those in which the sample differs most; all D when ``dimensions`` allows."""
    dimension = sample.shape[1]
    if dimension <= dimensions:
        return np.eye(dimension, dtype=np.float32)
    _values, vectors = np.linalg.eigh(sample.T.astype(np.float64) @ sample)  # ascending
    return np.ascontiguousarray(vectors[:, -dimensions:], dtype=np.float32)


def largest(scores: NDArray[np.float32], limit: int) -> NDArray[np.intp]:
    """Places of the ``limit`` largest, largest first."""
    places = np.argpartition(scores, -limit)[-limit:] if limit < len(scores) else np.arange(len(scores))
    return places[np.argsort(scores[places])[::-1]]


def _sketch_scores(index: Sketches, sentence: Embedding) -> NDArray[np.float32]:
    """(D,) → (N,): reads the sketches once from beginning to end."""
    sketch = (sentence @ index.directions).astype(np.float32)  # (K,)
    offsets = index.means @ index.directions @ sketch  # (C,)
    scores = np.empty(index.state.count, dtype=np.float32)
    for start in range(0, len(scores), _ROWS_A_PIECE):
        piece = slice(start, start + _ROWS_A_PIECE)
        np.matmul(index.sketches[piece], sketch, out=scores[piece])
        scores[piece] -= offsets[index.cameras[piece]]
    return scores


def _wanted(index: Sketches, camera: str | None, since: datetime | None, until: datetime | None) -> NDArray[np.bool_]:
    """(N,): which windows the search may find."""
    wanted = np.ones(index.state.count, dtype=np.bool_)
    if camera is not None:
        number = index.state.cameras.index(camera) if camera in index.state.cameras else -1
        wanted &= index.cameras == number
    if since is not None:
        wanted &= index.ended_at_ms >= to_ms(since)
    if until is not None:
        wanted &= index.ended_at_ms < to_ms(until)
    return wanted


def _stack(blobs: list[bytes]) -> NDArray[np.float32]:
    """Blobs of D float16 → (rows, D); joined first, because a conversion for each row costs ten times as much."""
    return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1).astype(np.float32)
