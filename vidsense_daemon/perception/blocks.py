"""How much each block of one camera's picture usually changes, and where a frame goes farthest beyond that. Pure.

    r = max over blocks of x_b / (q_b + 12)      x_b: mean change of block b, in grey levels
                                                 q_b: what one in a thousand of its own past busy frames exceeded

Who walks close by changes large blocks all day; something small at the picture's edge changes its own block as never
before. Against one scale for the whole picture the second goes under in the first. The 12 levels are what is noise or
nearly so: a block in which nothing ever moved does not make an alarm of a bird. Quantile and levels were chosen on
held-out videos without anything odd (docs/novelty.md).

Each block has a histogram over levels, in steps of a sixth of an octave (12 %): 58 kB a camera.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import BLOCK_COLUMNS, BLOCK_ROWS, Blocks

LEAST_FRAMES = 200  # 40 s of something moving: of fewer no block's upper end is known
_BINS = 48
_BINS_AN_OCTAVE = 6
_FIRST_EDGE_LEVELS = 0.5  # 0.5 · 2^(47/6) = 114: hardly a block ever changes more
_QUANTILE = 0.999
_NOISE_LEVELS = 12.0
_LEARNED_AFTER = timedelta(seconds=10)  # what is unusual must not become the measure of itself while it lasts
_HALVED_EVERY = timedelta(days=10)  # what is three weeks old counts a quarter
_MEASURED_EVERY = 50  # frames: so many change little

_EDGES_LEVELS = _FIRST_EDGE_LEVELS * 2 ** (np.arange(_BINS) / _BINS_AN_OCTAVE)  # (_BINS,): where each bin ends
_EVERY_BLOCK = np.arange(BLOCK_ROWS * BLOCK_COLUMNS)

Counts = NDArray[np.float32]  # (BLOCK_ROWS · BLOCK_COLUMNS, _BINS)


@dataclass(frozen=True, slots=True)
class Standout:
    """The block that goes farthest beyond its own past."""

    ratio: float  # r
    row: int
    column: int

    @property
    def place(self) -> str:
        """Where in the picture it is, in words."""
        if self.column in (0, BLOCK_COLUMNS - 1):
            return f"at the {'right' if self.column else 'left'} edge"
        upright = ("upper", "middle", "lower")[3 * self.row // BLOCK_ROWS]
        across = ("left", "middle", "right")[3 * self.column // BLOCK_COLUMNS]
        return "in the middle" if upright == across else f"in the {upright} {across}"


class BlocksPast:
    """One camera's; takes busy frames in order of time."""

    def __init__(self, counts: Counts | None = None, *, halved_at: datetime | None = None) -> None:
        """``counts`` are what was learned before, halved last at ``halved_at``.

        Raises:
            ValueError: the counts are none of this version's.
        """
        shape = (len(_EVERY_BLOCK), _BINS)
        if counts is not None and (counts.shape != shape or not (np.isfinite(counts) & (counts >= 0)).all()):
            raise ValueError(f"counts of blocks are {shape} numbers from 0, not {counts.shape}")
        self._counts = np.zeros(shape, np.float32) if counts is None else counts.copy()
        self._halved_at = halved_at
        self._waiting: deque[tuple[datetime, Blocks, float]] = deque()
        self._usual = np.zeros((BLOCK_ROWS, BLOCK_COLUMNS))  # q_b, in levels
        self._measure_in = 0  # frames

    @property
    def counts(self) -> Counts:
        """What is to be kept, with `halved_at`."""
        return self._counts.copy()

    @property
    def halved_at(self) -> datetime | None:
        return self._halved_at

    @property
    def is_known(self) -> bool:
        return self._frames >= LEAST_FRAMES

    def standout(self, blocks: Blocks) -> Standout:
        """Where ``blocks`` go farthest beyond the past; tells something only once that `is_known`."""
        if not self._measure_in:
            self._usual = _quantiles(self._counts).reshape(BLOCK_ROWS, BLOCK_COLUMNS)
            self._measure_in = _MEASURED_EVERY
        ratios = blocks / (self._usual + _NOISE_LEVELS)
        row, column = divmod(int(ratios.argmax()), BLOCK_COLUMNS)
        return Standout(float(ratios[row, column]), row, column)

    def learn(self, at: datetime, blocks: Blocks, *, weight: float = 1.0) -> None:
        """Take a frame in, in some seconds: when the next ones come. It counts as ``weight`` frames."""
        self._waiting.append((at, blocks, weight))
        while self._waiting and not timedelta(0) <= at - self._waiting[0][0] < _LEARNED_AFTER:
            self._count(*self._waiting.popleft())

    @property
    def _frames(self) -> float:
        return float(self._counts[0].sum())  # every frame counts in every block

    def _count(self, at: datetime, blocks: Blocks, weight: float) -> None:
        if self._halved_at is None or at < self._halved_at:  # the first one, or a clock that was set back
            self._halved_at = at
        if at - self._halved_at >= _HALVED_EVERY and self._frames >= 2 * LEAST_FRAMES:
            self._counts /= 2
            self._halved_at = at
        bins = np.searchsorted(_EDGES_LEVELS, blocks.ravel(), side="right")
        self._counts[_EVERY_BLOCK, np.minimum(bins, _BINS - 1)] += weight
        self._measure_in = max(0, self._measure_in - 1)


def _quantiles(counts: Counts) -> NDArray[np.float64]:
    """Of every block the level that one in a thousand frames exceeds; of fewer frames the highest level seen.

    Inside its bin it is told by how many of the bin's frames may lie above it. (BLOCK_ROWS · BLOCK_COLUMNS,)
    """
    above = counts[:, ::-1].cumsum(axis=1, dtype=np.float64)[:, ::-1]  # in this bin or a higher one
    rare = (1 - _QUANTILE) * above[:, 0]
    places = np.maximum((above > rare[:, None]).sum(axis=1) - 1, 0)
    inside = counts[_EVERY_BLOCK, places]
    share = (rare - (above[_EVERY_BLOCK, places] - inside)) / np.maximum(inside, 1e-9)
    levels: NDArray[np.float64] = _EDGES_LEVELS[places] * 2 ** (-np.clip(share, 0, 1) / _BINS_AN_OCTAVE)
    return levels
