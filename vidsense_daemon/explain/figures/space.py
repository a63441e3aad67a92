"""Part 2: how alike the frames are, and their map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vidsense_daemon.explain.charts import colour_scale, heatmap, key, outline
from vidsense_daemon.explain.drawing import SERIES, Curve, Dot, Figure, Ink, Label, Line, Mark, Table, table
from vidsense_daemon.explain.embeddings import Embeddings
from vidsense_daemon.explain.encoding import evenly

_MATRIX_PX = 400.0
_MAP_PX = 400.0
_MAP_TOP = 34.0
_MAP_MARGIN_PX = 14.0
_MOST_CELLS = 60  # of the matrix: more are drawn thinned, the arrays have them all
_TABLE_FRAMES = 12


def matrix(part: Embeddings) -> Figure:
    """Every frame with every other."""
    places = evenly(len(part.times_s), _MOST_CELLS)
    shown = part.cosine[np.ix_(places, places)]
    times_s = part.times_s[places]
    cell_px = _MATRIX_PX / max(1, len(places))
    low = float(np.floor(shown.min() * 20) / 20)
    left, top = 64.0, 34.0
    marks = [
        *colour_scale(left, 6, low=f"cosine {low:.2f}", high="1.00"),
        *heatmap(
            shown, left=left, top=top, cell_px=cell_px, low=low, high=1.0, hint="frames {row} and {column}: {value:.3f}"
        ),
        *_times(times_s, left, top, cell_px),
        *_cuts(part.scene_cuts_s, times_s, left, top, cell_px),
    ]
    few = evenly(len(part.times_s), _TABLE_FRAMES)
    return Figure(
        name="2-cosines",
        title="How alike the frames are: cosine of every frame to every other",
        alt=(
            f"Matrix of cosines of {len(part.times_s)} frames, {part.times_s[0]:.2f} s to {part.times_s[-1]:.2f} s; "
            f"lowest {part.cosine.min():.2f}, mean {part.cosine.mean():.2f}."
        ),
        width=left + _MATRIX_PX + 20,
        height=top + _MATRIX_PX + 44,
        marks=tuple(marks),
        table=table(
            "Cosines of some frames",
            ("time (s)", *(f"{part.times_s[place]:.2f}" for place in few)),
            [(f"{part.times_s[row]:.2f}", *(f"{part.cosine[row, column]:.2f}" for column in few)) for row in few],
        ),
        note="Strong blocks along the diagonal: the scene stays the same. Lines are scene changes.",
    )


def _times(times_s: np.ndarray, left: float, top: float, cell_px: float) -> Iterator[Mark]:
    for place in evenly(len(times_s), 7):
        middle = (place + 0.5) * cell_px
        words = f"{times_s[place]:.1f}"
        yield Label(left + middle, top + len(times_s) * cell_px + 16, words, "middle", 11, Ink.FAINT)
        yield Label(left - 6, top + middle + 4, words, "end", 11, Ink.FAINT)
    bottom = top + len(times_s) * cell_px
    yield Label(left + len(times_s) * cell_px / 2, bottom + 34, "time in the clip (s)", "middle", 12, Ink.FAINT)
    yield Label(16, top + len(times_s) * cell_px / 2, "time in the clip (s)", "middle", 12, Ink.FAINT, turned=True)


def _cuts(cuts_s: tuple[float, ...], times_s: np.ndarray, left: float, top: float, cell_px: float) -> Iterator[Mark]:
    size_px = len(times_s) * cell_px
    for at_s in cuts_s:
        place = float(np.searchsorted(times_s, at_s)) * cell_px
        if 0 < place < size_px:
            yield Line(left + place, top, left + place, top + size_px, Ink.FIVE, 1.5)
            yield Line(left, top + place, left + size_px, top + place, Ink.FIVE, 1.5)


def frame_map(part: Embeddings) -> Figure:
    """The frames on the map, coloured by time on the left and by scene on the right."""
    scenes = int(part.scenes.max()) + 1
    right = 20.0 + _MAP_PX + 50
    return Figure(
        name="2-map",
        title="The frames on a map of two dimensions, coloured by time and by scene",
        alt=f"{len(part.points)} frames as dots on a map by {part.method}; {scenes} scenes. Near dots look alike.",
        width=right + _MAP_PX + 20,
        height=34 + _MAP_PX + 14,
        marks=(*_by_time(part, 20.0), *_by_scene(part, right, scenes)),
        note=f"{part.method}. Near dots are frames that the encoder finds alike; the axes have no unit.",
    )


def _by_time(part: Embeddings, left: float) -> Iterator[Mark]:
    begin_s, end_s = float(part.times_s[0]), float(part.times_s[-1])
    places = _places(part, left)
    yield from colour_scale(left, 6, low=f"{begin_s:.1f} s", high=f"{end_s:.1f} s", ink=Ink.TWO)
    yield from outline(left, _MAP_TOP, _MAP_PX, _MAP_PX)
    if len(places) > 1:
        yield Curve(tuple(places), Ink.EDGE, 1)
    for (x, y), at_s in zip(places, part.times_s.tolist(), strict=True):
        age = (at_s - begin_s) / ((end_s - begin_s) or 1.0)
        yield Dot(x, y, 5, Ink.TWO, 0.15 + 0.85 * age, hint=f"{at_s:.2f} s")
    yield from _ends(part, places)


def _by_scene(part: Embeddings, left: float, scenes: int) -> Iterator[Mark]:
    places = _places(part, left)
    named = [(SERIES[scene], f"scene {scene + 1}") for scene in range(min(scenes, len(SERIES)))]
    if scenes > len(SERIES):
        named = [(Ink.ONE, f"{scenes} scenes, their colours come again")]
    yield from key(named, left=left, top=18, letter_px=6.2)
    yield from outline(left, _MAP_TOP, _MAP_PX, _MAP_PX)
    for (x, y), at_s, scene in zip(places, part.times_s.tolist(), part.scenes.tolist(), strict=True):
        yield Dot(x, y, 5, SERIES[scene % len(SERIES)], 0.85, hint=f"{at_s:.2f} s, scene {scene + 1}")
    yield from _ends(part, places)


def _places(part: Embeddings, left: float) -> list[tuple[float, float]]:
    xs, ys = _scaled(part.points[:, 0]), _scaled(part.points[:, 1])
    room_px = _MAP_PX - 2 * _MAP_MARGIN_PX
    return [
        (left + _MAP_MARGIN_PX + x * room_px, _MAP_TOP + _MAP_MARGIN_PX + y * room_px)
        for x, y in zip(xs, ys, strict=True)
    ]


def _ends(part: Embeddings, places: list[tuple[float, float]]) -> Iterator[Mark]:
    """The first and the last dot, which are named."""
    for place in sorted({0, len(places) - 1}):
        x, y = places[place]
        near_edge = x > places[0][0] and x - min(at for at, _ in places) > _MAP_PX * 0.8
        words = f"{part.times_s[place]:.1f} s"
        yield Label(x - 7 if near_edge else x + 7, y + 4, words, "end" if near_edge else "start", 11, bold=True)


def _scaled(values: np.ndarray) -> list[float]:
    low, high = float(values.min()), float(values.max())
    return [0.5 if high == low else (float(value) - low) / (high - low) for value in values]


def cuts_table(part: Embeddings) -> Table:
    """When another scene began, and how far the frame then was from the one before."""
    rows = []
    for at_s in part.scene_cuts_s:
        place = int(np.searchsorted(part.times_s, at_s - 1e-6))
        cosine = f"{part.cosine[place - 1, place]:.2f}" if 0 < place < len(part.times_s) else "–"
        rows.append((f"{at_s:.2f}", cosine))
    return table(
        "Scene changes",
        ("time (s)", "cosine to the frame before"),
        rows,
    )
