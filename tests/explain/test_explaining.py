"""The seven parts hold what they say: shapes, units, and what follows from the mathematics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cameras import make_clip

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.events import StoredClip
from vidsense_daemon.explain import Explanation, Instruments, explain_clip, explain_event
from vidsense_daemon.explain.embeddings import principal
from vidsense_daemon.explain.encoding import MOST_QUERY_WORDS
from vidsense_daemon.perception.adapters import fresh_temporal

from .fakes import DIMENSION, NOON, BlockEncoder, stored_event

BLOCKS = Instruments(encoder=BlockEncoder())


def test_five_frames_are_980_patches() -> None:
    """The talk's own arithmetic, for an encoder of 224 px: 14 × 14 patches of 16 px, 196 a frame, 980 for five."""
    assert 5 * (224 // 16) ** 2 == 980


def test_the_frames_shown_begin_and_end_the_clip_and_hold_its_peak(explained: Explanation) -> None:
    part = explained.tokenization
    peak = max((look for look in part.looks if look.kept and look.moving), key=lambda look: look.changed_ratio)

    assert len(part.shown) == 5
    assert part.shown[0] == 0
    assert part.shown[-1] == len(part.kept_s) - 1
    assert peak.at_s == pytest.approx(part.shown_s[[why.startswith("most change") for why in part.shown_why]][0])


def test_the_budgets_are_of_this_very_clip(explained: Explanation) -> None:
    """80 frames are in the clip, and the gate keeps fewer than looking five times a second would."""
    budgets = {budget.sampling: budget for budget in explained.tokenization.budgets}
    every, uniform, adaptive = (
        budgets[name] for name in ("every frame", "uniform, 5 a second", "adaptive: what the gate keeps")
    )

    assert every.frames == 80
    assert every.vit_tokens == 80 * explained.tokenization.vit_tokens_per_frame
    assert adaptive.frames < uniform.frames < every.frames
    assert adaptive.motion_seen_ratio == 1.0


def test_the_cosines_are_a_matrix_of_cosines(explained: Explanation) -> None:
    cosine = explained.embeddings.cosine

    assert cosine.shape == (len(explained.embeddings.times_s),) * 2
    assert np.allclose(np.diag(cosine), 1, atol=1e-5)
    assert np.allclose(cosine, cosine.T, atol=1e-5)


def test_attention_rows_add_up_to_one_and_never_look_ahead(explained: Explanation) -> None:
    """Each frame shares out all of its attention, among itself and what came before."""
    assert explained.attention is not None
    maps = explained.attention.untrained

    assert maps.shape == (2, 8, 8, 8)
    assert np.allclose(maps.sum(axis=-1), 1, atol=1e-5)
    assert not np.triu(maps, 1).any()


def test_without_trained_weights_every_frame_counts_the_same(explained: Explanation) -> None:
    """The report says so, too: nothing has been trained for this camera."""
    assert explained.attention is not None

    assert np.allclose(explained.attention.weights, 1 / 8)
    assert "no trained weights" in explained.attention.trained_name


def test_a_mean_does_not_notice_the_order(explained: Explanation) -> None:
    """Untrained, a window's embedding is the same to the last digit, backwards and shuffled; its blocks differ."""
    assert explained.orders is not None
    filmed, backwards, shuffled = explained.orders.orders

    assert [order.pooled_cosine for order in (filmed, backwards, shuffled)] == pytest.approx([1, 1, 1])
    assert filmed.added_distance == 0
    assert backwards.added_distance > 0


def test_differences_notice_shuffling_and_not_reversal(explained: Explanation) -> None:
    """|difference| beside it: backwards the same steps, shuffled other ones."""
    assert explained.orders is not None
    filmed, backwards, shuffled = explained.orders.orders

    assert backwards.difference == pytest.approx(filmed.difference)
    assert np.allclose(backwards.steps, filmed.steps[::-1], atol=1e-5)
    assert shuffled.difference != pytest.approx(filmed.difference, rel=1e-3)


def test_an_open_gate_lets_the_order_through(clips: Path) -> None:
    """With weights that are in force, reversing a window changes its embedding, and both heatmaps are there."""
    trained = fresh_temporal(DIMENSION)
    trained.gate.data.fill_(0.5)
    part = explain_clip(clips / "yard.mp4", instruments=replace(BLOCKS, trained=trained), started_at=NOON)

    assert part.orders is not None
    assert part.attention is not None
    assert part.orders.orders[1].pooled_cosine < 0.9999
    assert part.attention.trained is not None
    assert part.attention.weights.sum() == pytest.approx(1, abs=1e-5)
    assert part.attention.weights.std() > 0


def test_a_clip_of_one_frame_is_explained_as_far_as_it_goes(tmp_path: Path) -> None:
    """What needs a second frame says that there is none."""
    part = explain_clip(make_clip(tmp_path / "one.mp4", seconds=0.1), instruments=BLOCKS, started_at=NOON)

    assert part.attention is None
    assert part.orders is None
    assert "1 frame was kept" in part.missing["attention"]
    assert "no other frame" in part.html()


def test_few_frames_get_principal_components_and_the_report_says_why(tmp_path: Path) -> None:
    part = explain_event(stored_event(tmp_path), instruments=BLOCKS)

    assert "PCA" in part.embeddings.method
    assert part.embeddings.points.shape == (3, 2)


def test_principal_components_are_the_directions_of_most_change() -> None:
    """Along a line, the first component is the place on the line and the second is nothing."""
    line = np.outer(np.array([-2.0, 0.0, 1.0, 1.0]), np.array([3.0, 4.0, 0.0])).astype(np.float32)
    points = principal(line)

    assert np.allclose(np.abs(points[:, 0]), [10, 0, 5, 5], atol=1e-4)
    assert np.allclose(points[:, 1], 0, atol=1e-4)


def test_a_clip_without_queries_is_looked_at_with_the_usual_ones(tmp_path: Path) -> None:
    """Nobody has to know what to ask."""
    clip = make_clip(tmp_path / "short.mp4", seconds=0.5)

    assert explain_clip(clip, queries=[], instruments=BLOCKS).scores.queries == ("a person", "a car")


def test_an_event_is_looked_at_with_its_own_prompt(tmp_path: Path) -> None:
    assert explain_event(stored_event(tmp_path), instruments=BLOCKS).scores.queries == ("a person",)


def test_an_events_clip_is_preferred_to_its_stills(tmp_path: Path, clips: Path) -> None:
    """A clip shows all there was; the report says what it was made from."""
    record = replace(stored_event(tmp_path), clip=StoredClip(str(clips / "yard.mp4"), NOON, 8.0))
    part = explain_event(record, instruments=BLOCKS)

    assert part.subject.kind == "an event's clip"
    assert part.tokenization.looks


@pytest.mark.parametrize(
    ("query", "message"),
    [(" ".join(["word"] * 500), f"500 words.*at most {MOST_QUERY_WORDS}"), ("  ", "is empty")],
    ids=["500 words", "empty"],
)
def test_a_query_that_nobody_can_read_is_refused(clips: Path, query: str, message: str) -> None:
    """An encoder would cut it off without a word: the message says how long it may be."""
    with pytest.raises(PermanentError, match=message):
        explain_clip(clips / "yard.mp4", queries=[query], instruments=BLOCKS)


@pytest.mark.parametrize("frames", [0, 100])
def test_too_few_or_too_many_frames_to_show_are_refused(clips: Path, frames: int) -> None:
    with pytest.raises(PermanentError, match="--frames"):
        explain_clip(clips / "yard.mp4", frames=frames, instruments=BLOCKS)
