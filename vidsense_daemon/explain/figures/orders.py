"""Part 4: the same frames in other orders, and the queries' scores over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.explain.charts import Plot, curve, key, x_axis, y_axis
from vidsense_daemon.explain.drawing import SERIES, Figure, Ink, Line, Mark, Table, table
from vidsense_daemon.explain.encoding import Floats
from vidsense_daemon.explain.orders import Orders

_WIDTH = 920.0


def steps(part: Orders) -> Figure:
    """How far each frame is from the one before, in each order."""
    most = max(float(each.steps.max(initial=0)) for each in part.orders) or 1.0
    count = max(len(each.steps) for each in part.orders)
    plot = Plot(70, 36, _WIDTH - 90, 170, (1.0, float(max(2, count))), (0.0, most * 1.05))
    marks: list[Mark] = [*x_axis(plot, "frame, in the order played"), *y_axis(plot, "|difference|")]
    for ink, each in zip(SERIES, part.orders, strict=False):
        marks += curve(plot, list(range(1, len(each.steps) + 1)), each.steps.tolist(), ink=ink)
    names = [f"{each.name}, mean {each.difference:.3f}" for each in part.orders]
    marks += key(list(zip(SERIES, names, strict=False)), left=70, top=18)
    return Figure(
        name="4-orders",
        title="The same clip reversed and shuffled: distance of each frame's embedding to the one before",
        alt="; ".join(f"{each.name}: mean |difference| {each.difference:.3f}" for each in part.orders),
        width=_WIDTH,
        height=262,
        marks=tuple(marks),
        note=(
            "A clip played backwards has the same steps in another order, so their mean cannot tell it from the clip; "
            "shuffling makes every step a leap. A window sees the crop while something moves and the whole picture "
            "while nothing does: changing over is a step, too. Steps have no unit: embeddings have length 1."
        ),
    )


def changes_table(part: Orders) -> Table:
    """What each order changes in the features and in the scores."""

    def marked(value: float) -> str:
        return "–" if np.isnan(value) else f"{value:.2f}"

    return table(
        f"What changes against the clip as filmed ({part.temporal})",
        (
            "order",
            "a window's embedding, its frames in this order: cosine",
            "each frame's in its light: cosine",
            "what the blocks add to a window: distance",
            "|difference|, mean",
            *(f"best score of “{query}”" for query in part.queries),
        ),
        [
            (
                each.name,
                f"{each.pooled_cosine:.4f}",
                f"{each.frame_cosine:.4f}",
                f"{each.added_distance:.4f}",
                f"{each.difference:.4f}",
                *(marked(float(value)) for value in each.best_scores),
            )
            for each in part.orders
        ],
    )


def scores(times_s: NDArray[np.float64], values: Floats, queries: Sequence[str], threshold: float) -> Figure:
    """Each query's score over time."""
    known = values[~np.isnan(values)]
    low = min(0.0, float(known.min(initial=0.0)))
    high = max(threshold * 1.2, float(known.max(initial=0.0)))
    plot = Plot(70, 36, _WIDTH - 90, 200, (0.0, float(times_s[-1]) or 1.0), (low, high))
    marks: list[Mark] = [*x_axis(plot, "time in the clip (s)"), *y_axis(plot, "score s (spreads)")]
    marks.append(Line(plot.left, plot.y(threshold), plot.right, plot.y(threshold), Ink.FAINT, 1.5, dashed=True))
    for ink, row in zip(SERIES, values, strict=False):
        there = ~np.isnan(row)
        marks += curve(plot, times_s[there].tolist(), row[there].tolist(), ink=ink)
    entries = [(ink, f"“{query[:40]}”") for ink, query in zip(SERIES, queries, strict=False)]
    marks += key([*entries, (Ink.FAINT, f"default threshold {threshold:g}")], left=70, top=18)
    return Figure(
        name="4-scores",
        title="What the queries score as the clip goes on",
        alt="; ".join(f"“{query}”: best {_best(row)}" for query, row in zip(queries, values, strict=True)),
        width=_WIDTH,
        height=292,
        marks=tuple(marks),
        table=table(
            "Scores",
            ("time (s)", *queries),
            [
                (f"{at:.2f}", *("–" if np.isnan(value) else f"{value:.2f}" for value in values[:, place]))
                for place, at in enumerate(times_s)
            ],
        ),
        note=(
            "How much more of the query there is to see than in the background, in spreads of the encoder's space "
            "(docs/perception.md). A trigger also asks that it beats its rivals, and k of n looks."
        ),
    )


def _best(row: Floats) -> str:
    return "–" if np.isnan(row).all() else f"{np.nanmax(row):.2f}"
