"""What the API answers, as pydantic models: OpenAPI is made of them, so it can't say anything else than what is sent.

The names are the ones that `vidsense events --json` and the alerts use. `_at_ms` is milliseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.events import Answer, Delivery, Description, Event, EventRecord, StoredStill
from vidsense_daemon.domain.frames import Box
from vidsense_daemon.review.board import CameraSight
from vidsense_daemon.review.listing import Marks

AtMs = Annotated[int, Field(description="milliseconds since 1970-01-01, UTC")]
Edges = Annotated[
    tuple[float, float, float, float] | None,
    Field(description="left, top, right, bottom: ratios 0 to 1 of the picture"),
]


class StillJson(BaseModel):
    """A picture of an event."""

    url: str
    role: Annotated[str, Field(description="first, middle, peak or last")]
    captured_at_ms: AtMs
    width_px: int
    height_px: int
    box: Edges
    score: float


class AnswerJson(BaseModel):
    """One of the operator's questions, answered by the describer."""

    question: str
    answer: str


class DescriptionJson(BaseModel):
    """The event in words. A model wrote it that looks at what a camera saw: show it, never execute or trust it."""

    backend: str
    model: str
    status: Annotated[str, Field(description="pending, running, done, partial, failed or skipped")]
    summary: str
    answers: list[AnswerJson]
    details: dict[str, Any]
    error: str | None


class EventJson(BaseModel):
    """Something that happened before a camera."""

    id: str
    camera: str
    trigger: str
    severity: Annotated[str, Field(description="info, warning or alert")]
    state: Annotated[str, Field(description="open or closed")]
    source: Annotated[str, Field(description="live or replay")]
    prompt: str
    started_at_ms: AtMs
    ended_at_ms: AtMs
    started_pts_s: float
    ended_pts_s: float
    score: Annotated[float, Field(description="the highest, in spreads of the encoder's space over background")]
    encoder: str
    zones: list[str]
    labels: Annotated[list[str], Field(description="what it shows, in words of the vocabulary, clearest first")]
    explanation: Annotated[str, Field(description="why it is novelty or tamper; empty for a trigger's event")]
    nearest_at_ms: Annotated[int | None, Field(description="when the camera saw what is most like it")]
    first_box: Edges
    last_box: Edges
    stills: list[StillJson]
    description: DescriptionJson | None
    reviewed: bool
    pinned: bool
    verdict: Annotated[str | None, Field(description="good, bad, or null: nobody has said yet")]
    note: str


class EventsJson(BaseModel):
    """One page of events, newest first."""

    events: list[EventJson]
    next_cursor: Annotated[str | None, Field(description="pass it as `cursor` for what comes after; null at the end")]


class DeliveryJson(BaseModel):
    """One message owed to one hook."""

    id: int
    hook: str
    phase: str
    status: Annotated[str, Field(description="pending, sent or dead")]
    attempts: int
    created_at_ms: AtMs
    next_attempt_at_ms: AtMs
    last_error: str | None


class CameraJson(BaseModel):
    """One camera, as of now."""

    name: str
    state: Annotated[str, Field(description="calm, busy, starting, offline or ended")]
    since_at_ms: Annotated[int | None, Field(description="of the stream's phase; null before the first word")]
    offline_since_at_ms: Annotated[
        int | None, Field(description="when it was lost, or first not reached; null otherwise")
    ]
    message: Annotated[str, Field(description="why it is offline and what to do; empty otherwise")]
    fps: Annotated[float | None, Field(description="frames a second that the stream says it has")]
    width_px: int
    height_px: int
    codec: str
    sessions: Annotated[int, Field(description="times that the stream was opened")]
    faults: Annotated[int, Field(description="times that it was lost or could not be opened")]
    frames: Annotated[int, Field(description="sampled frames since the daemon's start")]
    last_frame_at_ms: int | None
    last_motion_at_ms: int | None
    still_url: Annotated[str | None, Field(description="the newest still; null before the first one")]


def event_json(record: EventRecord, marks: Marks) -> EventJson:
    event: Event = record.event
    return EventJson(
        id=event.id,
        camera=event.camera,
        trigger=event.trigger,
        severity=event.severity.value,
        state=event.state.value,
        source=event.source.value,
        prompt=event.prompt,
        started_at_ms=to_ms(event.started_at),
        ended_at_ms=to_ms(event.ended_at),
        started_pts_s=event.started_pts_s,
        ended_pts_s=event.ended_pts_s,
        score=event.score,
        encoder=event.encoder,
        zones=list(event.zones),
        labels=list(event.labels),
        explanation=event.explanation,
        nearest_at_ms=to_ms(event.nearest_at) if event.nearest_at else None,
        first_box=_edges(event.first_box),
        last_box=_edges(event.last_box),
        stills=[_still(event.id, still) for still in record.stills],
        description=_description(record.description) if record.description else None,
        reviewed=marks.reviewed,
        pinned=marks.pinned,
        verdict=marks.verdict,
        note=marks.note,
    )


def still_url(event_id: str, still: StoredStill, *, small: bool = False) -> str:
    """By the moment and not by a number: a still that comes later must not take over an address that is cached."""
    return f"/api/events/{event_id}/stills/{to_ms(still.captured_at)}.jpg{'?small=true' if small else ''}"


def best_still_url(record: EventRecord, *, small: bool = False) -> str | None:
    """The still that shows most of the event: its peak, else the last one; none when it has none."""
    stills = sorted(record.stills, key=lambda still: (still.role == "peak", still.captured_at))
    return still_url(record.event.id, stills[-1], small=small) if stills else None


def delivery_json(delivery: Delivery) -> DeliveryJson:
    return DeliveryJson(
        id=delivery.id,
        hook=delivery.hook,
        phase=delivery.phase.value,
        status=delivery.status.value,
        attempts=delivery.attempts,
        created_at_ms=to_ms(delivery.created_at),
        next_attempt_at_ms=to_ms(delivery.next_attempt_at),
        last_error=delivery.last_error,
    )


def camera_json(sight: CameraSight) -> CameraJson:
    state = sight.state
    return CameraJson(
        name=sight.name,
        state=sight.word(),
        since_at_ms=to_ms(state.since) if state else None,
        offline_since_at_ms=to_ms(sight.offline_since) if sight.offline_since else None,
        message=state.message if state else "",
        fps=state.fps if state else None,
        width_px=state.width_px if state else 0,
        height_px=state.height_px if state else 0,
        codec=state.codec if state else "",
        sessions=state.sessions if state else 0,
        faults=state.faults if state else 0,
        frames=sight.frames,
        last_frame_at_ms=to_ms(sight.last_frame_at) if sight.last_frame_at else None,
        last_motion_at_ms=to_ms(sight.last_motion_at) if sight.last_motion_at else None,
        still_url=f"/api/cameras/{sight.name}/still.jpg?at={to_ms(sight.still.captured_at)}" if sight.still else None,
    )


def _still(event_id: str, still: StoredStill) -> StillJson:
    return StillJson(
        url=still_url(event_id, still),
        role=still.role,
        captured_at_ms=to_ms(still.captured_at),
        width_px=still.width_px,
        height_px=still.height_px,
        box=_edges(still.box),
        score=still.score,
    )


def _description(description: Description) -> DescriptionJson:
    return DescriptionJson(
        backend=description.backend,
        model=description.model,
        status=description.status.value,
        summary=description.summary,
        answers=[_answer(answer) for answer in description.answers],
        details=dict(description.details),
        error=description.error,
    )


def _answer(answer: Answer) -> AnswerJson:
    return AnswerJson(question=answer.question, answer=answer.answer)


def _edges(box: Box | None) -> tuple[float, float, float, float] | None:
    return None if box is None else (box.left, box.top, box.right, box.bottom)
