"""A model's words are dear: events that came together are described together, and the same picture once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import SimulatedClock

from vidsense_daemon.description.bursts import together
from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.likeness import overlap_ratio
from vidsense_daemon.description.worker import DescriptionWork
from vidsense_daemon.domain.events import DescriptionStatus, EventRecord, Severity
from vidsense_daemon.domain.frames import Box

from .fake_ollama import STRUCTURED, FakeOllama
from .fake_wire import Fault
from .fakes import STARTED_AT, MemoryQueue, record


@pytest.fixture
def work(queue: MemoryQueue, describer: Callable[..., ModelDescriber], clock: SimulatedClock) -> DescriptionWork:
    made = describer(queries=())
    return DescriptionWork(queue, made, BuiltinDescriber(zone=UTC), bursts=queue, clock=clock)


def owed(folder: Path, id_: str, *, after_s: float = 0.0, look: int = 0, **changes: Any) -> EventRecord:
    """An event so many seconds later, whose pictures look like ``look``: a number a face."""
    own = folder / id_
    own.mkdir()
    made = record(own, id=id_, **changes)
    later = timedelta(seconds=after_s)
    stills = tuple(replace(still, captured_at=still.captured_at + later) for still in made.stills)
    for still in stills if look else ():
        noise = np.random.default_rng(look).integers(0, 255, (36, 64, 3), dtype=np.uint8)
        face = cv2.resize(noise, (still.width_px, still.height_px), interpolation=cv2.INTER_NEAREST)
        Path(still.path).write_bytes(cv2.imencode(".jpg", face)[1].tobytes())
    event = replace(
        made.event,
        started_at=made.event.started_at + later,
        ended_at=made.event.ended_at + later,
        prompt=f"thing {id_}",
    )
    return EventRecord(event=event, stills=stills, description=None)


def statuses(queue: MemoryQueue) -> dict[str, DescriptionStatus]:
    return {event_id: words.status for event_id, words in queue.finished.items()}


def test_events_that_came_together_are_described_together(
    work: DescriptionWork, queue: MemoryQueue, server: FakeOllama, tmp_path: Path
) -> None:
    """Three triggers of one visit cost one look; each event gets the words, and says with whom it shares them."""
    queue.owe(*(owed(tmp_path, name, after_s=20.0 * index) for index, name in enumerate("abc")))
    work.drain()

    [chat] = server.chats()
    assert "thing a; thing b; thing c" in chat["messages"][-1]["content"]
    assert statuses(queue) == dict.fromkeys("abc", DescriptionStatus.DONE)
    assert queue.finished["a"].details["described_with"] == ["b", "c"]


def test_other_cameras_and_other_hours_are_not_taken_along(
    work: DescriptionWork, queue: MemoryQueue, server: FakeOllama, tmp_path: Path
) -> None:
    """Only what one camera saw within a minute is one story."""
    queue.owe(
        owed(tmp_path, "a", look=1),
        owed(tmp_path, "b", look=2, camera="garden"),
        owed(tmp_path, "c", look=3, after_s=1000),
    )
    work.drain()

    assert len(server.chats()) == 3


def test_a_grave_event_does_not_raise_the_ones_beside_it(
    work: DescriptionWork, queue: MemoryQueue, server: FakeOllama, tmp_path: Path
) -> None:
    """Shared words raise each event's own severity by what they say, not to its neighbour's."""
    queue.owe(owed(tmp_path, "a", severity=Severity.ALERT), owed(tmp_path, "b", severity=Severity.INFO))
    server.answer = lambda body: STRUCTURED.replace('"none"', '"medium"')
    work.drain()

    assert {name: words.details["severity"] for name, words in queue.finished.items()} == {"a": "alert", "b": "warning"}


def test_a_poisonous_event_takes_no_other_with_it(
    work: DescriptionWork, queue: MemoryQueue, server: FakeOllama, clock: SimulatedClock, tmp_path: Path
) -> None:
    """What went wrong together is tried again alone: the good event is described, the bad one given up."""
    queue.owe(owed(tmp_path, "poison", look=5), owed(tmp_path, "good"))
    server.answer = lambda body: "" if "thing poison" in body["messages"][-1]["content"] else STRUCTURED
    for _ in range(200):
        work.drain()
        clock.advance(20)

    assert statuses(queue) == {"poison": DescriptionStatus.FAILED, "good": DescriptionStatus.DONE}


def test_a_server_that_goes_away_leaves_all_of_them_owed(
    work: DescriptionWork, queue: MemoryQueue, server: FakeOllama, tmp_path: Path
) -> None:
    """None of the events that were to be described together is lost or blamed."""
    queue.owe(owed(tmp_path, "a"), owed(tmp_path, "b"))
    server.fail_always("/api/chat", Fault("http", status=503))
    work.drain()

    assert set(queue.waiting) == {"a", "b"}


def test_without_a_model_every_event_has_its_own_sentence(
    queue: MemoryQueue, clock: SimulatedClock, tmp_path: Path
) -> None:
    """Measured words cost nothing: there is nothing to save."""
    builtin = BuiltinDescriber(zone=UTC)
    queue.owe(owed(tmp_path, "a"), owed(tmp_path, "b"), owed(tmp_path, "c"))
    DescriptionWork(queue, builtin, builtin, bursts=queue, clock=clock).drain()

    assert [words.summary.split(": ")[1].split(" (")[0] for words in queue.finished.values()] == [
        "thing a",
        "thing b",
        "thing c",
    ]


def test_the_same_picture_is_described_once(
    work: DescriptionWork, queue: MemoryQueue, server: FakeOllama, tmp_path: Path
) -> None:
    """A branch in the wind costs one look in ten minutes; the others are skipped with its words and the reason."""
    queue.owe(owed(tmp_path, "a"), owed(tmp_path, "b", after_s=120), owed(tmp_path, "c", after_s=240))
    work.drain()

    assert len(server.chats()) == 1
    assert statuses(queue) == {
        "a": DescriptionStatus.DONE,
        "b": DescriptionStatus.SKIPPED,
        "c": DescriptionStatus.SKIPPED,
    }
    assert queue.finished["c"].summary == queue.finished["a"].summary
    assert queue.finished["c"].error == "it looks like event a: described once"


@pytest.mark.parametrize(
    "changes",
    [{"look": 7}, {"after_s": 900}, {"trigger": "animal"}, {"camera": "garden"}, {"severity": Severity.ALERT}],
    ids=["another picture", "much later", "another trigger", "another camera", "an alert"],
)
def test_what_may_be_news_is_described(
    work: DescriptionWork, queue: MemoryQueue, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """In doubt an event gets its own words, and an alert always does."""
    queue.owe(owed(tmp_path, "a"), owed(tmp_path, "b", **({"after_s": 120} | changes)))
    work.drain()

    assert statuses(queue)["b"] is DescriptionStatus.DONE


def test_a_burst_is_one_event_from_its_first_start_to_its_last_end(tmp_path: Path) -> None:
    """The gravest event's peak survives every thinning; all stills stand in their order."""
    calm = owed(tmp_path, "calm")
    grave = owed(tmp_path, "grave", after_s=30, severity=Severity.ALERT)
    merged = together([calm, grave])

    assert merged.event.id == "grave"
    assert merged.event.started_at == STARTED_AT
    assert merged.event.ended_at == STARTED_AT + timedelta(seconds=42)
    assert [still.role for still in merged.stills].count("peak") == 1
    assert _in_order([still.captured_at.timestamp() for still in merged.stills])


def test_boxes_overlap_as_areas_do() -> None:
    """Half over each other is a third of what both cover."""
    assert overlap_ratio(Box(0, 0, 0.2, 0.2), Box(0.1, 0, 0.3, 0.2)) == pytest.approx(1 / 3)
    assert overlap_ratio(Box(0, 0, 0.1, 0.1), Box(0.5, 0.5, 0.6, 0.6)) == 0
    assert overlap_ratio(Box(0, 0, 0, 0), Box(0, 0, 0, 0)) == 0


def _in_order(numbers: Sequence[float]) -> bool:
    return list(numbers) == sorted(numbers)
