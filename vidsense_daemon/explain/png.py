"""A figure as a PNG file, through Pillow, on white: for slides and for paper.

Drawn at twice the size, so that it is sharp in print; Pillow brings its own font, so it looks alike on every machine.
"""

from __future__ import annotations

import io
from functools import singledispatch
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from vidsense_daemon.explain.drawing import Area, Curve, Dot, Figure, Ink, Label, Line, Mark, Photo

_SCALE = 2
_COLOURS = {
    Ink.TEXT: (23, 32, 42),
    Ink.FAINT: (90, 102, 115),
    Ink.EDGE: (205, 212, 219),
    Ink.PANEL: (255, 255, 255),
    Ink.ONE: (0, 96, 160),
    Ink.TWO: (190, 80, 0),
    Ink.THREE: (0, 125, 90),
    Ink.FOUR: (160, 70, 130),
    Ink.FIVE: (150, 110, 0),
    Ink.SIX: (60, 130, 180),
}
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}  # Pillow's: left, middle or right of the baseline


class _Canvas:
    """The pixels under way."""

    def __init__(self, figure: Figure) -> None:
        size = (round(figure.width * _SCALE), round(figure.height * _SCALE))
        self.pixels = Image.new("RGB", size, _COLOURS[Ink.PANEL])
        self.pen = ImageDraw.Draw(self.pixels, "RGBA")


def write_png(figure: Figure, path: Path) -> None:
    """Write the figure to ``path``; an `OSError` when that cannot be."""
    canvas = _Canvas(figure)
    for mark in figure.marks:
        _draw(mark, canvas)
    canvas.pixels.save(path)


@singledispatch
def _draw(mark: Mark, _canvas: _Canvas) -> None:
    raise TypeError(f"{type(mark).__name__} is no mark")


@_draw.register
def _line(mark: Line, canvas: _Canvas) -> None:
    ends = _scaled(mark.x1, mark.y1, mark.x2, mark.y2)
    if mark.dashed:
        _dashes(ends, mark, canvas)
        return
    canvas.pen.line(ends, fill=_colour(mark.ink, mark.opacity), width=_width(mark.width))


@_draw.register
def _curve(mark: Curve, canvas: _Canvas) -> None:
    points = [(x * _SCALE, y * _SCALE) for x, y in mark.points]
    canvas.pen.line(points, fill=_colour(mark.ink), width=_width(mark.width), joint="curve")


@_draw.register
def _area(mark: Area, canvas: _Canvas) -> None:
    left, top, right, bottom = _scaled(mark.x, mark.y, mark.x + mark.width, mark.y + mark.height)
    # the last pixel belongs to the rectangle: one less, or neighbours would overlap
    box = (left, top, max(left, right - 1), max(top, bottom - 1))
    canvas.pen.rectangle(box, fill=_colour(mark.ink, mark.opacity))


@_draw.register
def _dot(mark: Dot, canvas: _Canvas) -> None:
    x, y, radius = _scaled(mark.x, mark.y, mark.radius)
    canvas.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(mark.ink, mark.opacity))


@_draw.register
def _label(mark: Label, canvas: _Canvas) -> None:
    x, y, size = _scaled(mark.x, mark.y, mark.size)
    font = ImageFont.load_default(size)
    if not mark.turned:
        canvas.pen.text((x, y), mark.text, font=font, fill=_colour(mark.ink), anchor=_ANCHORS[mark.anchor])
        return
    length = round(font.getlength(mark.text)) + 2
    strip = Image.new("L", (length, round(size * 1.5)), 0)
    ImageDraw.Draw(strip).text((0, size), mark.text, font=font, fill=255, anchor="ls")
    strip = strip.rotate(90, expand=True)
    before = {"start": strip.height, "middle": strip.height / 2, "end": 0}[mark.anchor]
    canvas.pixels.paste(_colour(mark.ink)[:3], (round(x - size), round(y - before)), strip)


@_draw.register
def _photo(mark: Photo, canvas: _Canvas) -> None:
    left, top, right, bottom = (
        round(value) for value in _scaled(mark.x, mark.y, mark.x + mark.width, mark.y + mark.height)
    )
    with Image.open(io.BytesIO(mark.jpeg)) as picture:
        canvas.pixels.paste(picture.convert("RGB").resize((right - left, bottom - top)), (left, top))


def _dashes(ends: tuple[float, ...], mark: Line, canvas: _Canvas) -> None:
    x1, y1, x2, y2 = ends
    length = max(1.0, ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5)
    dash, step = 5 * _SCALE / length, 9 * _SCALE / length
    for number in range(int(1 / step) + 1):
        begin, end = number * step, min(1.0, number * step + dash)
        piece = (x1 + (x2 - x1) * begin, y1 + (y2 - y1) * begin, x1 + (x2 - x1) * end, y1 + (y2 - y1) * end)
        canvas.pen.line(piece, fill=_colour(mark.ink, mark.opacity), width=_width(mark.width))


def _scaled(*values: float) -> tuple[float, ...]:
    return tuple(value * _SCALE for value in values)


def _width(width: float) -> int:
    return max(1, round(width * _SCALE))


def _colour(ink: Ink, opacity: float = 1.0) -> tuple[int, int, int, int]:
    return (*_COLOURS[ink], round(255 * opacity))
