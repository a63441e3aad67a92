"""Searching by words where many events hold them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from vidsense_daemon.store.search import EventSearch

from .scenes import NOON, Rooms, ended, event, window, words

# with words that all have, that many have, and that few have; an hour apart, the oldest first
SAID = (
    "A white van at the gate.",
    "A cat at the gate.",
    "A white cat at the gate.",
    "A fox at the gate.",
    "A cat at the gate, again.",
)


@pytest.fixture
def many(rooms: Rooms) -> EventSearch:
    """A search for which three texts are many; the fourth event is another camera's."""
    for number, said in enumerate(SAID):
        camera = "yard" if number == 3 else "front_door"
        mine = event(f"{number}", started_at=NOON + timedelta(hours=number), camera=camera)
        rooms.events.opened(mine, None, window(run_id=mine.id))
        rooms.events.closed(ended(mine), [], window(9, run_id=mine.id))
        rooms.descriptions.claim(NOON)
        rooms.descriptions.finish(mine.id, words(said), NOON)
    return EventSearch(rooms.database, rooms.media, ranked=2)


def found(search: EventSearch, sentence: str, **where: object) -> list[str]:
    return [one.record.event.id for one in search.by_words(sentence, **where)]  # type: ignore[arg-type]


def test_a_word_that_all_have_finds_the_newest(many: EventSearch) -> None:
    """What happened last is what is looked for; more of them when more are asked for."""
    assert found(many, "gate", limit=2) == ["4", "3"]
    assert found(many, "gate", limit=9) == ["4", "3", "2", "1", "0"]


def test_those_with_all_the_words_come_first_and_then_the_rarer_ones(many: EventSearch) -> None:
    """white and gate: the white ones, however old; then the gate's, newest first."""
    assert found(many, "white gate") == ["2", "0", "4", "3", "1"]
    assert found(many, "a white cat", limit=3) == ["2", "0", "4"]


def test_a_rare_word_is_not_lost_among_common_ones(many: EventSearch) -> None:
    """One van in a year is found by the whole sentence, and a word that nobody ever said hides nothing."""
    assert found(many, "the van at the gate", limit=1) == ["0"]
    assert found(many, "the purple van at the gate", limit=1) == ["0"]


def test_camera_and_time_hold_for_common_words_too(many: EventSearch) -> None:
    """A filter never lets anything else through."""
    assert found(many, "gate", camera="yard") == ["3"]
    assert found(many, "gate", camera="front_door", limit=2) == ["4", "2"]
    assert found(many, "gate", since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=4)) == ["3", "2", "1"]
    assert found(many, "gate", camera="nowhere") == []
    assert found(many, "gate", since=NOON + timedelta(days=1)) == []


def test_few_and_many_are_searched_for_the_same_events(many: EventSearch, rooms: Rooms) -> None:
    """Only the order may differ."""
    exact = EventSearch(rooms.database, rooms.media)

    for sentence in ("white", "white van", "cat fox", "gate", "purple", "white white GATE"):
        assert sorted(found(many, sentence)) == sorted(found(exact, sentence))


def test_a_whole_page_is_a_question_too(many: EventSearch) -> None:
    """Somebody pastes a letter into the box: its first words are looked for."""
    page = "the van " + " ".join(f"word{number}" for number in range(2_000))

    assert found(many, page, limit=1) == ["0"]
