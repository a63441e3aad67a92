"""Part 5: where the time goes from the clip to words."""

from __future__ import annotations

from textwrap import shorten

from vidsense_daemon.explain.charts import Plot, x_axis
from vidsense_daemon.explain.drawing import Area, Figure, Ink, Label, Mark, table
from vidsense_daemon.explain.words import Step

_INKS = {"extract": Ink.ONE, "encode": Ink.TWO, "temporal": Ink.THREE, "generate": Ink.FOUR}
_WIDTH = 920.0
_ROW_PX = 26.0
_LETTERS = 40


def waterfall(steps: tuple[Step, ...]) -> Figure:
    """The steps one below the other, each begins where the one before ends."""
    total_s = sum(step.seconds for step in steps) or 1e-3
    plot = Plot(260, 12, _WIDTH - 420, _ROW_PX * len(steps), (0.0, total_s), (0.0, 1.0))
    marks: list[Mark] = [*x_axis(plot, "time from the start, measured in this run (s)")]
    begun_s = 0.0
    for place, step in enumerate(steps):
        top = plot.top + place * _ROW_PX
        left, right = plot.x(begun_s), plot.x(begun_s + step.seconds)
        counted = f", {step.tokens} tokens" if step.tokens is not None else ""
        marks += [
            Label(
                plot.left - 10, top + 17, shorten(f"{step.name}: {step.what}", _LETTERS, placeholder=" …"), "end", 12
            ),
            Area(left, top + 4, max(1.5, right - left), _ROW_PX - 8, _INKS.get(step.name, Ink.FIVE), 0.9),
            Label(right + 6, top + 17, f"{_spoken(step.seconds)}{counted}", size=11),
        ]
        begun_s += step.seconds
    return Figure(
        name="5-waterfall",
        title=f"From the clip to words in {_spoken(total_s)}",
        alt="; ".join(f"{step.name}, {step.what}: {_spoken(step.seconds)}" for step in steps),
        width=_WIDTH,
        height=plot.bottom + 46,
        marks=tuple(marks),
        table=table(
            "Steps, as measured in this run",
            ("step", "what", "seconds", "tokens"),
            [
                (step.name, step.what, f"{step.seconds:.4g}", "–" if step.tokens is None else step.tokens)
                for step in steps
            ],
        ),
    )


def _spoken(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
