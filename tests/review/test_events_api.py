"""The events, as a program reads and changes them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from store import scenes

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.events import DescriptionStatus, Severity

from .house import House, frame


def test_an_event_is_told_with_its_stills_and_its_words(locked: House, program: httpx.Client) -> None:
    """What the database holds of an event is what the API answers."""
    id_ = locked.happens()

    event = program.get(f"/api/events/{id_}").raise_for_status().json()

    assert event["camera"] == "front_door"
    assert event["description"]["summary"] == "A courier leaves a parcel."
    assert [still["role"] for still in event["stills"]] == ["first", "peak", "last"]
    assert event["deliveries"][0]["hook"] == "phone"
    assert sum(moment["weight"] for moment in event["attention"]) == pytest.approx(1)


def test_pages_follow_each_other_without_a_gap_or_a_repeat(locked: House, program: httpx.Client) -> None:
    """A cursor goes on exactly where the page before ended, also when events come meanwhile."""
    ids = [locked.happens(minutes=minute) for minute in range(5)]

    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = program.get("/api/events", params=query).raise_for_status().json()
        seen += [event["id"] for event in page["events"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        locked.happens(minutes=60 + len(seen))

    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"camera": "yard"}, {"yard"}),
        ({"severity": "info"}, {"yard"}),
        ({"label": "Van"}, {"van"}),
        ({"label": "a cat"}, {"yard"}),
        ({"label": "Öl"}, {"van"}),
        ({"label": "unloads"}, {"van"}),
        ({"label": "white van stops"}, set()),
        ({"label": "["}, set()),
        ({"trigger": "person_at_door"}, {"door", "van"}),
        ({"reviewed": "true"}, {"van"}),
        ({"reviewed": "false"}, {"door", "yard"}),
        ({"pinned": "true"}, {"door"}),
        ({"since_ms": to_ms(scenes.NOON + timedelta(minutes=10))}, {"van"}),
        ({"until_ms": to_ms(scenes.NOON + timedelta(minutes=5))}, {"door"}),
    ],
)
def test_a_list_shows_only_what_was_asked_for(
    query: dict[str, str], expected: set[str], locked: House, program: httpx.Client
) -> None:
    """Each filter keeps what fits and nothing else."""
    van = scenes.words("A white van stops.")
    van.details.update(objects=["white Van", "Ölkanne"], actions=["unloads"])  # type: ignore[attr-defined]
    ids = {
        locked.happens(): "door",
        locked.happens(minutes=5, camera="yard", trigger="cat", severity=Severity.INFO, labels=("a cat",)): "yard",
        locked.happens(minutes=10, words=van): "van",
    }
    by_name = {name: id_ for id_, name in ids.items()}
    locked.desk.set_reviewed([by_name["van"]], reviewed=True, now=scenes.NOON)
    locked.desk.set_pinned(by_name["door"], pinned=True, now=scenes.NOON)

    page = program.get("/api/events", params=query).raise_for_status().json()

    assert {ids[event["id"]] for event in page["events"]} == expected
    assert page["next_cursor"] is None


def test_feedback_marks_and_pins_are_kept(locked: House, program: httpx.Client) -> None:
    """Good or bad, a note, reviewed, pinned: each is there when the event is read again."""
    id_ = locked.happens()

    program.post(f"/api/events/{id_}/feedback", json={"verdict": "bad", "note": "only the cat"}).raise_for_status()
    program.patch(f"/api/events/{id_}", json={"reviewed": True, "pinned": True}).raise_for_status()
    event = program.get(f"/api/events/{id_}").json()

    assert (event["verdict"], event["note"], event["reviewed"], event["pinned"]) == ("bad", "only the cat", True, True)


def test_a_second_verdict_keeps_the_note_and_both_can_be_taken_back(locked: House, program: httpx.Client) -> None:
    """A key press says good or bad and no more: what was written stays. Events are found by their verdict."""
    id_, _other = locked.happens(), locked.happens(minutes=1)
    verdicts = f"/api/events/{id_}/feedback"
    program.post(verdicts, json={"verdict": "bad", "note": "only the cat"}).raise_for_status()

    again = program.post(verdicts, json={"verdict": "good"}).raise_for_status().json()
    assert (again["verdict"], again["note"]) == ("good", "only the cat")
    found = program.get("/api/events", params={"verdict": "good"}).json()["events"]
    assert [event["id"] for event in found] == [id_]

    assert program.delete(verdicts).status_code == 204
    assert program.get(f"/api/events/{id_}").json()["verdict"] is None


def test_the_triggers_say_what_verdicts_taught(locked: House, program: httpx.Client) -> None:
    """The page and the API, camera by camera: before anybody has to trust it."""
    assert "front_door: feedback live: 6 spared" in program.get("/triggers").text

    (trigger,) = program.get("/api/triggers").json()
    assert trigger["learned"] == {"front_door": "feedback live: 6 spared"}


def test_everything_until_now_can_be_marked_as_reviewed(locked: House, program: httpx.Client) -> None:
    """What came after the moment stays new."""
    old, new = locked.happens(), locked.happens(minutes=30)

    body = {"until_ms": to_ms(scenes.NOON + timedelta(minutes=10))}
    answer = program.post("/api/events/reviewed", json=body)

    assert answer.status_code == 204
    assert (locked.is_reviewed(old), locked.is_reviewed(new)) == (True, False)


def test_deleting_and_describing_again_reach_the_store(locked: House, program: httpx.Client) -> None:
    """Both answer when it is done or queued."""
    id_ = locked.happens()

    described = program.post(f"/api/events/{id_}/describe")
    owed = locked.rooms.descriptions.claim(scenes.NOON)
    deleted = program.delete(f"/api/events/{id_}")

    assert (described.status_code, deleted.status_code) == (202, 204)
    assert owed is not None
    assert owed.event.id == id_
    assert locked.is_deleted(id_)
    assert program.get(f"/api/events/{id_}").status_code == 404


def test_an_open_event_is_neither_described_again_nor_deleted(locked: House, program: httpx.Client) -> None:
    """It is described once it is over, and perception still writes to it: until then both are a conflict."""
    event = scenes.event()
    locked.rooms.events.opened(event, None, scenes.window())

    described = program.post(f"/api/events/{event.id}/describe")
    deleted = program.delete(f"/api/events/{event.id}")

    assert (described.status_code, deleted.status_code) == (409, 409)
    assert not locked.is_deleted(event.id)


def test_a_still_is_served_as_it_was_stored(locked: House, program: httpx.Client) -> None:
    """The very bytes, as JPEG, to be kept by the browser and by nobody in between."""
    id_ = locked.happens()
    stored = locked.rooms.archive.get(id_)
    assert stored is not None

    url = program.get(f"/api/events/{id_}").json()["stills"][0]["url"]
    answer = program.get(url)

    assert answer.content == Path(stored.stills[0].path).read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"].startswith("private")


def test_a_player_can_jump_within_a_clip(locked: House, program: httpx.Client) -> None:
    """Ranges are answered with just the bytes asked for; one beyond the end is refused."""
    id_ = locked.happens()
    clip = locked.rooms.media.root / "clip.mp4"
    clip.write_bytes(bytes(range(256)) * 4)
    locked.clips[id_] = clip

    part = program.get(f"/api/events/{id_}/clip.mp4", headers={"range": "bytes=10-19"})
    beyond = program.get(f"/api/events/{id_}/clip.mp4", headers={"range": "bytes=5000-"})

    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert part.headers["content-range"] == "bytes 10-19/1024"
    assert beyond.status_code == 416


def test_a_rare_label_does_not_hold_the_server(locked: House, program: httpx.Client) -> None:
    """A look ends after a bounded number of events; the cursor goes on from there until the event is found."""
    rare = scenes.words("A fox.")
    rare.details["objects"] = ["fox"]  # type: ignore[index]
    fox = locked.happens(minutes=-1, words=rare)
    locked.happened(10_100)

    first = program.get("/api/events", params={"label": "fox"}).json()
    second = program.get("/api/events", params={"label": "fox", "cursor": first["next_cursor"]}).json()

    assert first["events"] == []
    assert [event["id"] for event in second["events"]] == [fox]


def test_what_a_daemon_cannot_do_is_said(tmp_path: Path) -> None:
    """Without a search index or feedback the answer is 501 with a reason, and events are still shown."""
    with House(tmp_path / "state", full=False, tokens={"script": "x" * 24}) as house:
        id_ = house.happens()
        with house.client(headers={"authorization": f"Bearer {'x' * 24}"}) as client:
            search = client.get("/api/search", params={"q": "van"})
            pin = client.patch(f"/api/events/{id_}", json={"pinned": True})
            event = client.get(f"/api/events/{id_}")

    assert (search.status_code, pin.status_code, event.status_code) == (501, 501, 200)
    assert search.json()["type"] == "urn:vidsense:problem:not-available"


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"limit": 0}, {"since_ms": -1}, {"severity": "huge"}, {"since_ms": 10**18}]
)
def test_a_mistake_names_the_parameter(query: dict[str, str], locked: House, program: httpx.Client) -> None:
    """RFC 9457: a type for programs, a sentence for people."""
    answer = program.get("/api/events", params=query)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["mistakes"][0]["where"] == f"query.{next(iter(query))}"


def test_a_failed_description_is_shown_with_its_reason(locked: House, program: httpx.Client) -> None:
    """The words are there, and so is why they are not the model's."""
    failed = scenes.words(status=DescriptionStatus.FAILED)
    id_ = locked.happens(words=failed)

    description = program.get(f"/api/events/{id_}").json()["description"]

    assert description["status"] == "failed"


def test_a_parameter_that_would_be_passed_over_is_refused(program: httpx.Client) -> None:
    """A misspelt filter must not return everything: the answer names it and what there is."""
    for address, says in (
        ("/api/events?camra=yard", "query.camra: no such parameter here; there are camera, trigger, label,"),
        ("/api/events?camera=yard&camera=door", "query.camera: stands 2 times, and one is taken"),
        ("/api/search?q=cat&since=5", "query.since: no such parameter here; there are q, camera, since_ms,"),
        ("/api/cameras?name=yard", "query.name: this address takes no parameters"),
        ("/api/events/stream?from=1", "query.from: no such parameter here; there are since"),
    ):
        answer = program.get(address)

        assert answer.status_code == 422
        assert says in answer.json()["detail"]
        assert answer.json()["mistakes"][0]["where"] in says


def test_a_page_passes_over_what_was_appended_to_its_link(client: httpx.Client) -> None:
    """Messengers append parameters of their own; the page is shown all the same."""
    assert client.get("/?utm_source=mail", headers={"accept": "text/html"}).status_code == 200


def test_a_picture_that_the_visitor_has_is_not_sent_again(locked: House, program: httpx.Client) -> None:
    """Who asks every second for a camera's newest still is sent it when there is a newer one."""
    id_ = locked.happens()
    locked.clips[id_] = locked.rooms.media.root / "clip.mp4"
    locked.clips[id_].write_bytes(b"not much of a film")
    locked.board.saw(frame("yard", with_still=True))
    still = program.get(f"/api/events/{id_}").json()["stills"][0]["url"]
    for address in (still, f"{still}?small=true", f"/api/events/{id_}/clip.mp4", "/api/cameras/yard/still.jpg"):
        first = program.get(address)
        again = program.get(address, headers={"if-none-match": first.headers["etag"]})

        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")

    locked.board.saw(frame("yard", at_s=60, with_still=True))
    assert program.get(address, headers={"if-none-match": first.headers["etag"]}).status_code == 200
