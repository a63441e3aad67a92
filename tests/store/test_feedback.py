"""What people say of events is kept, and with it what learning needs of the event."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from vidsense_daemon.domain.events import ClearestLook, Event, Verdict
from vidsense_daemon.store.export import export_events
from vidsense_daemon.store.feedback import FeedbackStore
from vidsense_daemon.store.retention import Retention, Rule, delete_events

from .scenes import DIMENSION, NOON, Rooms, ended, event, window


def look(*, presence: float = 2.0, towards: int = 0) -> ClearestLook:
    change = np.zeros(DIMENSION, np.float32)
    change[towards] = 0.5
    return ClearestLook(
        captured_at=NOON,
        presence=presence,
        threshold=1.5,
        change=change,
        frames=np.ones((2, DIMENSION), np.float32),
        seconds=(0.0, 0.25),
        present=(False, True),
    )


def seen_event(id_: str, *, towards: int = 0, trigger: str = "person") -> Event:
    return replace(event(id_, trigger=trigger), look=look(towards=towards))


@pytest.fixture
def feedback(rooms: Rooms) -> FeedbackStore:
    return FeedbackStore(rooms.database, given_by="cli")


def test_a_verdict_stands_on_the_event(rooms: Rooms, feedback: FeedbackStore) -> None:
    rooms.events.opened(event("1-e"), None, window())
    assert feedback.give("1-e", verdict="bad", note="only the cat", now=NOON)

    record = rooms.archive.get("1-e")
    assert record is not None
    assert record.opinion is not None
    assert (record.opinion.verdict, record.opinion.note, record.opinion.given_at) == (Verdict.BAD, "only the cat", NOON)


def test_who_changes_their_mind_replaces_the_verdict(rooms: Rooms, feedback: FeedbackStore) -> None:
    """Contradicting verdicts don't teach both ways: the newest counts alone."""
    rooms.events.opened(seen_event("1-e"), None, window())
    feedback.give("1-e", verdict="bad", note="", now=NOON)
    feedback.give("1-e", verdict="good", note="it was the neighbour", now=NOON + timedelta(minutes=1))

    assert [lesson.verdict for lesson in feedback.lessons()] == [Verdict.GOOD]
    assert feedback.given(["1-e"])["1-e"].note == "it was the neighbour"


def test_a_verdict_can_be_taken_back_once(rooms: Rooms, feedback: FeedbackStore) -> None:
    rooms.events.opened(event("1-e"), None, window())
    feedback.give("1-e", verdict="bad", note="", now=NOON)

    assert feedback.clear("1-e")
    assert not feedback.clear("1-e")
    assert feedback.given(["1-e"]) == {}


def test_an_event_that_is_not_there_takes_no_verdict(rooms: Rooms, feedback: FeedbackStore) -> None:
    assert not feedback.give("9-none", verdict="good", note="", now=NOON)
    assert feedback.revision().verdicts == 0


def test_a_lesson_is_the_clearest_look_of_its_event(rooms: Rooms, feedback: FeedbackStore) -> None:
    """The look at the event's end replaces the one at its beginning; embeddings come back as float32."""
    rooms.events.opened(seen_event("1-e", towards=0), None, window())
    rooms.events.closed(ended(seen_event("1-e", towards=3)), (), window(8))
    feedback.give("1-e", verdict="good", note="", now=NOON)

    (lesson,) = feedback.lessons(camera="front_door", trigger="person")
    assert np.array_equal(lesson.look.change, look(towards=3).change)
    assert lesson.look.frames.shape == (2, DIMENSION)
    assert (lesson.look.threshold, lesson.look.present) == (1.5, (False, True))
    assert feedback.lessons(camera="yard") == []


def test_a_look_that_is_not_finite_is_never_kept(rooms: Rooms, feedback: FeedbackStore) -> None:
    """An encoder that went wrong for a moment must not teach."""
    broken = replace(look(), change=np.full(DIMENSION, np.nan, np.float32))
    rooms.events.opened(replace(event("1-e"), look=broken), None, window())
    feedback.give("1-e", verdict="bad", note="", now=NOON)

    assert feedback.lessons() == []


def test_retention_keeps_what_was_taught_and_nothing_else(rooms: Rooms, feedback: FeedbackStore) -> None:
    """An event that gets too old goes with its stills; its verdict goes on counting. Unjudged looks go with it."""
    for id_ in ("1-judged", "2-not"):
        rooms.events.opened(seen_event(id_), None, window())
        rooms.events.closed(ended(seen_event(id_)), (), window(8))
    feedback.give("1-judged", verdict="bad", note="", now=NOON)

    Retention(database=rooms.database, media=rooms.media, rules=[Rule(timedelta(days=1))]).run(NOON + timedelta(days=9))

    assert rooms.archive.find() == []
    assert [lesson.event_id for lesson in feedback.lessons()] == ["1-judged"]
    with rooms.database.read() as connection:
        assert connection.exec_driver_sql("SELECT event_id FROM looks").scalars().all() == ["1-judged"]
        kept = connection.exec_driver_sql("SELECT camera, event_kept FROM v1_feedback").all()
    assert [tuple(row) for row in kept] == [("front_door", 0)]


def test_a_verdict_that_outlived_its_event_can_be_taken_back_with_all_that_is_left(
    rooms: Rooms, feedback: FeedbackStore
) -> None:
    """Nothing of the event remains then; while the event is there, its look stays for the next verdict."""
    rooms.events.opened(seen_event("1-e"), None, window())
    rooms.events.closed(ended(seen_event("1-e")), (), window(8))
    feedback.give("1-e", verdict="bad", note="", now=NOON)
    feedback.clear("1-e")
    feedback.give("1-e", verdict="good", note="", now=NOON)
    assert len(feedback.lessons()) == 1

    Retention(database=rooms.database, media=rooms.media, rules=[Rule(timedelta(days=1))]).run(NOON + timedelta(days=9))
    assert feedback.clear("1-e")
    with rooms.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM looks").scalar() == 0


def test_who_deletes_an_event_takes_its_verdict_with_it(rooms: Rooms, feedback: FeedbackStore) -> None:
    """Nothing of an event that somebody wants gone is learned from."""
    rooms.events.opened(seen_event("1-e"), None, window())
    feedback.give("1-e", verdict="bad", note="", now=NOON)

    delete_events(rooms.database, ["1-e"], NOON)

    assert feedback.lessons() == []
    assert feedback.revision().verdicts == 0


def test_every_change_is_seen_by_who_looks_for_changes(rooms: Rooms, feedback: FeedbackStore) -> None:
    """A flipped verdict leaves as many verdicts as before; the running daemon notices all the same."""
    rooms.events.opened(seen_event("1-e"), None, window())
    seen = [feedback.revision()]
    feedback.give("1-e", verdict="bad", note="", now=NOON)
    seen.append(feedback.revision())
    feedback.give("1-e", verdict="good", note="", now=NOON)
    seen.append(feedback.revision())
    feedback.switch("front_door", "person", on=False, now=NOON)
    seen.append(feedback.revision())
    feedback.clear("1-e")
    seen.append(feedback.revision())

    assert len(set(seen)) == len(seen)


def test_a_switch_is_kept_until_it_is_turned_back(rooms: Rooms, feedback: FeedbackStore) -> None:
    for _ in range(2):
        feedback.switch("front_door", "person", on=False, now=NOON)
    assert feedback.revision().switched_off == {("front_door", "person")}

    feedback.switch("front_door", "person", on=True, now=NOON)
    assert feedback.revision().switched_off == frozenset()


def test_events_are_found_by_their_verdict(rooms: Rooms, feedback: FeedbackStore) -> None:
    for id_ in ("1-a", "2-b", "3-c"):
        rooms.events.opened(event(id_), None, window())
    feedback.give("1-a", verdict="bad", note="", now=NOON)
    feedback.give("2-b", verdict="good", note="", now=NOON)

    assert [record.event.id for record in rooms.archive.find(verdict=Verdict.BAD)] == ["1-a"]


def test_an_export_carries_the_verdict(rooms: Rooms, feedback: FeedbackStore) -> None:
    rooms.events.opened(event("1-e"), None, window())
    feedback.give("1-e", verdict="bad", note="a bush", now=NOON)
    out = io.BytesIO()
    export_events(rooms.database, out, form="json")

    (row,) = json.loads(out.getvalue())
    assert (row["verdict"], row["verdict_note"]) == ("bad", "a bush")


def test_the_database_itself_refuses_another_verdict(rooms: Rooms) -> None:
    statement = "INSERT INTO feedback (event_id, verdict, given_at_ms, given_by) VALUES ('1-e', 'meh', 1, 'cli')"
    with (
        closing(sqlite3.connect(rooms.database.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="ck_feedback_verdict"),
    ):
        connection.execute(statement)
