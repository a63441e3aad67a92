"""Figures and their intervals, and folds that no source crosses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.learning.folds import grouped_folds, train_test
from vidsense_daemon.learning.measures import auc, bootstrapped, macro_auc, precision_recall


@pytest.mark.parametrize(
    ("scores", "truth", "expected"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([4, 3, 2, 1], [0, 0, 1, 1], 0.0),
        ([1, 1, 1, 1], [0, 1, 0, 1], 0.5),
        ([1, 2, 2, 3], [0, 0, 1, 1], 0.875),  # one pair of four is a tie
    ],
)
def test_auc_is_the_chance_that_a_true_one_scores_higher(
    scores: list[float], truth: list[int], expected: float
) -> None:
    assert auc(np.array(scores), np.array(truth, bool)) == pytest.approx(expected)


def test_auc_of_one_class_cannot_be_told() -> None:
    """A number would look like a measurement."""
    assert math.isnan(auc(np.array([1.0, 2.0]), np.array([True, True])))


def test_macro_auc_forgives_videos_their_own_zero() -> None:
    """Each video is ordered by itself; a video of one kind says nothing."""
    scores = np.array([1, 2, 11, 12, 5.0])
    truth = np.array([0, 1, 0, 1, 1], bool)

    assert macro_auc(scores, truth, np.array([0, 0, 1, 1, 2])) == 1.0
    assert auc(scores, truth) < 1.0


def test_precision_and_recall() -> None:
    found, truth = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 1], bool)

    assert precision_recall(found, truth) == (0.5, pytest.approx(1 / 3))


def test_an_interval_draws_whole_groups_so_copies_of_one_video_promise_nothing() -> None:
    """A thousand frames of two videos are two examples, not a thousand."""
    values = np.repeat([0.0, 1.0], 500)
    mean = lambda rows: float(values[rows].mean())  # noqa: E731 - shortest so

    of_videos = bootstrapped(mean, np.repeat([0, 1], 500))
    of_frames = bootstrapped(mean, np.arange(1000))

    assert (of_videos.value, of_videos.low, of_videos.high) == (0.5, 0.0, 1.0)
    assert of_frames.high - of_frames.low < 0.1
    assert of_videos == bootstrapped(mean, np.repeat([0, 1], 500))


def test_one_group_has_no_interval() -> None:
    """Nothing is known of other videos."""
    assert math.isnan(bootstrapped(lambda _rows: 0.5, np.zeros(9, np.intp)).low)


def test_no_source_is_learnt_from_and_tested_on_and_every_fold_has_both_classes() -> None:
    """The leak that makes mean pooling look good."""
    groups = np.repeat(np.arange(10), 6)
    labels = np.tile([0, 0, 0, 1, 1, 1], 10)

    folds = grouped_folds(labels, groups, names=("calm", "fight"))

    assert len(set(folds.tolist())) == 5
    for train, test in train_test(folds):
        assert not set(groups[train]) & set(groups[test])
        assert set(labels[test]) == {0, 1}
    assert np.array_equal(folds, grouped_folds(labels, groups, names=("calm", "fight")))


@pytest.mark.parametrize(
    ("labels", "groups", "says"),
    [
        ([0, 0, 1, 1], [0, 1, 2, 2], '"fight" is shown by 1 group of clips'),
        ([0, 0, 0, 0], [0, 1, 2, 3], '"fight" is shown by no groups of clips'),
    ],
)
def test_a_class_of_too_few_sources_is_refused(labels: list[int], groups: list[int], says: str) -> None:
    """Learnt from and tested on one recording, anything looks good."""
    with pytest.raises(ConfigError, match=says):
        grouped_folds(np.array(labels), np.array(groups), names=("calm", "fight"))
