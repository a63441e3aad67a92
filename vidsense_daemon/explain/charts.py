"""The few kinds of charts that the report needs, as marks: axes, curves, heatmaps, bars on a time line.

Own ones and not a plotting library's, because a page must turn dark and be printed (docs/decisions has the reasons).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.explain.drawing import Area, Curve, Dot, Ink, Label, Line, Mark

_TICKS = 6
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_SMALL = 11.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A rectangle of the figure in which values have a place."""

    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        """Where ``value`` stands from left to right."""
        low, high = self.x_range
        return self.left + self.width * (value - low) / ((high - low) or 1.0)

    def y(self, value: float) -> float:
        """Where ``value`` stands from top to bottom: larger ones higher."""
        low, high = self.y_range
        return self.top + self.height * (1 - (value - low) / ((high - low) or 1.0))

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def right(self) -> float:
        return self.left + self.width


def x_axis(plot: Plot, label: str) -> Iterator[Mark]:
    """The ticks along the bottom; ``label`` names the unit."""
    for value in ticks(*plot.x_range):
        yield Line(plot.x(value), plot.top, plot.x(value), plot.bottom)
        yield Label(plot.x(value), plot.bottom + 16, written(value), "middle", _SMALL, Ink.FAINT)
    yield Label(plot.left + plot.width / 2, plot.bottom + 34, label, "middle", 12, Ink.FAINT)


def y_axis(plot: Plot, label: str, *, at: Sequence[tuple[float, str]] | None = None) -> Iterator[Mark]:
    """The ticks on the left, at round values or ``at`` values with words of their own."""
    for value, words in at or [(value, written(value)) for value in ticks(*plot.y_range)]:
        yield Line(plot.left, plot.y(value), plot.right, plot.y(value))
        yield Label(plot.left - 6, plot.y(value) + 4, words, "end", _SMALL, Ink.FAINT)
    yield Label(plot.left - 48, plot.top + plot.height / 2, label, "middle", 12, Ink.FAINT, turned=True)


def curve(plot: Plot, xs: Sequence[float], ys: Sequence[float], *, ink: Ink, width: float = 1.5) -> Iterator[Mark]:
    """The values as a line, cut at the plot's edges; a single one as a dot."""
    low, high = plot.y_range
    points = tuple((plot.x(x), plot.y(min(max(y, low), high))) for x, y in zip(xs, ys, strict=True))
    if len(points) == 1:
        yield Dot(*points[0], radius=3, ink=ink)
    elif points:
        yield Curve(points, ink, width)


def heatmap(
    values: NDArray[np.floating],
    *,
    left: float,
    top: float,
    cell_px: float,
    low: float,
    high: float,
    ink: Ink = Ink.ONE,
    hint: str = "",
) -> Iterator[Mark]:
    """(rows, columns) as squares, the stronger the higher; a value's own words under the pointer: row, column, value.

    ``hint`` is a format of ``row``, ``column`` and ``value``.
    """
    rows, columns = values.shape
    yield from outline(left, top, columns * cell_px, rows * cell_px)
    for row in range(rows):
        for column in range(columns):
            value = float(values[row, column])
            strength = min(1.0, max(0.0, (value - low) / ((high - low) or 1.0)))
            if strength > 0.004 or hint:
                words = hint.format(row=row, column=column, value=value) if hint else ""
                yield Area(left + column * cell_px, top + row * cell_px, cell_px, cell_px, ink, strength, words)


def outline(left: float, top: float, width: float, height: float, ink: Ink = Ink.EDGE) -> Iterator[Mark]:
    """The edges of a rectangle."""
    right, bottom = left + width, top + height
    for ends in ((left, top, right, top), (right, top, right, bottom), (left, bottom, right, bottom)):
        yield Line(*ends, ink=ink)
    yield Line(left, top, left, bottom, ink=ink)


def grid(left: float, top: float, width: float, height: float, *, rows: int, columns: int, ink: Ink) -> Iterator[Mark]:
    """The lines between ``rows`` × ``columns`` cells."""
    for row in range(rows + 1):
        y = top + height * row / rows
        yield Line(left, y, left + width, y, ink, 0.6, opacity=0.7)
    for column in range(columns + 1):
        x = left + width * column / columns
        yield Line(x, top, x, top + height, ink, 0.6, opacity=0.7)


def key(entries: Sequence[tuple[Ink, str]], *, left: float, top: float, letter_px: float = 6.6) -> Iterator[Mark]:
    """Which ink means what, in one line."""
    x = left
    for ink, words in entries:
        yield Area(x, top - 8, 14, 8, ink)
        yield Label(x + 19, top, words, size=12)
        x += 19 + len(words) * letter_px + 18


def colour_scale(left: float, top: float, *, low: str, high: str, ink: Ink = Ink.ONE) -> Iterator[Mark]:
    """What a heatmap's strengths mean."""
    steps, step_px = 10, 12
    yield Label(left, top + 9, low, "start", _SMALL, Ink.FAINT)
    start = left + len(low) * 6.2 + 8
    yield from outline(start, top, steps * step_px, 10)
    for step in range(steps):
        yield Area(start + step * step_px, top, step_px, 10, ink, (step + 0.5) / steps)
    yield Label(start + steps * step_px + 8, top + 9, high, "start", _SMALL, Ink.FAINT)


def ticks(low: float, high: float) -> list[float]:
    """Some round values from ``low`` to ``high``."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in _NICE_STEPS if nice * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def written(value: float) -> str:
    """A number as short as it may be."""
    return f"{value:.3g}" if abs(value) < 10_000 else spaced(round(value))


def spaced(number: int) -> str:
    """A large whole number with thin spaces between its thousands."""
    return f"{number:,}".replace(",", "\u202f")
