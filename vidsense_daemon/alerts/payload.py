"""An event as JSON: the one form in which every hook tells of it.

Pure; the command line and tests call it as well. The form is published in docs/alert-payload.schema.json and only
grows: a key keeps its meaning, and `schema_version` goes up when one must not. What a receiver needs to find the
event again (`id`) is the same in every phase; `id` and `phase` together name one message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from vidsense_daemon.alerts.words import title
from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.events import DeliveryPhase, Description, EventRecord, StoredClip, StoredStill
from vidsense_daemon.domain.frames import Box

SCHEMA_VERSION: Final = 1

_AtMs = Annotated[int, Field(description="milliseconds since 1970-01-01 UTC")]
_Ratio = Annotated[float, Field(ge=0, le=1)]
_BoxJson = Annotated[
    tuple[_Ratio, _Ratio, _Ratio, _Ratio] | None,
    Field(description="left, top, right, bottom: ratios of the picture's width and height; null when nothing moved"),
]


class StillJson(TypedDict):
    """A picture of the event, on the daemon's own disk."""

    path: Annotated[str, Field(description="absolute path of the JPEG")]
    role: Annotated[str, Field(description="first, middle, peak or last")]
    captured_at_ms: _AtMs
    width_px: int
    height_px: int
    box: _BoxJson
    score: float


class ClipJson(TypedDict):
    """A short film of the event, on the daemon's own disk."""

    path: Annotated[str, Field(description="absolute path of the MP4 file")]
    started_at_ms: _AtMs
    duration_s: float


class AnswerJson(TypedDict):
    """One of the operator's questions, answered by the describer."""

    question: str
    answer: str


class DescriptionJson(TypedDict):
    """The event in words. Written by a model that looks at what a camera saw: show it, never execute or trust it."""

    backend: Annotated[str, Field(description="ollama, openai or builtin")]
    model: Annotated[str, Field(description='which model wrote; "" when none did')]
    status: Literal["pending", "running", "done", "partial", "failed", "skipped"]
    summary: str
    answers: list[AnswerJson]
    details: Annotated[dict[str, Any], Field(description="the structured answer, as the describer's schema has it")]


class OtherJson(TypedDict):
    """An event that got no message of its own."""

    id: str
    camera: str
    trigger: str
    started_at_ms: _AtMs
    summary: str


class AlertJson(TypedDict):
    """One message about one event."""

    type: Annotated[str, Field(description='"event." and the phase')]
    schema_version: Literal[1]
    id: Annotated[str, Field(description="the event's own; the same in every phase")]
    phase: Annotated[str, Field(description="why this message is sent: opened, closed or described")]
    title: Annotated[str, Field(description="one short line for people")]
    summary: Annotated[str, Field(description="the description when there is one, else the trigger's sentence")]
    camera: str
    trigger: str
    severity: Literal["info", "warning", "alert"]
    prompt: Annotated[str, Field(description="the trigger's sentence when the event opened")]
    state: Literal["open", "closed"]
    source: Literal["live", "replay"]
    started_at_ms: _AtMs
    ended_at_ms: Annotated[int, Field(description="the newest moment known to belong to it, milliseconds, UTC")]
    score: Annotated[float, Field(description="the highest so far, in spreads of the encoder's space over background")]
    encoder: Annotated[str, Field(description="whose score it is")]
    zones: list[str]
    labels: Annotated[list[str], Field(description="what it shows, in words of the vocabulary, clearest first")]
    explanation: Annotated[str, Field(description="why it is novelty or tamper; empty for a trigger's event")]
    first_box: _BoxJson
    last_box: _BoxJson
    stills: list[StillJson]
    clip: Annotated[ClipJson | None, Field(description="null until it is complete, some seconds after the event's end")]
    description: DescriptionJson | None
    others: NotRequired[
        Annotated[list[OtherJson], Field(description="events that were held back and are told in this message")]
    ]
    link: NotRequired[Annotated[str, Field(description="where the event can be looked at, when the hook knows")]]
    clip_link: NotRequired[
        Annotated[str, Field(description="where the clip can be played, when there is one and the hook knows")]
    ]
    still_jpeg_base64: NotRequired[
        Annotated[str, Field(description="the best still itself, when the hook is set to attach it")]
    ]


def event_payload(record: EventRecord, phase: DeliveryPhase, others: Sequence[EventRecord] = ()) -> AlertJson:
    """What a hook is told of an event in this phase, and of the ``others`` that were held back until now."""
    event = record.event
    payload: AlertJson = {
        "type": f"event.{phase.value}",
        "schema_version": SCHEMA_VERSION,
        "id": event.id,
        "phase": phase.value,
        "title": title(record, others),
        "summary": record.words,
        "camera": event.camera,
        "trigger": event.trigger,
        "severity": event.severity.value,
        "prompt": event.prompt,
        "state": event.state.value,
        "source": event.source.value,
        "started_at_ms": to_ms(event.started_at),
        "ended_at_ms": to_ms(event.ended_at),
        "score": event.score,
        "encoder": event.encoder,
        "zones": list(event.zones),
        "labels": list(event.labels),
        "explanation": event.explanation,
        "first_box": _box(event.first_box),
        "last_box": _box(event.last_box),
        "stills": [_still(still) for still in record.stills],
        "clip": _clip(record.clip) if record.clip else None,
        "description": _description(record.description) if record.description else None,
    }
    if others:
        payload["others"] = [_other(other) for other in others]
    return payload


def payload_bytes(payload: AlertJson) -> bytes:
    """The payload as it travels: UTF-8 JSON without spaces; what a signature is made of."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def payload_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of the payload; docs/alert-payload.schema.json is this, printed."""
    schema = TypeAdapter(AlertJson).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def add_links(payload: AlertJson, base_url: str, record: EventRecord) -> None:
    """Say where the event, and its clip when there is one, can be looked at."""
    payload["link"] = event_link(base_url, record)
    if record.clip is not None:
        payload["clip_link"] = f"{base_url.rstrip('/')}/api/events/{record.event.id}/clip.mp4"


def event_link(base_url: str, record: EventRecord) -> str:
    """Where the event can be looked at, below the address under which people reach the daemon's pages."""
    return f"{base_url.rstrip('/')}/events/{record.event.id}"


def best_still(record: EventRecord) -> StoredStill | None:
    """The still that shows most: where the score is highest; none when the event has none."""
    return max(record.stills, key=lambda still: still.score, default=None)


def message_id(record: EventRecord, phase: DeliveryPhase) -> str:
    """Names one message to all receivers: unchanged by retries and restarts, so a receiver can drop the second one.

    No dot in it: a signature joins id, timestamp and body by dots.
    """
    return f"{record.event.id}_{phase.value}"


def _other(record: EventRecord) -> OtherJson:
    return {
        "id": record.event.id,
        "camera": record.event.camera,
        "trigger": record.event.trigger,
        "started_at_ms": to_ms(record.event.started_at),
        "summary": record.words,
    }


def _box(box: Box | None) -> tuple[float, float, float, float] | None:
    return (box.left, box.top, box.right, box.bottom) if box else None


def _still(still: StoredStill) -> StillJson:
    return {
        "path": still.path,
        "role": still.role,
        "captured_at_ms": to_ms(still.captured_at),
        "width_px": still.width_px,
        "height_px": still.height_px,
        "box": _box(still.box),
        "score": still.score,
    }


def _clip(clip: StoredClip) -> ClipJson:
    return {"path": clip.path, "started_at_ms": to_ms(clip.started_at), "duration_s": clip.duration_s}


def _description(description: Description) -> DescriptionJson:
    return {
        "backend": description.backend,
        "model": description.model,
        "status": description.status.value,
        "summary": description.summary,
        "answers": [{"question": answer.question, "answer": answer.answer} for answer in description.answers],
        "details": dict(description.details),
    }
