"""Part 1: the gate's curve, the frames in their patches, the token budgets."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

import numpy as np

from vidsense_daemon.explain.charts import Plot, curve, grid, key, spaced, x_axis, y_axis
from vidsense_daemon.explain.drawing import Area, Dot, Figure, Ink, Label, Line, Mark, Photo, Table, table
from vidsense_daemon.explain.figures.pictures import jpeg
from vidsense_daemon.explain.tokens import VIT_PATCH_PX, Tokenization, scene_cuts

_WIDTH = 920.0
_FRAME_PX = 168.0
_GAP_PX = 14.0
_COLUMNS = 5
_LETTERS_A_LINE = 30
_LEAST_PERCENT = 0.01  # of the curve's scale of powers of ten: less is a still picture


def gate_curve(part: Tokenization) -> Figure:
    """How much changed over time, where the gate's threshold lies, which frames were kept and which are shown."""
    seconds = [look.at_s for look in part.looks]
    percent = [100 * look.changed_ratio for look in part.looks]
    plot = Plot(70, 40, _WIDTH - 90, 200, (0.0, max(seconds, default=1.0) or 1.0), (-2.0, 2.0))
    threshold = 100 * part.changed_ratio_threshold
    marks = [
        *x_axis(plot, "time in the clip (s)"),
        # by powers of ten: a walker far away changes a thousandth of the picture
        *y_axis(plot, "pixels changed (%)", at=[(power, f"{10.0**power:g}") for power in range(-2, 3)]),
        *_scene_marks(plot, scene_cuts(part.looks)),
        Line(plot.left, plot.y(_log(threshold)), plot.right, plot.y(_log(threshold)), Ink.TWO, 1.5, dashed=True),
        *curve(plot, seconds, [_log(value) for value in percent], ink=Ink.ONE),
        *_kept_marks(plot, part),
        *key(
            [
                (Ink.ONE, "pixels changed"),
                (Ink.TWO, f"motion threshold, {threshold:.3g} %"),
                (Ink.THREE, "kept"),
                (Ink.FOUR, "shown below"),
                (Ink.FIVE, "another scene"),
            ],
            left=70,
            top=20,
        ),
    ]
    kept = sum(look.kept for look in part.looks)
    moving = sum(look.moving for look in part.looks)
    return Figure(
        name="1-gate",
        title="The gate over time: how much of the picture changed between two looks",
        alt=(
            f"Curve of the share of changed pixels over {plot.x_range[1]:.1f} s: {len(part.looks)} looks, "
            f"{moving} above the motion threshold of {threshold:.3g} %, {kept} frames kept."
        ),
        width=_WIDTH,
        height=285,
        marks=tuple(marks),
        table=_looks_table(part),
        note=(
            f"A pixel of the small 320×180 picture has changed when it differs by more than {part.threshold_levels} of "
            "255 levels from the look before. While something moves, and 3 s longer, every look is kept; while nothing "
            "does, about one a second. A frame in which the whole picture changes is another scene, and no motion."
        ),
    )


def _log(percent: float) -> float:
    return float(np.log10(max(percent, _LEAST_PERCENT)))


def _scene_marks(plot: Plot, cuts_s: list[float]) -> Iterator[Mark]:
    for at_s in cuts_s:
        yield Line(plot.x(at_s), plot.top, plot.x(at_s), plot.bottom, Ink.FIVE, 2, opacity=0.55)


def _kept_marks(plot: Plot, part: Tokenization) -> Iterator[Mark]:
    for at_s in part.kept_s:
        yield Line(plot.x(at_s), plot.bottom - 7, plot.x(at_s), plot.bottom, Ink.THREE, 1.5)
    for number, at_s in enumerate(part.shown_s, start=1):
        yield Dot(plot.x(at_s), plot.top + 9, 8, Ink.FOUR, hint=f"frame {number}: {at_s:.2f} s")
        yield Label(plot.x(at_s), plot.top + 13, str(number), "middle", 11, Ink.PANEL, bold=True)


def _looks_table(part: Tokenization) -> Table:
    rows = [
        (
            f"{look.at_s:.2f}",
            f"{100 * look.changed_ratio:.4f}",
            "moves" if look.moving else "another scene" if look.scene_changed else "calm",
            "kept" if look.kept else "dropped",
        )
        for look in part.looks
    ]
    return table("Every look of the gate", ("time (s)", "pixels changed (%)", "the gate says", "and the sampler"), rows)


def patches(part: Tokenization) -> Figure:
    """The frames shown, each in its patches."""
    count = len(part.shown)
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    row_px = _FRAME_PX + 56
    cells, patch_px, per_frame = _drawn(part)
    marks: list[Mark] = []
    for place, picture in enumerate(part.pictures):
        row, column = divmod(place, columns)
        left, top = column * (_FRAME_PX + _GAP_PX) + 2, row * row_px + 22
        marks += [
            Label(left, top - 8, f"{place + 1}/{count}  {part.shown_s[place]:.2f} s", size=12, bold=True),
            Photo(left, top, _FRAME_PX, _FRAME_PX, jpeg(picture)),
            *grid(left, top, _FRAME_PX, _FRAME_PX, rows=cells, columns=cells, ink=Ink.PANEL),
            *(
                Label(left, top + _FRAME_PX + 14 + 13 * line, words, size=10.5, ink=Ink.FAINT)
                for line, words in enumerate(wrap(part.shown_why[place], _LETTERS_A_LINE)[:2])
            ),
        ]
    return Figure(
        name="1-patches",
        title=f"{count} frames in patches of {patch_px} px: {count} × {per_frame} = {count * per_frame} tokens",
        alt=f"{count} frames of the clip at {', '.join(f'{at:.2f} s' for at in part.shown_s)}, each under a grid.",
        width=columns * (_FRAME_PX + _GAP_PX) + 4,
        height=rows * row_px + 6,
        marks=tuple(marks),
        table=table(
            "Frames and tokens",
            ("frame", "time (s)", "why this one", f"patches of {patch_px} px", "cells of this encoder"),
            [
                (place + 1, f"{part.shown_s[place]:.2f}", part.shown_why[place], per_frame, part.grid.tokens_per_frame)
                for place in range(count)
            ],
        ),
        note=_grid_note(part),
    )


def _drawn(part: Tokenization) -> tuple[int, int, int]:
    """The grid that is drawn: cells a side, px a cell, cells a frame. The encoder's own if it has tokens."""
    if part.grid.has_tokens:
        side = part.grid.cells_per_side
        return side, part.grid.picture_px // side, part.grid.tokens_per_frame
    return part.grid.picture_px // VIT_PATCH_PX, VIT_PATCH_PX, part.vit_tokens_per_frame


def _grid_note(part: Tokenization) -> str:
    side, picture_px, drawn = part.grid.cells_per_side, part.grid.picture_px, _drawn(part)[0]
    seen = f"Each frame is squashed to {picture_px}×{picture_px} px before the encoder looks at it, as shown."
    if part.grid.has_tokens:
        return f"{seen} The encoder in use is {part.grid.encoder}: the grid is its own, {side}×{side}."
    return (
        f"{seen} The grid is what a vision transformer such as CLIP ViT-B/16 would make of it, {drawn}×{drawn}. The "
        f"encoder in use is {part.grid.encoder}; it has {side}×{side} = {part.grid.tokens_per_frame} of them."
    )


def budgets(part: Tokenization) -> Figure:
    """What each way of sampling costs."""
    most = max(each.vit_tokens for each in part.budgets) or 1
    left, width, row_px = 230.0, _WIDTH - 440, 34.0
    marks: list[Mark] = []
    for place, each in enumerate(part.budgets):
        top = 8 + place * row_px
        length = max(1.0, width * each.vit_tokens / most)
        marks += [
            Label(left - 10, top + 16, each.sampling, "end", 12),
            Area(left, top + 2, length, 20, Ink.THREE if "adaptive" in each.sampling else Ink.ONE, 0.85),
            Label(left + length + 6, top + 16, f"{spaced(each.vit_tokens)} tokens, {each.frames} frames"),
        ]
    return Figure(
        name="1-budgets",
        title="What each way of sampling would cost on this clip",
        alt="; ".join(f"{each.sampling}: {each.vit_tokens} tokens in {each.frames} frames" for each in part.budgets),
        width=_WIDTH,
        height=16 + len(part.budgets) * row_px,
        marks=tuple(marks),
    )


def budget_table(part: Tokenization) -> Table:
    """The same in numbers, with what each way would have missed."""
    unit = "tokens" if part.grid.has_tokens else "cells"
    return table(
        "Token budgets, measured on this clip",
        (
            "sampling",
            "frames",
            f"tokens (patches of {VIT_PATCH_PX} px)",
            f"{unit} of this encoder",
            "encoding, one picture a frame (s)",
            "moments of motion seen (%)",
        ),
        [
            (
                each.sampling,
                each.frames,
                spaced(each.vit_tokens),
                spaced(each.tokens),
                f"{each.encode_s:.2f}",
                "–" if np.isnan(each.motion_seen_ratio) else f"{100 * each.motion_seen_ratio:.0f}",
            )
            for each in part.budgets
        ],
    )
