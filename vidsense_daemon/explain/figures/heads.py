"""Part 3, over time: what each frame of a window looks at, layer by layer and head by head."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.explain.attention import Attention
from vidsense_daemon.explain.charts import colour_scale, heatmap
from vidsense_daemon.explain.drawing import Anchor, Area, Figure, Ink, Label, Mark, table
from vidsense_daemon.explain.encoding import Floats

_MAP_PX = 96.0
_GAP_PX = 16.0
_LEFT_PX = 56.0


def heads(maps: Floats, times_s: NDArray[np.float64], *, name: str, what: str) -> Figure:
    """One small heatmap a layer and head of (L, H, T, T); ``what`` says which transformer, in which state."""
    layers, count, frames, _ = maps.shape
    cell_px = _MAP_PX / frames
    row_px = _MAP_PX + 46
    marks: list[Mark] = [*colour_scale(_LEFT_PX, 6, low="attention 0", high="1")]
    for layer in range(layers):
        top = 46 + layer * row_px
        for head in range(count):
            left = _LEFT_PX + head * (_MAP_PX + _GAP_PX)
            marks.append(Label(left, top - 6, f"layer {layer + 1}, head {head + 1}", size=11))
            hint = "the frame {row} looks at the frame {column}: {value:.2f}"
            values = maps[layer, head]
            marks += heatmap(values, left=left, top=top, cell_px=cell_px, low=0, high=1, hint=hint)
            marks += _times(times_s, left, top, cell_px, with_rows=head == 0)
    return Figure(
        name=f"3-attention-{name}",
        title=f"Attention of {what}: rows look, columns are looked at",
        alt=(
            f"{layers} layers of {count} heads over {frames} frames, {what}; the newest frame gives "
            f"{maps[-1, :, -1, -1].mean():.2f} of its attention to itself in the last layer, {1 / frames:.2f} would be "
            "even."
        ),
        width=_LEFT_PX + count * (_MAP_PX + _GAP_PX),
        height=46 + layers * row_px - 14,
        marks=tuple(marks),
        table=table(
            "Attention of the last layer, mean over its heads",
            ("frame that looks (s)", *(f"{at:.2f}" for at in times_s)),
            [
                (f"{times_s[row]:.2f}", *(f"{value:.2f}" for value in maps[-1].mean(axis=0)[row]))
                for row in range(frames)
            ],
        ),
        note=(
            "Rows: the frame that looks (query). Columns: the frame it looks at. Times in seconds of the clip. The "
            "upper triangle is empty because live attention is causal: a frame sees itself and what came before."
        ),
    )


def _times(times_s: NDArray[np.float64], left: float, top: float, cell_px: float, *, with_rows: bool) -> Iterator[Mark]:
    last = len(times_s) - 1
    for place in sorted({0, last}):
        words = f"{times_s[place]:.1f}"
        middle = (place + 0.5) * cell_px
        anchor: Anchor = "start" if place == 0 else "end"
        at_x = left if place == 0 else left + (last + 1) * cell_px
        yield Label(at_x, top + _MAP_PX + 14, f"{words} s", anchor, 10, Ink.FAINT)
        if with_rows:
            yield Label(left - 5, top + middle + 4, words, "end", 10, Ink.FAINT)


def weights(part: Attention) -> Figure:
    """How much each frame counts in the window."""
    left, width, height = 60.0, 560.0, 120.0
    step = width / len(part.weights)
    most = float(part.weights.max())
    marks: list[Mark] = []
    for place, value in enumerate(part.weights):
        length = height * float(value) / most
        x = left + place * step
        marks += [
            Area(x + 4, 20 + height - length, step - 8, length, Ink.ONE, 0.85),
            Label(x + step / 2, 15 + height - length, f"{100 * value:.1f} %", "middle", 11),
            Label(x + step / 2, height + 36, f"{part.times_s[place]:.2f} s", "middle", 11, Ink.FAINT),
        ]
    trained = part.gate != 0
    return Figure(
        name="3-weights",
        title="How much each frame counts in the window's embedding",
        alt=", ".join(f"{at:.2f} s: {100 * value:.0f} %" for at, value in zip(part.times_s, part.weights, strict=True)),
        width=left + width + 20,
        height=height + 48,
        marks=tuple(marks),
        note=(
            f"Attention rollout through the layers (Abnar & Zuidema 2020), g = {part.gate:.3f}."
            if trained
            else "The gate is closed (g = 0): the window is the plain mean of its frames, whatever the heads look at."
        ),
    )


def entropy_ratio(maps: Floats) -> float:
    """How evenly the rows look, 0 (at one frame) to 1 (at all alike); the first row has no choice and is left out."""
    frames = maps.shape[-1]
    if frames < 2:
        return float("nan")
    rows = maps[..., 1:, :]
    entropy = -(rows * np.log(np.maximum(rows, 1e-12))).sum(axis=-1)  # (L, H, T-1)
    return float((entropy / np.log(np.arange(2, frames + 1))).mean())
