"""The docs' page of concepts: charts and numbers of a report, and not one picture of the footage."""

from __future__ import annotations

import re
from pathlib import Path

from vidsense_daemon.explain import Explanation
from vidsense_daemon.explain.concepts import write
from vidsense_daemon.explain.drawing import Photo
from vidsense_daemon.explain.figures import heads, orders, space, tokens


def test_the_page_is_made_of_the_reports_numbers(explained: Explanation, tmp_path: Path) -> None:
    """What it says of tokens and looks is this very clip's."""
    text = write(explained, tmp_path, credit="a clip of our own").read_text(encoding="utf-8").replace("\n", " ")
    part = explained.tokenization

    assert f"Of {len(part.looks)} looks" in text
    assert "a clip of our own" in text
    assert "{{" not in text


def test_every_chart_of_the_page_is_written_and_shows_no_footage(explained: Explanation, tmp_path: Path) -> None:
    """Third-party pictures have no place in the docs: figures with photos in them are left out."""
    text = write(explained, tmp_path, credit="a clip of our own").read_text(encoding="utf-8")
    charts = re.findall(r"\]\((concepts/[^)]+\.png)\)", text)

    assert len(charts) == 5
    assert all((tmp_path / chart).stat().st_size > 1000 for chart in charts)
    assert explained.attention is not None
    figures = (
        tokens.gate_curve(explained.tokenization),
        space.matrix(explained.embeddings),
        space.frame_map(explained.embeddings),
        heads.heads(explained.attention.untrained, explained.attention.times_s, name="before", what="it"),
        orders.scores(explained.scores.times_s, explained.scores.values, explained.scores.queries, 1.5),
    )
    assert {f"concepts/{figure.name}.png" for figure in figures} == set(charts)
    assert not any(isinstance(mark, Photo) for figure in figures for mark in figure.marks)
