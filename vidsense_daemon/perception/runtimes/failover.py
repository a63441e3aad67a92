"""A tower that goes on with the next runtime when its present one fails in the middle of a day.

    computes ── out of memory ──► half the batch … one picture ── still ──► the next runtime
    computes ── an error, values that are no numbers, another shape ──────► the next runtime … PyTorch's float32

The batch at which one failed is computed again by the next, so no frame is lost. A failure counts only once another
runtime has computed the same pictures well: what float32 can't do either, no runtime is to blame for, and its answer
or its error is handed on as it is. Owned by the perception thread; others may read the label and the failures.
`B` pictures, `S` = picture side in px, `D` = dimension of the embedding space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.perception.runtimes.tower import COMPUTE_ERRORS, Outputs, Pictures, Tower, first_line

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "bad_alloc", "out_of_resources")


@dataclass(frozen=True, slots=True)
class Handover:
    """One runtime failed, another one took its place."""

    runtime: str
    reason: str
    instead: str


class FailoverTower:
    """The `Tower` of the first of several that works."""

    def __init__(
        self,
        first: Tower,
        *,
        dimension: int,
        others: Iterator[Tower],
        on_handover: Callable[[Handover], None] = lambda _handover: None,
    ) -> None:
        """``others`` are built when they are needed, the last resort at the end; ``dimension`` is D."""
        self._tower = first
        self._dimension = dimension
        self._others = others
        self._on_handover = on_handover
        self._fits: int | None = None  # pictures at once, once the memory was too small for more
        self.handovers: tuple[Handover, ...] = ()  # since the start; replaced as a whole: other threads read it

    @property
    def label(self) -> str:
        return self._tower.label

    @property
    def pictures_at_once(self) -> int:
        return min(self._tower.pictures_at_once, self._fits or self._tower.pictures_at_once)

    @property
    def runs_network(self) -> bool:
        return self._tower.runs_network

    def __call__(self, pictures: Pictures) -> Outputs:
        """(B, D) and tiles of (B, S, S, 3).

        Raises:
            RuntimeError: not even the last resort could compute it.
        """
        failed: list[tuple[str, str]] = []
        while True:
            outputs, error = self._try(pictures)
            reason = first_line(error) if error else self._wrong(outputs, len(pictures))
            if reason is None:
                break
            following = next(self._others, None)
            if following is None:
                if error:
                    raise error
                return outputs
            failed.append((self.label, reason))
            self._tower, self._fits = following, None
        for runtime, reason in failed:
            handover = Handover(runtime, reason, instead=self.label)
            self.handovers = (*self.handovers, handover)
            self._on_handover(handover)
        return outputs

    def _try(self, pictures: Pictures) -> tuple[Outputs, Exception | None]:
        try:
            return self._within_memory(pictures), None
        except COMPUTE_ERRORS as error:
            return _NOTHING, error

    def _within_memory(self, pictures: Pictures) -> Outputs:
        """All at once, or in the largest parts that the memory takes: from then on, too."""
        while True:
            step = min(len(pictures), self._fits or len(pictures))
            try:
                return _joined([self._tower(pictures[at : at + step]) for at in range(0, len(pictures), step)])
            except (MemoryError, RuntimeError) as error:
                if step == 1 or not _is_out_of_memory(error):
                    raise
                self._fits = step // 2
                structlog.get_logger().warning(
                    "runtime_batch_halved", runtime=self.label, pictures_at_once=self._fits, reason=first_line(error)
                )

    def _wrong(self, outputs: Outputs, count: int) -> str | None:
        """What is wrong with the answer on ``count`` pictures; none when nothing is."""
        whole, tiles = outputs
        expected: list[tuple[NDArray[np.float32], tuple[int, ...]]] = [(whole, (count, self._dimension))]
        if tiles is not None:
            expected.append((tiles, (count, TILES, self._dimension)))
        for found, shape in expected:
            if found.shape != shape:
                return f"its embeddings have the shape {found.shape} instead of {shape}"
            if not np.isfinite(found).all():
                return "its embeddings hold values that are no numbers (NaN)"
        return None


_NOTHING: Outputs = np.empty((0, 0), np.float32), None


def _joined(parts: list[Outputs]) -> Outputs:
    if len(parts) == 1:
        return parts[0]
    tiles = [part[1] for part in parts if part[1] is not None]
    return np.concatenate([part[0] for part in parts]), np.concatenate(tiles) if tiles else None


def _is_out_of_memory(error: BaseException) -> bool:
    """Also when a library says so in a general error, as all but Python do."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _OUT_OF_MEMORY)
