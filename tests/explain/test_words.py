"""What a describing model is sent and answers, before a real HTTP server that behaves like Ollama."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import cv2
import numpy as np
import pytest
from description.fake_ollama import MODEL, FakeOllama

from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.description.describers.server import ModelServer
from vidsense_daemon.explain.words import Language, Step, language
from vidsense_daemon.settings.schema import DEFAULT_QUERIES

from .fakes import stored_event


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    with FakeOllama() as fake:
        yield fake


def told(folder: Path, server: ModelServer | None) -> Language:
    return language(
        stored_event(folder),
        server=server,
        model=MODEL,
        queries=DEFAULT_QUERIES,
        layout=None,
        zone=UTC,
        evidence=None,
        timeout_s=60.0,
        clock=SystemClock(),
        before=[Step("extract", "3 stills", 0.1, None)],
    )


def test_a_model_answers_the_seeds_four_questions(tmp_path: Path, ollama: FakeOllama) -> None:
    """Each question stands there with its answer, its seconds and its tokens, as this run measured them."""
    part = told(tmp_path, Ollama(url=ollama.url, model=MODEL))

    assert part.answered
    assert [asked.title for asked in part.asked[-4:]] == list(DEFAULT_QUERIES)
    assert all(asked.answer and asked.seconds is not None and asked.prompt_tokens for asked in part.asked)
    assert [step.name for step in part.steps] == ["extract", *["generate"] * len(part.asked)]


def test_the_storyboard_shown_is_the_one_that_was_sent(tmp_path: Path, ollama: FakeOllama) -> None:
    """Four cells of 336 px for LLaVA, 2880 tokens; the facts come before the question."""
    part = told(tmp_path, Ollama(url=ollama.url, model=MODEL))
    board = cv2.imdecode(np.frombuffer(part.jpegs[0], np.uint8), cv2.IMREAD_COLOR)

    assert board is not None
    assert board.shape == (672, 672, 3)
    assert part.picture_tokens == 2880
    assert "Camera yard" in part.asked[0].text


def test_without_a_model_it_shows_what_would_be_sent(tmp_path: Path) -> None:
    """The same storyboard and the same questions, marked as not asked; the builtin sentence stands for the answer."""
    part = told(tmp_path, None)

    assert not part.answered
    assert "builtin describer asks nobody" in part.note
    assert [asked.title for asked in part.asked] == ["The structured question", *DEFAULT_QUERIES]
    assert all(asked.answer is None and asked.seconds is None for asked in part.asked)
    assert "a person" in part.summary
    assert len(part.jpegs) == 1


def test_an_unreachable_model_is_named_and_costs_nothing(tmp_path: Path, ollama: FakeOllama) -> None:
    """Ollama is down: the report says so and shows what it would have been sent."""
    ollama.down()
    part = told(tmp_path, Ollama(url=ollama.url, model=MODEL))

    assert not part.answered
    assert part.note.startswith("no Ollama at")
    assert len(part.asked) == 5


def test_installed_models_are_listed_with_size_and_quantization(ollama: FakeOllama) -> None:
    """What lies on Ollama's disk, whatever is configured."""
    installed = Ollama(url=ollama.url, model=MODEL).installed()

    assert [model.name for model in installed] == [MODEL]
