from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import Window
from vidsense_daemon.store.search import EventSearch
from vidsense_daemon.store.window_index import WindowIndex, largest, principal_directions

from .scenes import NOON, Rooms, ended, event, window, words

D = 96  # more than a sketch has, so that the directions have to be learnt


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def index(rooms: Rooms) -> WindowIndex:
    return WindowIndex(rooms.state_dir / "vectors", database=rooms.database, encoder="builtin-1")


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def seen(embedding: NDArray[np.float32], number: int, *, camera: str = "front_door", seconds: float = 0.0) -> Window:
    """A window with this embedding, ``seconds`` after noon."""
    at = NOON + timedelta(seconds=seconds)
    return replace(window(number, camera=camera, at=at, with_crop=False), pooled=unit(embedding))


def store_described(rooms: Rooms, id_: str, summary: str, **about: object) -> None:
    mine = event(id_, **about)  # type: ignore[arg-type]
    rooms.events.opened(mine, None, window(run_id=id_))
    rooms.events.closed(ended(mine), [], window(9, run_id=id_))
    rooms.descriptions.claim(NOON)
    rooms.descriptions.finish(id_, words(summary), NOON)


def ids(found: list[object]) -> list[str]:
    return [one.record.event.id for one in found]  # type: ignore[attr-defined]


def test_an_event_is_found_by_the_words_of_its_description(rooms: Rooms) -> None:
    """Other forms of a word find it too; so do the camera's and the trigger's names."""
    store_described(rooms, "1-van", "A white van stops at the gate at night.")
    store_described(rooms, "2-cat", "A cat walks along the wall.", camera="back_yard")
    search = EventSearch(rooms.database, rooms.media)

    assert ids(search.by_words("white vans")) == ["1-van"]
    assert ids(search.by_words("walking cats")) == ["2-cat"]
    assert ids(search.by_words("back yard")) == ["2-cat"]


def test_the_event_with_more_of_the_words_comes_first(rooms: Rooms) -> None:
    store_described(rooms, "1-car", "A white car passes.")
    store_described(rooms, "2-van", "A white van passes.")

    assert ids(EventSearch(rooms.database, rooms.media).by_words("a white van")) == ["2-van", "1-car"]


def test_a_search_is_limited_to_a_camera_and_a_time(rooms: Rooms) -> None:
    store_described(rooms, "1-a", "A dog.", started_at=NOON)
    store_described(rooms, "2-b", "A dog.", started_at=NOON + timedelta(hours=1), camera="yard")
    search = EventSearch(rooms.database, rooms.media)

    assert ids(search.by_words("dog", camera="yard")) == ["2-b"]
    assert ids(search.by_words("dog", since=NOON + timedelta(minutes=1))) == ["2-b"]
    assert ids(search.by_words("dog", until=NOON + timedelta(hours=1))) == ["1-a"]


@pytest.mark.parametrize("sentence", ['"', "NEAR(", "a AND", "*", "words:x", "", "—", "' OR 1=1 --"])
def test_whatever_is_typed_is_words_and_never_grammar(rooms: Rooms, sentence: str) -> None:
    store_described(rooms, "1-a", "A dog.")

    EventSearch(rooms.database, rooms.media).by_words(sentence)


def test_a_deleted_event_is_not_found_any_more(rooms: Rooms) -> None:
    store_described(rooms, "1-a", "A dog.")
    rooms.database.write(lambda connection: connection.exec_driver_sql("DELETE FROM events"))

    assert EventSearch(rooms.database, rooms.media).by_words("dog") == []


def test_the_nearest_windows_are_those_an_exact_search_finds(
    rooms: Rooms, index: WindowIndex, random: np.random.Generator
) -> None:
    """Sketches only choose the candidates: order and scores are those of the embeddings themselves."""
    mixing = random.standard_normal((12, D)).astype(np.float32)  # a house's windows differ in few directions
    embeddings = [unit(random.standard_normal(12).astype(np.float32) @ mixing) for _ in range(3_000)]
    for number, embedding in enumerate(embeddings):
        rooms.events.observed(seen(embedding, number), "builtin-1")
    rooms.events.flush()
    assert index.update() == 3_000

    sentence = unit(random.standard_normal(D).astype(np.float32))
    stored = np.stack(embeddings).astype("<f2").astype(np.float32)
    exact = (stored - stored.mean(axis=0)) @ sentence
    near = index.nearest(sentence, limit=10)
    assert [one.window_id - 1 for one in near] == largest(exact, 10).tolist()
    np.testing.assert_allclose([one.score for one in near], exact[largest(exact, 10)], atol=1e-4)


def test_a_sentence_finds_the_event_whose_windows_mean_it(
    rooms: Rooms, index: WindowIndex, random: np.random.Generator
) -> None:
    """The window belongs to the event by its time; nobody wrote a word about it."""
    van, garden = (unit(random.standard_normal(D).astype(np.float32)) for _ in range(2))
    rooms.events.opened(event("1-van", started_at=NOON, lasts_s=10), None, seen(garden, 0))
    rooms.events.opened(event("2-other", started_at=NOON + timedelta(hours=1)), None, seen(garden, 1, seconds=3600))
    rooms.events.observed(seen(van + garden, 2, seconds=5), "builtin-1")
    for number in range(3, 40):
        rooms.events.observed(seen(garden + 0.1 * random.standard_normal(D), number, seconds=60 * number), "builtin-1")
    rooms.events.flush()
    index.update()

    best = EventSearch(rooms.database, rooms.media, index=index).search("white van", van)[0]
    assert (best.record.event.id, best.by) == ("1-van", ("meaning",))
    assert best.seen_at == NOON + timedelta(seconds=5)


def test_a_camera_that_always_looks_like_the_sentence_does_not_win(
    rooms: Rooms, index: WindowIndex, random: np.random.Generator
) -> None:
    """The drive's camera sees a parked car all day; the one that drives up to the door is the news."""
    car, door = (unit(random.standard_normal(D).astype(np.float32)) for _ in range(2))
    for number in range(50):
        noise = 0.05 * random.standard_normal(D)
        rooms.events.observed(seen(car + noise, number, camera="drive"), "builtin-1")
        rooms.events.observed(seen(door + noise + (0.5 * car if number == 7 else 0), number), "builtin-1")
    rooms.events.flush()
    index.update()

    (near,) = index.nearest(car, limit=1)
    kept = list(rooms.windows.between(NOON, NOON + timedelta(days=1), encoder="builtin-1"))
    (found,) = [one for one in kept if one.id == near.window_id]
    assert (found.camera, found.frame_index) == ("front_door", 7)


def test_the_index_takes_in_what_is_new_and_forgets_what_was_deleted(
    rooms: Rooms, index: WindowIndex, random: np.random.Generator
) -> None:
    target = unit(random.standard_normal(D).astype(np.float32))
    for number in range(20):
        rooms.events.observed(seen(random.standard_normal(D).astype(np.float32), number), "builtin-1")
    rooms.events.flush()
    assert (index.update(), index.update()) == (20, 0)
    rooms.events.observed(seen(target, 99, camera="new_camera"), "builtin-1")
    rooms.events.flush()
    assert index.update() == 1
    assert index.nearest(target, limit=1)[0].window_id != 21  # its camera has seen nothing else: it is its own mean

    rooms.database.write(lambda connection: connection.exec_driver_sql("DELETE FROM windows WHERE id > 5"))
    assert {near.window_id for near in index.nearest(target, limit=50)} == {1, 2, 3, 4, 5}
    index.update()
    assert len(index.nearest(target, limit=50)) == 5


def test_the_search_is_limited_to_a_camera_and_a_time_by_meaning_too(
    rooms: Rooms, index: WindowIndex, random: np.random.Generator
) -> None:
    for number in range(10):
        vector = random.standard_normal(D).astype(np.float32)
        rooms.events.observed(seen(vector, number, seconds=number), "builtin-1")
        rooms.events.observed(seen(vector, number, camera="yard", seconds=number), "builtin-1")
    rooms.events.flush()
    index.update()
    anything = unit(np.ones(D, dtype=np.float32))

    since, until = NOON + timedelta(seconds=3), NOON + timedelta(seconds=6)
    assert len(index.nearest(anything, limit=100, since=since, until=until)) == 6
    assert len(index.nearest(anything, limit=100, camera="yard", since=since, until=until)) == 3
    assert index.nearest(anything, limit=100, camera="no such camera") == []


@pytest.mark.parametrize("lost", ["everything", "state.json", "sketches", "window_ids", "cameras", "directions.npy"])
def test_an_index_that_lost_files_is_built_again(
    rooms: Rooms, index: WindowIndex, random: np.random.Generator, lost: str
) -> None:
    for number in range(30):
        rooms.events.observed(seen(random.standard_normal(D).astype(np.float32), number), "builtin-1")
    rooms.events.flush()
    index.update()
    if lost == "everything":
        shutil.rmtree(rooms.state_dir / "vectors")
    else:
        next((rooms.state_dir / "vectors").rglob(lost)).unlink()

    index.nearest(unit(np.ones(D, dtype=np.float32)), limit=3)  # no error meanwhile
    index.update()
    assert len(index.nearest(unit(np.ones(D, dtype=np.float32)), limit=50)) == 30


def test_an_empty_house_finds_nothing(rooms: Rooms, index: WindowIndex) -> None:
    assert index.update() == 0
    assert EventSearch(rooms.database, rooms.media, index=index).search("a dog", unit(np.ones(D, np.float32))) == []


def test_directions_are_orthonormal_and_keep_what_differs_most(random: np.random.Generator) -> None:
    sample = random.standard_normal((500, 20)).astype(np.float32) * np.linspace(0.01, 3, 20, dtype=np.float32)
    directions = principal_directions(sample, 5)

    np.testing.assert_allclose(directions.T @ directions, np.eye(5), atol=1e-5)
    kept = np.linalg.norm(sample @ directions) / np.linalg.norm(sample)
    assert kept > 0.75
