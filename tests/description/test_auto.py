"""Which describer `auto` takes, and when it changes its mind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from fakes import SimulatedClock

from vidsense_daemon.base.errors import DescriberUnavailableError
from vidsense_daemon.description.describers.auto import AutoDescriber
from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.description.describers.model import ModelDescriber

from .fake_ollama import MODEL, FakeOllama
from .fakes import record


@pytest.fixture
def auto(describer: Callable[..., ModelDescriber], clock: SimulatedClock) -> AutoDescriber:
    return AutoDescriber(describer(), BuiltinDescriber(zone=UTC), clock=clock)


def test_ollama_is_taken_when_it_is_there(auto: AutoDescriber, tmp_path: Path) -> None:
    """With Ollama running and the model pulled, the model writes, and the description says so."""
    description = auto.describe(record(tmp_path))

    assert description.backend == "ollama"
    assert description.details["chosen"] == {"taken": "ollama", "why": f"{MODEL} is there"}


def test_without_ollama_the_builtin_sentence_is_stored_at_once(
    server: FakeOllama, auto: AutoDescriber, tmp_path: Path
) -> None:
    """Nobody has to install Ollama to read something; why it was not used stands beside it."""
    server.down()
    description = auto.describe(record(tmp_path))

    assert description.backend == "builtin"
    assert "no Ollama at" in description.details["chosen"]["why"]


def test_without_the_model_the_builtin_says_how_to_get_it(
    server: FakeOllama, auto: AutoDescriber, tmp_path: Path
) -> None:
    """An Ollama without the model is named with the command that pulls it."""
    server.models.clear()
    description = auto.describe(record(tmp_path))

    assert f"ollama pull {MODEL}" in description.details["chosen"]["why"]


def test_an_ollama_that_comes_later_is_noticed(
    server: FakeOllama, auto: AutoDescriber, clock: SimulatedClock, tmp_path: Path
) -> None:
    """A machine that boots Ollama after the daemon needs no restart of the daemon."""
    server.down()
    auto.describe(record(tmp_path))
    server.up()
    clock.advance(61)

    assert auto.describe(record(tmp_path, id="second")).backend == "ollama"


def test_an_absent_ollama_is_not_asked_at_every_event(
    server: FakeOllama, auto: AutoDescriber, clock: SimulatedClock, tmp_path: Path
) -> None:
    """Looking once a minute keeps a burst of events quick."""
    server.models.clear()
    for number in range(5):
        auto.describe(record(tmp_path, id=str(number)))

    assert [path for path, _ in server.requests] == ["/api/show"]


def test_an_ollama_that_went_down_is_waited_for(server: FakeOllama, auto: AutoDescriber, tmp_path: Path) -> None:
    """Once the model has been there, events wait for it instead of getting lesser words."""
    auto.describe(record(tmp_path))
    server.down()

    with pytest.raises(DescriberUnavailableError):
        auto.describe(record(tmp_path, id="second"))
