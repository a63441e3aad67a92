"""A table in which every number stands beside its baselines, and what loses is printed as losing. Pure.

A row's verdict is a paired bootstrap: its main figure less the best baseline's, over the same draws. Only an interval
that excludes 0 wins or loses; the rest is a tie, whatever the point estimate says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.learning.measures import Figure, bootstrapped

Value = Callable[[NDArray[np.intp]], float]  # row numbers, which may repeat → the main measure


@dataclass(frozen=True, slots=True)
class Row:
    """One method."""

    method: str
    is_baseline: bool
    figures: Mapping[str, Figure | float]  # by column; the first is the main one
    verdict: str = ""  # against the best baseline
    difference: Figure | None = None  # from the best baseline; of the best baseline itself none


@dataclass(frozen=True, slots=True)
class Table:
    """What was measured on one set."""

    title: str
    main: str  # the main measure, for people
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    summary: str = ""  # what the transformer adds, in a sentence

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for row in self.rows for column in row.figures))

    def cells(self) -> list[tuple[str, ...]]:
        """Every row as text, in the order of the headings `method, columns…, against the best baseline`."""
        return [
            (
                row.method + (" (baseline)" if row.is_baseline else ""),
                *(_shown(row.figures.get(column)) for column in self.columns),
                row.verdict,
            )
            for row in self.rows
        ]

    def markdown(self) -> str:
        """For the docs."""
        headings = ("method", *self.columns, "against the best baseline")
        lines = [f"### {self.title}", "", f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
        lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in self.cells()]
        lines += ["", *([self.summary, ""] if self.summary else []), *(f"- {note}" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"

    def as_json(self) -> dict[str, Any]:
        """For programs; what can't be told is null."""
        return {
            "title": self.title,
            "measure": self.main,
            "rows": [
                {
                    "method": row.method,
                    "baseline": row.is_baseline,
                    **{column: _plain(figure) for column, figure in row.figures.items()},
                    "difference": _plain(row.difference),
                    "verdict": row.verdict,
                }
                for row in self.rows
            ],
            "summary": self.summary,
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class TableMaker:
    """Gathers methods, then compares each with the best baseline."""

    title: str
    main: str
    groups: NDArray[np.intp]  # of each example: what is drawn as a whole
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    _values: dict[str, tuple[Value, bool, Mapping[str, Figure | float]]] = field(default_factory=dict)

    def add(
        self, method: str, value: Value, *, is_baseline: bool, more: Mapping[str, Figure | float] | None = None
    ) -> None:
        """A method by its main measure; ``more`` are further columns."""
        self._values[method] = (value, is_baseline, more or {})

    def table(self) -> Table:
        """Everything, with verdicts. At least one method must be a baseline."""
        mains = {name: bootstrapped(value, self.groups, seed=self.seed) for name, (value, _, _) in self._values.items()}
        best = self._best(mains, baseline=True)
        rows = [self._row(name, mains[name], best) for name in self._values]
        contender = self._best(mains, baseline=False)
        summary = ""
        if best and contender:
            difference = self._difference(contender, best)
            summary = (
                f"The transformer's own contribution: {contender} less the best baseline ({best}) is "
                f"{difference.as_difference()} points of {self.main}: it {_verdict(difference)}."
            )
        return Table(self.title, self.main, tuple(rows), tuple(self.notes), summary)

    def _row(self, name: str, main: Figure, best: str | None) -> Row:
        _, is_baseline, more = self._values[name]
        figures = {self.main: main, **more}
        if best is None or name == best:
            return Row(name, is_baseline, figures, "the best baseline" if best else "")
        difference = self._difference(name, best)
        return Row(name, is_baseline, figures, f"{_verdict(difference)}: {difference.as_difference()}", difference)

    def _difference(self, one: str, other: str) -> Figure:
        first, second = self._values[one][0], self._values[other][0]
        return bootstrapped(lambda rows: first(rows) - second(rows), self.groups, seed=self.seed)

    def _best(self, mains: Mapping[str, Figure], *, baseline: bool) -> str | None:
        names = [name for name, (_, is_baseline, _) in self._values.items() if is_baseline is baseline]
        told = [name for name in names if not math.isnan(mains[name].value)]
        return max(told, key=lambda name: mains[name].value, default=None)


def fold_numbers(names: Sequence[str]) -> NDArray[np.intp]:
    """Groups by name as groups by number."""
    return np.unique(np.array(names), return_inverse=True)[1]


def _verdict(difference: Figure) -> str:
    if math.isnan(difference.low):
        return "can't be told"
    return "wins" if difference.low > 0 else "loses" if difference.high < 0 else "ties"


def _shown(figure: Figure | float | None) -> str:
    if figure is None or (isinstance(figure, float) and math.isnan(figure)):
        return "–"
    return str(figure) if isinstance(figure, Figure) else f"{100 * figure:.1f}"


def _plain(figure: Figure | float | None) -> Any:
    if isinstance(figure, Figure):
        return {"value": _plain(figure.value), "low": _plain(figure.low), "high": _plain(figure.high)}
    return None if figure is None or math.isnan(figure) else round(figure, 4)
