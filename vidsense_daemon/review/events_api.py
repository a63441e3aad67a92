"""`/api/events`: list, get, mark, delete, describe again; stills and clips by id."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vidsense_daemon.base.clock import END_OF_TIME_MS, Clock, from_ms, to_ms
from vidsense_daemon.domain.events import EventRecord, Severity, Source, Verdict
from vidsense_daemon.review.listing import CURSOR_PATTERN, Listing, Wanted
from vidsense_daemon.review.media import clip_response, jpeg_response, read_still, unless_known
from vidsense_daemon.review.ports import Attention, Ports
from vidsense_daemon.review.problems import Problem, may_answer
from vidsense_daemon.review.shapes import DeliveryJson, EventJson, EventsJson, delivery_json, event_json
from vidsense_daemon.review.thumbnails import WIDTH_PX, Thumbnails

LONGEST_NOTE = 1000

PortT = TypeVar("PortT")

EventId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="the event's id")]
AtMsQuery = Annotated[int | None, Query(ge=0, le=END_OF_TIME_MS, description="milliseconds since 1970, UTC")]
NameQuery = Annotated[str | None, Query(max_length=64)]


def _number(value: object) -> object:
    """JSON's own numbers only, 5.0 among them: pydantic would take `true` and "5" for one, which no schema says."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Input should be a number")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


class EventPatch(BaseModel):
    """What to change; keys that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reviewed: bool | None = None
    pinned: bool | None = None


class FeedbackJson(BaseModel):
    """What its owner says of an event; learning reads it."""

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict
    note: Annotated[str | None, Field(max_length=LONGEST_NOTE, description="null keeps the note that is there")] = None


class ReviewedUntil(BaseModel):
    """Up to when everything has been looked at."""

    model_config = ConfigDict(extra="forbid")

    until_ms: Annotated[int, Field(ge=0, le=END_OF_TIME_MS), BeforeValidator(_number)]


class AttentionJson(BaseModel):
    """How much one moment counted in the event's window; the weights add up to 1."""

    captured_at_ms: int
    weight: float


class EventDetailJson(EventJson):
    """An event with all that is known about it."""

    deliveries: list[DeliveryJson]
    attention: list[AttentionJson]
    clip_url: str | None


class EventsApi:
    """The routes, bound to their ports."""

    def __init__(self, ports: Ports, *, listing: Listing, clock: Clock) -> None:
        self._ports = ports
        self._thumbnails = Thumbnails(media_dir=ports.media_dir)
        self._listing = listing
        self._clock = clock

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api/events", tags=["events"])
        add = router.add_api_route
        add("", self.find, methods=["GET"], responses=may_answer())
        add("/reviewed", self.set_all_reviewed, methods=["POST"], status_code=204, responses=may_answer(501))
        add("/{event_id}", self.get, methods=["GET"], responses=may_answer(404))
        add("/{event_id}", self.patch, methods=["PATCH"], responses=may_answer(404, 501))
        add("/{event_id}", self.delete, methods=["DELETE"], status_code=204, responses=may_answer(404, 409, 501))
        add("/{event_id}/feedback", self.feedback, methods=["POST"], responses=may_answer(404, 501))
        add(
            "/{event_id}/feedback",
            self.clear_feedback,
            methods=["DELETE"],
            status_code=204,
            responses=may_answer(404, 501),
        )
        add(
            "/{event_id}/describe",
            self.describe_again,
            methods=["POST"],
            status_code=202,
            responses=may_answer(404, 409, 501),
        )
        add(
            "/{event_id}/stills/{captured_at_ms}.jpg",
            self.still,
            methods=["GET"],
            response_class=Response,
            responses={200: {"content": {"image/jpeg": {}}}, **may_answer(404)},
        )
        add(
            "/{event_id}/clip.mp4",
            self.clip,
            methods=["GET"],
            response_class=Response,
            responses={
                200: {"content": {"video/mp4": {}}},
                206: {"description": "the range that was asked for", "content": {"video/mp4": {}}},
                416: {"description": "the range lies beyond the clip's end"},
                **may_answer(404),
            },
        )
        return router

    def find(
        self,
        camera: NameQuery = None,
        trigger: NameQuery = None,
        label: Annotated[str | None, Query(max_length=100, description="part of what it shows")] = None,
        severity: Severity | None = None,
        source: Source | None = None,
        reviewed: bool | None = None,
        pinned: bool | None = None,
        verdict: Verdict | None = None,
        since_ms: AtMsQuery = None,
        until_ms: AtMsQuery = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(pattern=CURSOR_PATTERN, description="`next_cursor` of a page")] = None,
    ) -> EventsJson:
        """Events, newest first. A page may be short and still have a `next_cursor`: go on until it is null."""
        wanted = Wanted(
            camera=camera,
            trigger=trigger,
            label=label,
            severity=severity,
            source=source,
            reviewed=reviewed,
            pinned=pinned,
            verdict=verdict,
            since=moment(since_ms),
            until=moment(until_ms),
        )
        page = self._listing.page(wanted, limit=limit, cursor=cursor)
        return EventsJson(
            events=[event_json(item.record, item.marks) for item in page.items], next_cursor=page.next_cursor
        )

    def get(self, event_id: EventId) -> EventDetailJson:
        """One event with its deliveries, attention and clip."""
        record = self._record(event_id)
        deliveries = self._ports.deliveries.deliveries(event_id) if self._ports.deliveries else ()
        attention = self._ports.attention.of_event(event_id) if self._ports.attention else ()
        clip = self._ports.clip_of(event_id) if self._ports.clip_of else None
        return EventDetailJson(
            **self._json(record).model_dump(),
            deliveries=[delivery_json(delivery) for delivery in deliveries],
            attention=[_attention(moment) for moment in attention],
            clip_url=f"/api/events/{event_id}/clip.mp4" if clip else None,
        )

    def patch(self, event_id: EventId, change: EventPatch) -> EventJson:
        """Mark as reviewed or new again, pin or unpin."""
        self._record(event_id)
        if change.reviewed is not None:
            reviews = needed(self._ports.reviews, "keep which events were reviewed")
            reviews.set_reviewed([event_id], reviewed=change.reviewed, now=self._clock.now())
        if change.pinned is not None:
            pins = needed(self._ports.pins, "pin events")
            pins.set_pinned(event_id, pinned=change.pinned, now=self._clock.now())
        return self._json(self._record(event_id))

    def set_all_reviewed(self, body: ReviewedUntil) -> None:
        """Mark every event as reviewed that began before a moment."""
        reviews = needed(self._ports.reviews, "keep which events were reviewed")
        reviews.set_all_reviewed(until=from_ms(body.until_ms), now=self._clock.now())

    def delete(self, event_id: EventId) -> None:
        """Delete an event with its stills, clip, description and deliveries."""
        eraser = needed(self._ports.eraser, "delete events")
        self._record(event_id)
        if not eraser.delete(event_id, now=self._clock.now()):
            raise Problem(409, "the event is still open: it can be deleted when it is over")

    def feedback(self, event_id: EventId, body: FeedbackJson) -> EventJson:
        """Say whether an event was worth telling; learning makes use of it."""
        record = self._record(event_id)
        feedback = needed(self._ports.feedback, "keep feedback")
        note = self._json(record).note if body.note is None else body.note
        feedback.give(event_id, verdict=body.verdict, note=note, now=self._clock.now())
        return self._json(record)

    def clear_feedback(self, event_id: EventId) -> None:
        """Take back what was said of an event."""
        self._record(event_id)
        needed(self._ports.feedback, "keep feedback").clear(event_id)

    def describe_again(self, event_id: EventId) -> EventJson:
        """Put the event back into the queue of the describer."""
        record = self._record(event_id)
        redescription = needed(self._ports.redescription, "describe an event again")
        if not redescription.describe_again(event_id):
            raise Problem(409, "the event is still open, or is being described right now")
        return self._json(record)

    def still(
        self,
        request: Request,
        event_id: EventId,
        captured_at_ms: Annotated[int, Path(ge=0, le=END_OF_TIME_MS)],
        small: Annotated[bool, Query(description=f"at most {WIDTH_PX} px wide, for lists")] = False,
    ) -> Response:
        """A still, as it was stored."""
        for still in self._record(event_id).stills:
            if to_ms(still.captured_at) == captured_at_ms:
                if small:
                    jpeg = self._thumbnails.of(still.path, width_px=still.width_px)
                else:
                    jpeg = read_still(still.path, media_dir=self._ports.media_dir)
                return unless_known(jpeg_response(jpeg, taken_at_ms=captured_at_ms), request)
        raise Problem(404, f"the event {event_id} has no still of that moment")

    def clip(self, request: Request, event_id: EventId) -> Response:
        """The event's video; ranges are answered, so a player can jump."""
        path = self._ports.clip_of(event_id) if self._ports.clip_of else None
        if path is None:
            raise Problem(404, f"there is no clip of an event {event_id}")
        return unless_known(clip_response(path, media_dir=self._ports.media_dir), request)

    def _record(self, event_id: str) -> EventRecord:
        record = self._ports.archive.get(event_id)
        if record is None:
            raise _no_event(event_id)
        return record

    def _json(self, record: EventRecord) -> EventJson:
        return event_json(record, self._listing.of([record])[0].marks)


def needed(port: PortT | None, what: str) -> PortT:
    """The port, when somebody stands behind it.

    Raises:
        Problem: 501, nobody does.
    """
    if port is None:
        raise Problem(501, f"this daemon can't {what}")
    return port


def _no_event(event_id: str) -> Problem:
    return Problem(404, f"there is no event {event_id}: it was deleted, or never was")


def moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else from_ms(at_ms)


def _attention(moment: Attention) -> AttentionJson:
    return AttentionJson(captured_at_ms=to_ms(moment.captured_at), weight=moment.weight)
