"""Part 3, inside a frame: where the encoder looks, and where it finds a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.explain.drawing import Figure, Label, Mark, Photo, table
from vidsense_daemon.explain.encoding import Floats
from vidsense_daemon.explain.figures.pictures import heated, jpeg
from vidsense_daemon.explain.lenses import PatchMaps
from vidsense_daemon.explain.tokens import Grid

_FRAME_PX = 150.0
_GAP_PX = 10.0
_LEFT_PX = 130.0
_LETTERS_A_LINE = 20


def patch_maps(
    maps: PatchMaps, pictures: Sequence[Picture], times_s: NDArray[np.float64], queries: Sequence[str], grid: Grid
) -> Figure:
    """One row a map, one column a frame."""
    rows: list[tuple[str, Floats]] = []
    if maps.last_layer is not None:
        rows.append(("last layer", maps.last_layer))
    if maps.rollout is not None:
        rows.append(("rollout, all layers", maps.rollout))
    rows += [(f"“{query}”", found) for query, found in zip(queries, maps.relevance, strict=True)]
    marks: list[Mark] = []
    for column, picture in enumerate(pictures):
        left = _LEFT_PX + column * (_FRAME_PX + _GAP_PX)
        marks.append(Label(left, 14, f"{times_s[column]:.2f} s", size=12, bold=True))
        marks.append(Photo(left, 22, _FRAME_PX, _FRAME_PX, jpeg(picture)))
        for row, (_words, found) in enumerate(rows, start=1):
            top = 22 + row * (_FRAME_PX + _GAP_PX)
            marks.append(
                Photo(
                    left,
                    top,
                    _FRAME_PX,
                    _FRAME_PX,
                    heated(picture, found[column], low=float(found.min()), high=float(found.max())),
                )
            )
    for row, words in enumerate(["the frame", *(words for words, _ in rows)]):
        top = 22 + row * (_FRAME_PX + _GAP_PX) + 16
        marks += [Label(0, top + 15 * place, line, size=12) for place, line in enumerate(_lines(words))]
    return Figure(
        name="3-patches",
        title="Where the encoder looks, and where it finds the text",
        alt=f"{len(pictures)} frames in columns; below each, {', '.join(words for words, _ in rows)} as heat on it.",
        width=_LEFT_PX + len(pictures) * (_FRAME_PX + _GAP_PX),
        height=22 + (len(rows) + 1) * (_FRAME_PX + _GAP_PX),
        marks=tuple(marks),
        table=table(
            "Strongest cell of each map (row, column from the upper left corner) and its value",
            ("map", *(f"{at:.2f} s" for at in times_s)),
            [(words, *(_strongest(found[column]) for column in range(len(pictures)))) for words, found in rows],
        ),
        note=(
            f"{grid.cells_per_side}×{grid.cells_per_side} cells a frame. For a text: {maps.method}. Each row runs from "
            "its lowest cell (grey) to its highest (orange), over all its frames."
        ),
    )


def _strongest(cells: Floats) -> str:
    row, column = np.unravel_index(int(cells.argmax()), cells.shape)
    return f"{row + 1}, {column + 1}: {cells.max():.3g}"


def _lines(words: str) -> list[str]:
    """Broken between words; at most five lines."""
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + len(word) >= _LETTERS_A_LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()[: _LETTERS_A_LINE + 4]
    return lines[:5]
