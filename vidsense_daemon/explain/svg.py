"""A figure as SVG inside the page. Colours are classes: the page's style gives each ink its colour."""

from __future__ import annotations

import base64
from functools import singledispatch
from html import escape

from vidsense_daemon.explain.drawing import Area, Curve, Dot, Figure, Label, Line, Mark, Photo


def svg(figure: Figure) -> str:
    """The whole drawing, with its words for screen readers."""
    name = f"{figure.name}-alt"
    marks = "".join(_drawn(mark) for mark in figure.marks)
    return (
        f'<svg viewBox="0 0 {_number(figure.width)} {_number(figure.height)}" role="img" aria-labelledby="{name}" '
        f'style="max-width:{_number(figure.width)}px"><title id="{name}">{escape(figure.alt)}</title>{marks}</svg>'
    )


@singledispatch
def _drawn(mark: Mark) -> str:
    raise TypeError(f"{type(mark).__name__} is no mark")


@_drawn.register
def _line(mark: Line) -> str:
    dashes = ' stroke-dasharray="5 4"' if mark.dashed else ""
    return (
        f'<line x1="{_number(mark.x1)}" y1="{_number(mark.y1)}" x2="{_number(mark.x2)}" y2="{_number(mark.y2)}" '
        f'class="s-{mark.ink}" stroke-width="{_number(mark.width)}"{dashes}{_opacity(mark.opacity)}/>'
    )


@_drawn.register
def _curve(mark: Curve) -> str:
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in mark.points)
    return f'<polyline points="{points}" class="s-{mark.ink}" fill="none" stroke-width="{_number(mark.width)}"/>'


@_drawn.register
def _area(mark: Area) -> str:
    return (
        f'<rect x="{_number(mark.x)}" y="{_number(mark.y)}" width="{_number(mark.width)}" '
        f'height="{_number(mark.height)}" class="f-{mark.ink}"{_opacity(mark.opacity)}>{_hint(mark.hint)}</rect>'
    )


@_drawn.register
def _dot(mark: Dot) -> str:
    return (
        f'<circle cx="{_number(mark.x)}" cy="{_number(mark.y)}" r="{_number(mark.radius)}" '
        f'class="f-{mark.ink}"{_opacity(mark.opacity)}>{_hint(mark.hint)}</circle>'
    )


@_drawn.register
def _label(mark: Label) -> str:
    turn = f' transform="rotate(-90 {_number(mark.x)} {_number(mark.y)})"' if mark.turned else ""
    weight = ' font-weight="600"' if mark.bold else ""
    return (
        f'<text x="{_number(mark.x)}" y="{_number(mark.y)}" text-anchor="{mark.anchor}" '
        f'font-size="{_number(mark.size)}" class="f-{mark.ink}"{weight}{turn}>{escape(mark.text)}</text>'
    )


@_drawn.register
def _photo(mark: Photo) -> str:
    return (
        f'<image x="{_number(mark.x)}" y="{_number(mark.y)}" width="{_number(mark.width)}" '
        f'height="{_number(mark.height)}" preserveAspectRatio="none" href="{jpeg_uri(mark.jpeg)}"/>'
    )


def jpeg_uri(jpeg: bytes) -> str:
    """A JPEG as an address that holds the picture itself."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _opacity(value: float) -> str:
    return "" if value == 1 else f' opacity="{value:.3f}"'


def _hint(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
