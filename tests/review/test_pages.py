"""The pages as they leave the server: what they say, and that they work without a script."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from store import scenes

from vidsense_daemon.domain.events import Severity

from .house import TOKEN, CameraSays, House

_BROWSER = {"accept": "text/html"}


def shown(client: httpx.Client, address: str) -> str:
    answer = client.get(address, headers=_BROWSER)
    assert answer.status_code == 200
    return answer.text


def ids_in(page: str) -> list[str]:
    return re.findall(r'<article class="card[^"]*" id="e-([^"]+)"', page)


def test_older_events_are_reached_without_a_script(house: House, client: httpx.Client) -> None:
    """The link below the cards leads to the next ones, and the last page has none."""
    ids = house.happened(130)
    page, seen = shown(client, "/?show=all"), []
    while True:
        seen += ids_in(page)
        older = re.search(r'class="more" rel="next" href="([^"]+)"', page)
        if older is None:
            break
        page = shown(client, unescape(older[1]))

    assert seen == ids[::-1]


def test_a_search_is_narrowed_by_what_is_chosen_beside_it(house: House, client: httpx.Client) -> None:
    """Severity, label and day count for a search, too; what has been reviewed is found as well."""
    seen = house.happens(words=scenes.words("A courier."), severity=Severity.INFO)
    house.desk.set_reviewed([seen], reviewed=True, now=scenes.NOON)
    today = house.happens(minutes=1, words=scenes.words("A courier."), labels=("parcel",))
    before = house.happens(words=scenes.words("A courier."), day=scenes.NOON - timedelta(days=3))

    def found(narrowed: str) -> list[str]:
        return sorted(ids_in(shown(client, f"/?q=courier&{narrowed}")))

    assert found("show=new") == sorted([seen, today, before])
    assert found("severity=info") == [seen]
    assert found("label=parcel") == [today]
    assert found("day=2026-03-11") == [before]


def test_an_empty_page_says_why_it_is_empty(house: House, client: httpx.Client) -> None:
    """Nothing has happened yet is another thing than everything has been reviewed."""
    assert "Nothing has happened yet" in shown(client, "/")

    house.desk.set_reviewed([house.happens()], reviewed=True, now=scenes.NOON)
    assert "All of the last 30 days are reviewed" in shown(client, "/")


def test_a_house_without_cameras_says_what_to_do(tmp_path: Path) -> None:
    """The first thing that somebody sees who has configured nothing."""
    with House(tmp_path / "state") as house, house.client() as client:
        for name in ("front_door", "yard"):
            house.board.forget(name)

        assert "vidsense init" in shown(client, "/")
        assert "vidsense init" in shown(client, "/live")


def test_an_offline_camera_is_told_where_people_look(house: House, client: httpx.Client) -> None:
    """With the day when it was not today: nobody watches the door since Thursday."""
    since = scenes.NOON - timedelta(days=2)
    house.board.heard(CameraSays("yard", phase="waiting", since=since, message="no route to the camera"))

    assert "is offline since Thu 12 Mar 2026, 12:00:00" in shown(client, "/")
    assert re.search(r"offline since <time [^>]*>Thu 12 Mar 2026, 12:00:00<", shown(client, "/live"))
    assert "1 of 2 cameras offline" in shown(client, "/health")


def test_an_event_over_midnight_ends_on_the_next_day(house: House, client: httpx.Client) -> None:
    """An end at 01:00 that lies before its beginning at 23:00 would puzzle."""
    id_ = house.happens(minutes=11 * 60, lasts_s=7200)

    assert "Sun 15 Mar 2026, 01:00:00" in shown(client, f"/events/{id_}")


def test_alarms_can_be_chosen_like_triggers(house: House, client: httpx.Client) -> None:
    """Novelty and tampering have no trigger; a camera that is gone stays chosen while its events are looked at."""
    page = shown(client, "/?camera=attic")

    for name in ("person_at_door", "novelty", "tamper", "attic"):
        assert re.search(rf"<option( selected)?>{name}</option>", page)


def test_a_verdict_that_is_pressed_again_is_taken_back(house: House, client: httpx.Client) -> None:
    """Enter in the note keeps what was said; without a verdict the note belongs to nothing, and the page says so."""
    id_, csrf = house.happens(), house.csrf(client)

    def send(verdict: str) -> int:
        fields = {"csrf": csrf, "verdict": verdict, "note": "only the cat"}
        return client.post(f"/events/{id_}/feedback", data=fields).status_code

    def buttons() -> list[str]:
        return re.findall(r'name="verdict" value="([^"]*)"', shown(client, f"/events/{id_}"))

    assert buttons() == ["", "good", "bad"]
    assert send("") == 422

    assert send("bad") == 303
    assert buttons() == ["bad", "good", "none"]
    assert house.opinions.given([id_])[id_].note == "only the cat"

    assert send("none") == 303
    assert house.opinions.given([id_]) == {}


def test_a_backtest_tells_the_time_where_the_cameras_are(tmp_path: Path) -> None:
    """Its list shows the times that the event's own page shows, wherever the browser is."""
    with House(tmp_path / "state", tokens={"script": TOKEN}, zone=ZoneInfo("Europe/Berlin")) as house:
        house.happens()
        with house.client(headers={"authorization": f"Bearer {TOKEN}"}) as client:
            tried = client.post("/api/triggers/backtest", json={"prompt": "a person"}).json()

    assert tried["firings"][0]["started_at"] == "2026-03-14T13:00:00+01:00"
