"""What a hook is told of an event."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from vidsense_daemon.alerts.payload import (
    AlertJson,
    add_links,
    event_payload,
    message_id,
    payload_bytes,
    payload_schema,
)
from vidsense_daemon.domain.events import DeliveryPhase, StoredClip

from .fakes import record

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "alert-payload.schema.json"


def test_an_alert_says_what_where_and_when() -> None:
    """The first message has all that is known before the description."""
    payload = event_payload(record(), DeliveryPhase.OPENED)

    assert payload == {
        "type": "event.opened",
        "schema_version": 1,
        "id": "1777916523000-abcdef",
        "phase": "opened",
        "title": "person at door · front door",
        "summary": "a person standing at the front door",
        "camera": "front_door",
        "trigger": "person_at_door",
        "severity": "alert",
        "prompt": "a person standing at the front door",
        "state": "open",
        "source": "live",
        "started_at_ms": 1777916523000,
        "ended_at_ms": 1777916535000,
        "score": 0.31,
        "encoder": "builtin",
        "zones": ["steps"],
        "labels": [],
        "explanation": "",
        "first_box": (0.1, 0.2, 0.3, 0.9),
        "last_box": (0.5, 0.2, 0.7, 0.9),
        "stills": [
            {
                "path": "/var/lib/vidsense/a.jpg",
                "role": "first",
                "captured_at_ms": 1777916523000,
                "width_px": 1920,
                "height_px": 1080,
                "box": (0.1, 0.2, 0.3, 0.9),
                "score": 0.31,
            }
        ],
        "clip": None,
        "description": None,
    }


def test_the_second_message_carries_the_description_under_the_same_id() -> None:
    """A phone can replace the first notification by the second."""
    payload = event_payload(record(described=True), DeliveryPhase.DESCRIBED)

    assert payload["id"] == event_payload(record(), DeliveryPhase.OPENED)["id"]
    assert payload["summary"] == "A courier leaves a parcel – „Ünïcode“."
    assert payload["description"] == {
        "backend": "ollama",
        "model": "llava:7b",
        "status": "done",
        "summary": "A courier leaves a parcel – „Ünïcode“.",
        "answers": [{"question": "How many people?", "answer": "one"}],
        "details": {"people": 1},
    }


def test_a_clip_is_named_and_linked_once_it_is_there() -> None:
    """It is complete some seconds after the event's end: the description's message mostly has it."""
    clip = StoredClip("/var/lib/vidsense/a.mp4", record().event.started_at, 12.5)
    payload = event_payload(replace(record(described=True), clip=clip), DeliveryPhase.DESCRIBED)
    add_links(payload, "https://home.example/", replace(record(), clip=clip))

    assert payload["clip"] == {"path": clip.path, "started_at_ms": 1777916523000, "duration_s": 12.5}
    assert payload["clip_link"] == "https://home.example/api/events/1777916523000-abcdef/clip.mp4"
    assert TypeAdapter(AlertJson).validate_python(payload, strict=True) == payload


def test_every_phase_is_a_message_of_its_own() -> None:
    """A receiver that drops repeated ids must not drop the description."""
    ids = {message_id(record(), phase) for phase in DeliveryPhase}

    assert len(ids) == len(DeliveryPhase)
    assert not any("." in identity for identity in ids)


def test_what_is_sent_is_what_the_schema_says() -> None:
    """No key is sent that is not published, and none is missing."""
    sent = event_payload(record(described=True), DeliveryPhase.DESCRIBED)

    assert TypeAdapter(AlertJson).validate_python(sent, strict=True) == sent
    assert set(sent) <= set(payload_schema()["properties"])
    assert set(payload_schema()["required"]) <= set(sent)


def test_the_published_schema_is_the_programs_own() -> None:
    """docs/alert-payload.schema.json does not drift; `python -m json.tool` of payload_schema() makes it anew."""
    assert json.loads(SCHEMA_FILE.read_text()) == payload_schema()


def test_the_bytes_are_json_in_utf8() -> None:
    """Umlauts travel as themselves."""
    body = payload_bytes(event_payload(record(described=True), DeliveryPhase.DESCRIBED))

    assert "Ünïcode".encode() in body
    assert json.loads(body)["camera"] == "front_door"
