"""What happens to events, told as it happens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
from store import scenes

from .house import House


def blocks(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """The messages of a stream of server-sent events, comments left out."""
    block: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            block[name] = value
        elif block:
            yield block
            block = {}


def test_an_event_is_told_when_it_opens_closes_and_is_described(house: House, client: httpx.Client) -> None:
    """Three messages with rising bookmarks; the data is the event as the API shows it."""
    with client.stream("GET", "/api/events/stream") as answer:
        messages = blocks(answer.iter_lines())
        assert next(messages) == {"retry": "2000"}
        id_ = house.happens()
        told = [next(messages) for _ in range(3)]

    assert [message["event"] for message in told] == ["opened", "closed", "described"]
    assert [int(message["id"]) for message in told] == sorted({int(message["id"]) for message in told})
    assert json.loads(told[2]["data"])["id"] == id_
    assert json.loads(told[2]["data"])["description"]["summary"] == "A courier leaves a parcel."


def test_a_reader_that_was_away_misses_nothing(house: House, client: httpx.Client) -> None:
    """The browser sends the last bookmark it saw; what came since is told at once."""
    bookmark = house.rooms.archive.newest_sequence()
    id_ = house.happens()

    with client.stream("GET", "/api/events/stream", headers={"last-event-id": str(bookmark)}) as answer:
        messages = blocks(answer.iter_lines())
        next(messages)
        first = next(messages)

    assert (first["event"], json.loads(first["data"])["id"]) == ("opened", id_)


def test_nothing_is_missed_between_a_page_and_its_stream(house: House, client: httpx.Client) -> None:
    """An event that happens after the page was made, and before its script listens, is told all the same."""
    page = client.get("/").text
    since = re.search(r'data-since="(\d+)"', page)
    assert since is not None
    id_ = house.happens()

    with client.stream("GET", f"/api/events/stream?since={since[1]}") as answer:
        messages = blocks(answer.iter_lines())
        next(messages)
        first = next(messages)

    assert (first["event"], json.loads(first["data"])["id"]) == ("opened", id_)


def test_a_rubbish_bookmark_is_no_bookmark(house: House, client: httpx.Client) -> None:
    """Nothing that a client sends as Last-Event-ID breaks the stream: it begins now."""
    house.happens()
    for rubbish in ("-1", "9" * 40, "x", "1; DROP TABLE"):
        with client.stream("GET", "/api/events/stream", headers={"last-event-id": rubbish}) as answer:
            assert answer.status_code == 200
            assert next(blocks(answer.iter_lines())) == {"retry": "2000"}


def test_words_with_line_breaks_forge_no_message(house: House, client: httpx.Client) -> None:
    """A description that holds the stream's own grammar stays inside its JSON."""
    with client.stream("GET", "/api/events/stream") as answer:
        messages = blocks(answer.iter_lines())
        next(messages)
        house.happens(words=scenes.words("one\n\nevent: opened\ndata: {}\n\n"))
        told = [next(messages) for _ in range(3)]

    assert json.loads(told[2]["data"])["description"]["summary"].startswith("one\n\nevent: opened")


def test_there_is_a_limit_to_readers(house: House) -> None:
    """A page left open in a hundred tabs does not take all connections; the one too many is told why."""
    with ExitStack() as open_tabs:
        client = open_tabs.enter_context(house.client())
        listening = []
        for _ in range(32):
            answer = open_tabs.enter_context(client.stream("GET", "/api/events/stream"))
            listening.append(answer.iter_lines())
            next(listening[-1])
        refused = client.get("/api/events/stream")

    assert refused.status_code == 503
    assert "32 readers" in refused.json()["detail"]


def test_stopping_does_not_wait_for_readers(house: House, client: httpx.Client) -> None:
    """A page that is open somewhere must not keep the daemon from ending; the fixture asserts that it ends."""
    with client.stream("GET", "/api/events/stream") as answer:
        next(answer.iter_lines())
        house.workers[0].ask_to_stop()

        assert house.workers[0].join(5)
