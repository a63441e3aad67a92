"""What the metrics say of descriptions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

from fakes import SimulatedClock

from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.tally import BreakerState, DescriptionTally
from vidsense_daemon.description.worker import DescriptionWork

from .fake_ollama import FakeOllama
from .fakes import MemoryQueue, record


def test_a_describer_that_goes_away_and_comes_back_is_seen_doing_so(
    describer: Callable[..., ModelDescriber], clock: SimulatedClock, server: FakeOllama, tmp_path: Path
) -> None:
    """closed while it answers, open while it is left alone, half open until the next event has told."""
    queue, tally = MemoryQueue(clock), DescriptionTally(clock=clock)
    made = describer(queries=())
    work = DescriptionWork(queue, made, BuiltinDescriber(zone=UTC), tally=tally, clock=clock)
    assert tally.breaker() is BreakerState.CLOSED

    queue.owe(record(tmp_path, id="1"))
    server.down()
    work.drain()
    assert tally.breaker() is BreakerState.OPEN
    assert tally.failures() == {"unavailable": 1, "postponed": 0}

    server.up()
    clock.advance(600)
    assert tally.breaker() is BreakerState.HALF_OPEN

    work.drain()
    assert tally.breaker() is BreakerState.CLOSED
    assert tally.counts() == {"done": 1, "partial": 0, "failed": 0, "skipped": 0}
    assert tally.seconds().count == 1
