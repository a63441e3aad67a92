"""HEAD: what a monitor, a download or a link checker asks before it reads."""

from __future__ import annotations

import httpx
from fakes import wait_until

from .house import House, frame

_READABLE = ("/", "/cards", "/live", "/healthz", "/static/style.css", "/api/events", "/api/cameras/yard", "/nowhere")


def test_a_head_says_what_a_get_would_send(house: House, client: httpx.Client) -> None:
    """The same status, type and length, and no body."""
    house.board.saw(frame("yard", with_still=True))
    for path in (*_READABLE, "/api/cameras/yard/still.jpg"):
        asked, answer = client.get(path), client.head(path)

        assert _outside(answer) == _outside(asked), path
        assert answer.content == b""


def test_a_head_of_the_live_stream_ends(house: House, client: httpx.Client) -> None:
    """It has no end of its own; who only asks for its headers keeps no place among its readers."""
    for _ in range(40):
        assert client.head("/api/events/stream").status_code == 200

    def listens() -> bool:
        with client.stream("GET", "/api/events/stream") as answer:
            return answer.status_code == 200

    wait_until(listens, "the places to be free")


def test_a_head_does_not_write(house: House, client: httpx.Client) -> None:
    """It is no way around the method that an address takes."""
    id_ = house.happens()

    assert client.head(f"/api/events/{id_}/feedback").status_code == 405


def _outside(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.headers["content-type"], answer.headers["content-length"]
