"""`vidsense describer check`: what the installed model can do, in tokens, seconds and memory."""

from __future__ import annotations

import pytest

from vidsense_daemon.base.errors import DescriberUnavailableError
from vidsense_daemon.description.checkup import check
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.description.describers.openai_compatible import OpenAiCompatible

from .fake_ollama import MODEL, FakeModel, FakeOllama
from .fake_openai import FakeOpenAi


def test_a_good_model_needs_no_advice(server: FakeOllama) -> None:
    """A model that holds the form and lies on the graphics card is told with its figures only."""
    found = check(Ollama(url=server.url), timeout_s=10)

    assert (found.family, found.layout, found.frames, found.picture_tokens) == ("llava-1.6", "storyboard", 4, 2880)
    assert found.structured
    assert found.prompt_tokens > 2880
    assert found.advice == ()


def test_a_model_that_fell_back_to_the_processor_is_noticed(server: FakeOllama) -> None:
    """Ollama says nothing when a model does not fit the graphics card; what it holds in memory tells."""
    server.models[MODEL] = FakeModel(on_gpu_ratio=0.25)
    found = check(Ollama(url=server.url), timeout_s=10)

    assert found.memory is not None
    assert found.memory.on_gpu_bytes == found.memory.size_bytes // 4
    assert "only 25% of the model is on a graphics card" in found.advice[0]


def test_a_model_that_cannot_hold_the_form_is_noticed(server: FakeOllama) -> None:
    """Better found at the check than at the first event."""
    server.answer = lambda body: "A ball."
    found = check(Ollama(url=server.url), timeout_s=10)

    assert not found.structured
    assert found.summary == "A ball."
    assert "cannot hold the form" in found.advice[0]


def test_a_family_of_unmeasured_cost_is_told(server: FakeOllama) -> None:
    """The budget of most families follows papers; the operator is asked to compare."""
    server.models["gemma3:4b"] = FakeModel(architecture="gemma3", families=["gemma3"])
    found = check(Ollama(url=server.url, model="gemma3:4b"), timeout_s=10)

    assert "was not measured" in found.advice[0]


def test_a_server_that_tells_nothing_of_its_memory_is_checked_too() -> None:
    """OpenAI's API has no word for memory: the rest is measured all the same."""
    with FakeOpenAi() as fake:
        found = check(OpenAiCompatible(url=fake.api_url, model=MODEL), timeout_s=10)

    assert found.memory is None
    assert found.structured


def test_a_missing_model_ends_the_check_with_the_next_step(server: FakeOllama) -> None:
    """The check says what the daemon would say: pull it."""
    server.models.clear()

    with pytest.raises(DescriberUnavailableError, match=f"ollama pull {MODEL}"):
        check(Ollama(url=server.url), timeout_s=10)
