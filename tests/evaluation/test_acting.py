"""Actions measured and learnt on painted clips: those that flicker are fights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.evaluation import acting
from vidsense_daemon.evaluation.report import Table
from vidsense_daemon.evaluation.sets import ClassedClips, fights
from vidsense_daemon.evaluation.training import train_actions
from vidsense_daemon.learning.actions import DIFFERENCE, MEAN, cross_validated
from vidsense_daemon.learning.clips import ClipReader
from vidsense_daemon.perception.actions import ActionModel

from .clips import ShadeEncoder, paint, paint_fights

STEPS = 4  # of a transformer's training: enough to run through all of it


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> ClassedClips:
    torch.set_num_threads(1)
    return fights(paint_fights(tmp_path_factory.mktemp("fights")))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ClipReader:
    return ClipReader(ShadeEncoder(), cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def table(painted: ClassedClips, reader: ClipReader) -> Table:
    return acting.evaluate(painted, reader, steps=STEPS, on_progress=quiet)


def quiet(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def test_flicker_is_told_from_calm_and_everything_stands_beside_its_baselines(table: Table) -> None:
    """What changes tells the classes apart; the best baseline leaves a transformer nothing to add."""
    auc = {row.method: row.figures["AUC"].value for row in table.rows}  # type: ignore[union-attr]

    assert auc["frame difference"] == auc[DIFFERENCE] == 1.0
    assert {"block difference", MEAN, "transformer", "transformer on |difference|"} < set(auc)
    assert "The transformer's own contribution" in table.summary
    assert "ties" in table.summary


def test_played_backwards_the_flicker_is_the_same(table: Table) -> None:
    """|difference| knows no direction: the table shows it."""
    [row] = [row for row in table.rows if row.method == DIFFERENCE]

    assert row.figures["reversed"] == 1.0


def test_one_seed_gives_the_same_scores_again(painted: ClassedClips, reader: ClipReader) -> None:
    """A figure that nobody can get again is no figure."""
    found = acting.gather(painted, reader, on_progress=quiet)
    folds = np.arange(len(found.windows)) % 2

    one, other = (
        cross_validated(found.windows, folds, classes=2, steps=2, seed=3, on_progress=quiet) for _ in range(2)
    )

    for first, second in zip(one, other, strict=True):
        assert np.array_equal(first.log_odds, second.log_odds), first.name


def test_a_clip_that_cannot_be_used_is_left_out_with_a_note(
    painted: ClassedClips, reader: ClipReader, tmp_path: Path
) -> None:
    """One broken download does not cost the measurement."""
    short = paint(tmp_path / "short.mp4", flickers=True, seconds=0.5)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    more = [replace(painted.clips[0], path=path) for path in (short, tmp_path / "broken.mp4")]

    found = acting.gather(replace(painted, clips=(*painted.clips, *more)), reader, on_progress=quiet)

    assert len(found.clips) == len(painted.clips)
    assert "shorter than a window" in found.notes[0]
    assert "broken.mp4" in found.notes[1]


def test_sped_up_windows_keep_their_times(painted: ClassedClips, reader: ClipReader) -> None:
    """Three times as fast: every third frame, at the pace of all of them."""
    windows = acting.gather(painted, reader, on_progress=quiet).windows

    changed = acting.reordered(windows, seed=0)

    assert np.array_equal(changed["reversed"].x[:, 0], windows.x[:, -1])
    assert np.array_equal(changed["3× speed"].x[:, 1], windows.x[:, 3])
    assert np.array_equal(changed["3× speed"].seconds[:, 1], windows.seconds[:, 1])


# ── Training ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_ships_is_the_baseline_when_the_transformer_does_not_beat_it(
    painted: ClassedClips, reader: ClipReader, tmp_path: Path
) -> None:
    """The card says which, why, and how good; the model that is kept says what the card says."""
    out = tmp_path / "actions" / "actions.safetensors"

    card = train_actions(painted, reader, out=out, encoder="shades", steps=STEPS, on_progress=quiet)

    assert card.choice.name == DIFFERENCE
    assert "so the baseline ships" in (out.with_name("CARD.md")).read_text()
    model = ActionModel.load(out)
    assert (model.kind, model.actions, model.encoder) == (DIFFERENCE, ("fight",), "shades")
    calm, wild = (reader.read(painted.clips[place].path) for place in (0, 1))
    odds = [model.log_odds(each.whole[None, :8], each.seconds[None, :8])[0, 1] for each in (calm, wild)]
    assert odds[1] > 0 > odds[0]


def test_labels_that_teach_nothing_leave_the_old_model(
    painted: ClassedClips, reader: ClipReader, tmp_path: Path
) -> None:
    """One source, or only one class: said, and what was learnt before stays."""
    out = tmp_path / "actions.safetensors"
    out.write_bytes(b"the old one")
    one_source = replace(painted, clips=painted.clips[:2])
    only_fights = replace(painted, clips=tuple(clip for clip in painted.clips if clip.label == 1))

    for clips in (one_source, only_fights):
        with pytest.raises(ConfigError, match="is shown by"):
            train_actions(clips, reader, out=out, encoder="shades", steps=STEPS, on_progress=quiet)
    assert out.read_bytes() == b"the old one"
