"""Tables: what wins, what ties, and what loses is printed as losing."""

from __future__ import annotations

import numpy as np

from vidsense_daemon.evaluation.report import Table, TableMaker
from vidsense_daemon.learning.measures import auc

TRUTH = np.tile([False, True], 60)
GROUPS = np.repeat(np.arange(20), 6)


def table_of(*, transformer_noise: float) -> Table:
    """A baseline with some skill, one with none, and a transformer that is better or worse than both."""
    random = np.random.default_rng(0)
    maker = TableMaker("painted", "AUC", GROUPS)
    for name, noise, is_baseline in (
        ("motion", 1.0, True), ("guessing", 1e6, True), ("transformer", transformer_noise, False)
    ):  # fmt: skip
        scores = TRUTH + noise * random.standard_normal(len(TRUTH))
        maker.add(name, lambda rows, of=scores: auc(of[rows], TRUTH[rows]), is_baseline=is_baseline)
    return maker.table()


def test_every_row_is_compared_with_the_best_baseline() -> None:
    verdicts = {row.method: row.verdict for row in table_of(transformer_noise=0.1).rows}

    assert verdicts["motion"] == "the best baseline"
    assert verdicts["guessing"].startswith("loses: -")
    assert verdicts["transformer"].startswith("wins: +")


def test_what_loses_is_printed_as_losing_and_the_summary_says_by_how_much() -> None:
    """The transformer gets no kinder words than anything else."""
    table = table_of(transformer_noise=1e6)

    assert "loses" in table.markdown()
    assert table.summary.startswith(
        "The transformer's own contribution: transformer less the best baseline (motion) is -"
    )
    assert table.summary.endswith("points of AUC: it loses.")


def test_one_video_tells_nothing_and_no_verdict_is_made_up() -> None:
    """JSON has null where there is no number; NaN is no JSON."""
    maker = TableMaker("one video", "AUC", np.zeros(4, np.intp))
    maker.add("motion", lambda _rows: 0.8, is_baseline=True)
    maker.add("transformer", lambda _rows: 0.9, is_baseline=False)

    table = maker.table()

    assert table.rows[1].verdict.startswith("can't be told")
    assert table.as_json()["rows"][0]["AUC"] == {"value": 0.8, "low": None, "high": None}
