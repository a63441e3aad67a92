"""How commands speak: JSON for programs, plain tables for people; both on standard output, notes on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


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
    """A table without lines: readable by people, and by cut and awk."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # Text, not str: a camera's or a model's words must not be read as rich markup
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, soft_wrap=not sys.stdout.isatty()).print(table)
