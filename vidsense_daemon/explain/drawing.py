"""What a figure is made of: a list of marks that the page draws as SVG and the PNG files as pixels.

Figures name inks, not colours: the page gives an ink another colour in dark mode and in print. Every figure has words
for who cannot see it and, where it shows numbers, a table of them. Lengths are in px of the figure; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Anchor = Literal["start", "middle", "end"]


class Ink(StrEnum):
    """What a colour is used for; the numbered ones are told apart by colour-blind people too (Okabe & Ito 2008)."""

    TEXT = "text"
    FAINT = "faint"
    EDGE = "edge"
    PANEL = "panel"
    ONE = "one"
    TWO = "two"
    THREE = "three"
    FOUR = "four"
    FIVE = "five"
    SIX = "six"


SERIES = (Ink.ONE, Ink.TWO, Ink.THREE, Ink.FOUR, Ink.FIVE, Ink.SIX)


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    ink: Ink = Ink.EDGE
    width: float = 1.0
    dashed: bool = False
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Curve:
    """Straight lines from point to point."""

    points: tuple[tuple[float, float], ...]
    ink: Ink = Ink.ONE
    width: float = 1.5


@dataclass(frozen=True, slots=True)
class Area:
    """A filled rectangle; ``hint`` is shown under the pointer."""

    x: float
    y: float
    width: float
    height: float
    ink: Ink = Ink.ONE
    opacity: float = 1.0
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float = 3.0
    ink: Ink = Ink.ONE
    opacity: float = 1.0
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """One line of text; ``turned`` reads upwards."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"
    size: float = 12.0
    ink: Ink = Ink.TEXT
    bold: bool = False
    turned: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A picture inside the figure."""

    x: float
    y: float
    width: float
    height: float
    jpeg: bytes


Mark = Line | Curve | Area | Dot | Label | Photo


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers in rows, as text with their units in the headings."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A drawing with its words and numbers."""

    name: str  # of its PNG file, without the ending
    title: str
    alt: str  # what it shows, for who cannot see it
    width: float
    height: float
    marks: tuple[Mark, ...]
    table: Table | None = None
    note: str = ""  # how to read it


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table of anything that can be written."""
    return Table(caption, tuple(headings), tuple(tuple(str(cell) for cell in row) for row in rows))
