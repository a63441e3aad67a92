"""How commands speak: JSON for programs, plain tables for people; both on standard output, notes on standard error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = "  "
_INDENT = 4
_READABLE = 32  # columns; sentences in a narrower one are a ribbon of syllables


def say(line: str = "") -> None:
    """One plain line on standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """One line beside the result: progress, hints, warnings."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def say_json(value: Any, *, indent: int | None = None) -> None:
    """One JSON value; without ``indent`` on one line, so that many make JSON lines."""
    say(json.dumps(value, indent=indent, ensure_ascii=False))


def some(count: int, thing: str) -> str:
    """`1 camera`, `2 cameras`, `0 cameras`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def say_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table without lines; in a pipe each row stays one line, for cut and awk.

    Only the last column may be long: what stands before it is copied and compared, so it is never cut. A terminal too
    narrow for the last column beside the others gets it below them.
    """
    lines = [tuple(headings), *(tuple(" ".join(cell.splitlines()) for cell in row) for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    if not sys.stdout.isatty():
        for line in lines:
            say(_in_columns(line, widths))
        return
    columns, rows_high = shutil.get_terminal_size()
    console = Console(file=sys.stdout, width=columns, height=rows_high)  # else a dumb terminal is taken for 80 wide
    room = columns - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
    if room >= min(widths[-1], _READABLE):
        _print_wide(console, lines)
    else:
        _print_stacked(console, lines, widths)


def _in_columns(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
    return _GAP.join(cells).rstrip()


def _print_wide(console: Console, lines: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in lines[0]:
        table.add_column(heading, overflow="fold", no_wrap=heading != lines[0][-1])
    for line in lines[1:]:
        # Text, not str: a camera's or a model's words must not be read as rich markup
        table.add_row(*(Text(cell) for cell in line))
    console.print(table)


def _print_stacked(console: Console, lines: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    for line in lines:
        style = "bold" if line is lines[0] else ""
        # soft_wrap: where even these do not fit, the terminal breaks them, and nothing is lost
        console.print(Text(_in_columns(line[:-1], widths[:-1]), style=style), soft_wrap=True)
        if line[-1]:
            console.print(Text(" " * _INDENT + line[-1], style=style), soft_wrap=True)
