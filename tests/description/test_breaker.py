"""A server that does not answer is left alone, longer each time, and probed before it is trusted."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import SimulatedClock

from vidsense_daemon.base.errors import DescriberError, DescriberUnavailableError
from vidsense_daemon.description.breaker import Breaker
from vidsense_daemon.description.describers.model import ModelDescriber

from .fake_ollama import FakeOllama
from .fake_wire import Fault
from .fakes import record


def test_nothing_is_trusted_before_its_first_probe(clock: SimulatedClock) -> None:
    """A fresh daemon asks before it sends pictures."""
    breaker = Breaker(clock=clock)

    assert breaker.wants_probe
    assert breaker.wait_s() == 0


def test_each_failure_waits_longer_up_to_five_minutes(clock: SimulatedClock) -> None:
    """From five seconds to five minutes, each time about twice as long, and never all at once."""
    breaker = Breaker(clock=clock, random_source=random.Random(1))
    waits_s = [breaker.failed("down") for _ in range(10)]

    assert 4 <= waits_s[0] <= 6
    assert all(240 <= wait_s <= 360 for wait_s in waits_s[-3:])
    assert breaker.reason == "down"


def test_success_starts_the_waiting_anew(clock: SimulatedClock) -> None:
    """An outage long past makes the next one no longer."""
    breaker = Breaker(clock=clock)
    for _ in range(8):
        breaker.failed("down")
    breaker.succeeded()

    assert not breaker.wants_probe
    assert breaker.failed("down") <= 6


def test_while_it_is_open_nothing_is_asked(
    server: FakeOllama, describer: Callable[..., ModelDescriber], tmp_path: Path
) -> None:
    """The next event is told the reason and the waiting time, without a request."""
    made = describer()
    server.fail_always("/api/chat", Fault("http", status=500))
    with pytest.raises(DescriberError):
        made.describe(record(tmp_path))
    asked = len(server.requests)
    with pytest.raises(DescriberUnavailableError, match="broken") as caught:
        made.describe(record(tmp_path))

    assert len(server.requests) == asked
    assert 4 <= (caught.value.retry_after_s or 0) <= 6


def test_the_probe_is_a_real_load(
    server: FakeOllama, describer: Callable[..., ModelDescriber], clock: SimulatedClock, tmp_path: Path
) -> None:
    """A server that hangs still tells its version: only one that loads the model is trusted with an event again."""
    made = describer(timeout_s=0.3)
    server.fail("/api/chat", Fault("hang"))
    with pytest.raises(DescriberUnavailableError, match="did not answer in time"):
        made.describe(record(tmp_path))
    clock.advance(10)
    patient = describer()
    patient.describe(record(tmp_path))

    assert server.probes() == 2
    assert len(server.chats()) > 0


def test_a_model_that_is_pulled_meanwhile_is_used(
    server: FakeOllama, describer: Callable[..., ModelDescriber], clock: SimulatedClock, tmp_path: Path
) -> None:
    """A missing model is looked for again each time: after the pull no restart is needed."""
    made = describer()
    models, server.models = server.models, {}
    with pytest.raises(DescriberUnavailableError, match="ollama pull"):
        made.describe(record(tmp_path))
    server.models = models
    clock.advance(10)

    assert made.describe(record(tmp_path)).backend == "ollama"
