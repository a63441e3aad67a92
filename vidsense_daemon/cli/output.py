"""How commands speak: JSON for programs, plain tables for people; both on standard output, notes on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_COLUMNS = 10_000  # no line of ours is longer


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


def say_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table without lines; in a pipe each row stays one line, for cut and awk."""
    is_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        # only the last column may be long: what stands before it is copied and compared, so it stays whole
        table.add_column(heading, overflow="fold", no_wrap=not is_terminal or heading != headings[-1])
    for row in rows:
        # Text, not str: a camera's or a model's words must not be read as rich markup
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, width=None if is_terminal else _PIPE_COLUMNS).print(table, soft_wrap=not is_terminal)
