"""docs/concepts.md, made from a report of real footage; `make concepts` names the clip and whose it is.

Only charts and numbers are written, never pictures: footage is its owner's. The text is templates/concepts.md; every
number in it is the report's.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.explain.charts import spaced
from vidsense_daemon.explain.drawing import Figure, Table
from vidsense_daemon.explain.explaining import explain_clip
from vidsense_daemon.explain.explanation import Explanation
from vidsense_daemon.explain.figures import heads, orders, space, tokens
from vidsense_daemon.explain.png import write_png

PAGE = "concepts.md"
PICTURES = "concepts"
_COMMAND = "python -m vidsense_daemon.explain.concepts"
_LINE_LETTERS = 125
_UNWRAPPED = ("|", "#", "-", "!")  # tables, headings, lists, figures


def write(explanation: Explanation, folder: Path, *, credit: str) -> Path:
    """Write the page and its charts into ``folder``; the page.

    Raises:
        PermanentError: the clip is too short to show all of it.
    """
    if explanation.attention is None or explanation.orders is None or explanation.language is None:
        raise PermanentError(f"{explanation.subject.name} has too few frames for the page: take a longer clip")
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)

    def drawn(figure: Figure) -> str:
        write_png(figure, folder / PICTURES / f"{figure.name}.png")
        return f"![{figure.alt}]({PICTURES}/{figure.name}.png)"

    templates = Path(__file__).parent / "templates"
    environment = Environment(  # noqa: S701 - what is written is Markdown, of numbers and of our own words
        loader=FileSystemLoader(templates), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"figure": drawn, "table": _markdown, "spaced": spaced}
    text = environment.get_template(PAGE).render(_context(explanation, credit=credit))
    page = folder / PAGE
    page.write_text(_wrapped(text), encoding="utf-8")
    return page


def _context(explanation: Explanation, *, credit: str) -> dict[str, Any]:
    tokenization, scores, attention = explanation.tokenization, explanation.scores, explanation.attention
    assert attention is not None  # the caller has looked
    assert explanation.orders is not None
    per_frame = tokenization.vit_tokens_per_frame
    what = "the temporal transformer, before training"
    return {
        "e": explanation,
        "credit": credit,
        "command": _COMMAND,
        "tokens": tokenization,
        "per_frame": per_frame,
        "side": round(per_frame**0.5),
        "shown": len(tokenization.shown),
        "looks": len(tokenization.looks),
        "moving": sum(look.moving for look in tokenization.looks),
        "kept": len(tokenization.kept_s),
        "evenly": 100 * heads.entropy_ratio(attention.untrained),
        "best": [f"“{query}” {np.nanmax(row):.1f}" for query, row in zip(scores.queries, scores.values, strict=True)],
        "figures": {
            "gate": tokens.gate_curve(tokenization),
            "matrix": space.matrix(explanation.embeddings),
            "map": space.frame_map(explanation.embeddings),
            "heads": heads.heads(attention.untrained, attention.times_s, name="before", what=what),
            "scores": orders.scores(scores.times_s, scores.values, scores.queries, scores.threshold),
        },
        "tables": {
            "budgets": tokens.budget_table(tokenization),
            "orders": orders.changes_table(explanation.orders),
        },
    }


def _markdown(table: Table) -> str:
    rows = [table.headings, ("---",) * len(table.headings), *table.rows]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"{table.caption}:", "", *lines])


def _wrapped(text: str) -> str:
    lines = [
        line if line.startswith(_UNWRAPPED) else textwrap.fill(line, _LINE_LETTERS, break_on_hyphens=False)
        for line in text.strip().splitlines()
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Make the page."""
    parser = argparse.ArgumentParser(prog=_COMMAND, description="make docs/concepts.md from real footage")
    parser.add_argument("clip", type=Path)
    parser.add_argument("folder", type=Path, help="where the page is written")
    parser.add_argument("--query", action="append", required=True)
    parser.add_argument("--credit", required=True, help="whose footage it is, and under which licence")
    args = parser.parse_args(argv)
    write(explain_clip(args.clip, queries=args.query), args.folder, credit=args.credit)


if __name__ == "__main__":
    main()
