"""The description thread: nothing is lost, one request at a time, a bad event holds up no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from fakes import SimulatedClock, wait_until

from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.base.errors import PermanentError, TransientError
from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.worker import DescriptionWork
from vidsense_daemon.domain.events import Description, DescriptionStatus, EventRecord, Severity

from .fake_ollama import FakeOllama
from .fake_wire import Fault
from .fakes import MemoryQueue, record, worker_for


@pytest.fixture
def work(queue: MemoryQueue, describer: Callable[..., ModelDescriber], clock: SimulatedClock) -> DescriptionWork:
    made = describer(queries=())
    return DescriptionWork(queue, made, BuiltinDescriber(zone=UTC), clock=clock)


def many(folder: Path, count: int) -> list[EventRecord]:
    return [record(folder, id=str(number), severity=Severity.ALERT) for number in range(count)]


def drain_for_an_hour(work: DescriptionWork, clock: SimulatedClock) -> None:
    end_s = clock.mono_s() + 3600
    while clock.mono_s() < end_s:
        work.drain()
        clock.advance(20)


def test_every_owed_event_is_described(work: DescriptionWork, queue: MemoryQueue, tmp_path: Path) -> None:
    """What the table owes is stored, and the count is told."""
    queue.owe(*many(tmp_path, 3))

    assert work.drain() == 3
    assert {done.status for done in queue.finished.values()} == {DescriptionStatus.DONE}


def test_an_hour_without_ollama_loses_no_event(
    work: DescriptionWork, queue: MemoryQueue, clock: SimulatedClock, server: FakeOllama, tmp_path: Path
) -> None:
    """However long Ollama is stopped, the events wait and are described afterwards, none counted as failed."""
    queue.owe(*many(tmp_path, 4))
    server.down()
    drain_for_an_hour(work, clock)

    assert not queue.finished
    server.up()
    drain_for_an_hour(work, clock)
    assert [done.status for done in queue.finished.values()] == [DescriptionStatus.DONE] * 4


def test_a_stopped_ollama_is_asked_seldom(
    work: DescriptionWork, queue: MemoryQueue, clock: SimulatedClock, server: FakeOllama, tmp_path: Path
) -> None:
    """An hour's outage costs a dozen tries or two, not one per second and event."""
    queue.owe(*many(tmp_path, 4))
    server.down()
    drain_for_an_hour(work, clock)

    assert len(queue.postponed) < 25


@pytest.mark.parametrize(
    "fault",
    [
        Fault("hang"),
        Fault("http", status=500),
        Fault("http", status=503),
        Fault("reset"),
        Fault("raw", body="<html>rubbish</html>"),
        Fault("mid_hang"),
        Fault("drip", seconds=0.1),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_a_server_that_is_ill_for_an_hour_loses_no_event(
    describer: Callable[..., ModelDescriber],
    queue: MemoryQueue,
    clock: SimulatedClock,
    server: FakeOllama,
    tmp_path: Path,
    fault: Fault,
) -> None:
    """Whatever it does meanwhile, each event is described afterwards or says why not, and it was never flooded."""
    ill = describer(queries=(), timeout_s=0.3, client={"first_token_timeout_s": 0.2, "idle_timeout_s": 0.2})
    work = DescriptionWork(queue, ill, BuiltinDescriber(zone=UTC), clock=clock)
    queue.owe(*many(tmp_path, 3))
    server.fail_always("/api/chat", fault)
    drain_for_an_hour(work, clock)
    asked = len(server.requests)
    server.fail_always("/api/chat", None)
    well = describer(queries=())
    drain_for_an_hour(DescriptionWork(queue, well, BuiltinDescriber(zone=UTC), clock=clock), clock)

    assert len(queue.finished) == 3
    assert all(words.status is DescriptionStatus.DONE or words.error for words in queue.finished.values())
    assert asked < 60


def test_a_hung_server_blames_no_event_once_it_is_known_to_hang(
    describer: Callable[..., ModelDescriber],
    queue: MemoryQueue,
    clock: SimulatedClock,
    server: FakeOllama,
    tmp_path: Path,
) -> None:
    """Only the event that found out counts a failure: the probe that loads the model is not fooled by a version."""
    work = DescriptionWork(queue, describer(queries=(), timeout_s=0.3), BuiltinDescriber(zone=UTC), clock=clock)
    queue.owe(*many(tmp_path, 2))
    server.fail_always("/api/chat", Fault("hang"))
    drain_for_an_hour(work, clock)

    assert not queue.finished
    assert server.probes() > 2
    assert not server.chats()


def test_an_event_that_breaks_the_model_is_given_up_after_three_tries(
    work: DescriptionWork, queue: MemoryQueue, clock: SimulatedClock, server: FakeOllama, tmp_path: Path
) -> None:
    """One poisonous event gets the builtin sentence and the reason; the next one is described."""
    poison, good = record(tmp_path, id="poison", camera="poison"), record(tmp_path, id="good")
    server.answer = lambda body: "" if "Camera poison" in body["messages"][-1]["content"] else "A dog."
    queue.owe(poison, good)
    drain_for_an_hour(work, clock)

    failed = queue.finished["poison"]
    assert failed.status is DescriptionStatus.FAILED
    assert "3 tries" in str(failed.error)
    assert failed.backend == "builtin"
    assert failed.summary.startswith("17:42:03 poison: a person walking")
    assert queue.finished["good"].summary == "A dog."


def test_an_event_that_can_never_be_described_fails_at_once(
    work: DescriptionWork, queue: MemoryQueue, tmp_path: Path
) -> None:
    """Without stills there is nothing to try again; the words say why."""
    bare = record(tmp_path)
    queue.owe(EventRecord(event=bare.event, stills=(), description=None))
    work.drain()

    [failed] = queue.finished.values()
    assert failed.status is DescriptionStatus.FAILED
    assert "no still" in str(failed.error)


def test_a_permanent_refusal_does_not_stop_the_queue(clock: SimulatedClock, tmp_path: Path) -> None:
    """The worker knows the port only: any describer's refusal is stored with its reason."""

    class Refusing:
        backend, model = "refusing", ""

        def describe(self, record: EventRecord) -> Description:
            raise PermanentError("never")

        def close(self) -> None:
            pass

    queue = MemoryQueue(clock)
    queue.owe(*many(tmp_path, 2))

    assert DescriptionWork(queue, Refusing(), BuiltinDescriber(zone=UTC), clock=clock).drain() == 2


def test_there_is_never_more_than_one_request(
    work: DescriptionWork, queue: MemoryQueue, server: FakeOllama, tmp_path: Path
) -> None:
    """Ollama's own queue is never filled: ours is the table."""
    queue.owe(*many(tmp_path, 5))
    work.drain()

    assert server.most_in_flight == 1


def test_the_thread_describes_and_stops(describer: Callable[..., ModelDescriber], tmp_path: Path) -> None:
    """Started as the daemon starts it, it works through the queue and ends when asked."""
    queue = MemoryQueue(SystemClock())
    queue.owe(*many(tmp_path, 2))
    work = DescriptionWork(queue, describer(), BuiltinDescriber(zone=UTC), poll_s=0.01)
    worker = worker_for(work.run)
    worker.start()
    wait_until(lambda: len(queue.finished) == 2)
    worker.ask_to_stop()

    assert worker.join(5)


def test_a_stop_in_the_middle_leaves_the_event_owed(
    describer: Callable[..., ModelDescriber], server: FakeOllama, tmp_path: Path
) -> None:
    """Stopping the daemon while the model writes postpones that event; the next run describes it."""
    queue = MemoryQueue(SystemClock())
    queue.owe(record(tmp_path))
    server.fail("/api/chat", Fault("delay"), Fault("hang"))
    work = DescriptionWork(queue, describer(), BuiltinDescriber(zone=UTC), poll_s=0.01)
    worker = worker_for(work.run)
    worker.start()
    wait_until(lambda: len(server.chats()) == 1)
    worker.ask_to_stop()
    work.close()

    assert worker.join(5)
    assert list(queue.waiting) == ["1795369323000-abcdef"]


def test_words_that_cannot_be_stored_now_are_kept(
    work: DescriptionWork, queue: MemoryQueue, server: FakeOllama, tmp_path: Path
) -> None:
    """A full disk does not cost the minutes that a model took: nothing new is claimed until the words are stored."""
    queue.owe(*many(tmp_path, 2))
    queue.full = True
    for _ in range(3):
        with pytest.raises(TransientError):
            work.drain()

    assert len(server.chats()) == 1
    queue.full = False
    assert work.drain() == 1
    assert len(queue.finished) == 2


def test_an_event_that_was_deleted_meanwhile_stops_nobody(
    work: DescriptionWork, queue: MemoryQueue, tmp_path: Path
) -> None:
    """Whoever deletes an event while it is being described costs the next ones nothing."""
    queue.owe(*many(tmp_path, 2))
    queue.deleted = {"0"}
    work.drain()

    assert list(queue.finished) == ["1"]
