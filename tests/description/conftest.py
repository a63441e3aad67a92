"""A fake Ollama on a real socket for each test that asks for one, and describers in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest
from fakes import SimulatedClock

from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.describers.ollama import Ollama

from .fake_ollama import FakeOllama
from .fakes import QUERIES, STARTED_AT, MemoryQueue


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    with FakeOllama() as fake:
        yield fake


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(STARTED_AT + timedelta(minutes=1))


@pytest.fixture
def queue(clock: SimulatedClock) -> MemoryQueue:
    return MemoryQueue(clock)


@pytest.fixture
def describer(server: FakeOllama, clock: SimulatedClock) -> Callable[..., ModelDescriber]:
    """Makes a describer in front of the fake; keywords go to the client or to the describer."""

    def make(*, client: dict[str, Any] | None = None, **more: Any) -> ModelDescriber:
        ollama = Ollama(url=server.url, **(client or {}))
        return ModelDescriber(ollama, zone=UTC, clock=clock, **({"queries": QUERIES} | more))

    return make
