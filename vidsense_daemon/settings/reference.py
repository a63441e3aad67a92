"""Write the table of all keys into docs/configuration.md: `python -m vidsense_daemon.settings.reference FILE`.

The tables stand between two marks, and a test compares them with what this would write: a key that is added or
changed shows in the docs, or the tests fail.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vidsense_daemon.settings.cameras import Stream
from vidsense_daemon.settings.keys import ANY_NAME, Key, KeyTree

BEGIN = "<!-- keys: begin. Written by `python -m vidsense_daemon.settings.reference docs/configuration.md` -->"
END = "<!-- keys: end -->"

_HEADINGS: dict[tuple[str, ...], str] = {(): "The top of the file"}


def tables() -> str:
    """Markdown: a table for each block of keys, in the schema's order."""
    blocks: dict[tuple[tuple[str, ...], str], list[Key]] = {}
    for key in KeyTree().all_keys():
        blocks.setdefault((key.path[:-1], key.kind), []).append(key)
    top = {block for block, _ in blocks}
    return "\n\n".join(
        _table(path, kind, keys) for (path, kind), keys in blocks.items() if _at_the_top(path) not in top - {path}
    )


def _at_the_top(path: tuple[str, ...]) -> tuple[str, ...]:
    """Where a camera's key or block stands for all cameras."""
    return path[2:] if path[:2] == ("cameras", ANY_NAME) and len(path) > 2 else path


def with_tables(text: str) -> str:
    """``text`` with what stands between the marks replaced by the tables."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def _table(path: tuple[str, ...], kind: str, keys: Iterable[Key]) -> str:
    name = _HEADINGS.get(path, f"`{'.'.join(path)}`".replace(ANY_NAME, "<name>"))
    heading = f"### {name}" + (f" with `kind: {kind}`" if kind else "")
    rows = ["| key | what it is | allowed | unit | default |", "|---|---|---|---|---|", *_rows(keys)]
    return "\n".join([heading, "", *rows])


def _rows(keys: Iterable[Key]) -> Iterator[str]:
    for key in keys:
        text = " ".join(key.text.split())
        cells = [f"`{key.path[-1]}`", text, "a block" if key.is_block else key.allowed, key.unit, _default(key)]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(key: Key) -> str:
    if key.required:
        return "must be given"
    if key.is_block:
        return ""
    if len(key.path) == 3 and key.path[0] == "cameras" and key.path[-1] in Stream.model_fields:
        return "as at the top"
    return f"`{_in_yaml(key.default)}`" if key.default not in (None, "", [], {}) else "none"


def _in_yaml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "; ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
