"""`/api/search`, `/api/ask`, `/api/digest`, `/api/triggers`: questions about what was seen."""

from __future__ import annotations

from datetime import date, timedelta, tzinfo
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from vidsense_daemon.base.clock import Clock, to_ms
from vidsense_daemon.review.events_api import AtMsQuery, NameQuery, moment, needed
from vidsense_daemon.review.listing import Listing
from vidsense_daemon.review.ports import Backtest, Ports, Told, TriggerInfo
from vidsense_daemon.review.problems import Problem, may_answer
from vidsense_daemon.review.shapes import AtMs, EventJson, best_still_url, event_json

MOST_DAYS = 31
# the bodies are strict: pydantic would take `true` for 1, which no schema says
_Sentence = Annotated[str, Field(min_length=1, max_length=1000)]
_Names = Annotated[list[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]], Field(max_length=100)]


# a pattern, since pydantic takes a number for a day too: as seconds since 1970
DayQuery = Annotated[
    str | None,
    Query(pattern=r"^\d{4}-\d{2}-\d{2}$", json_schema_extra={"format": "date"}, description="today without it"),
]


class FoundJson(BaseModel):
    """An event that a search found."""

    event: EventJson
    score: float
    by: Annotated[list[str], Field(description="words, meaning or both")]
    seen_at_ms: int | None


class SearchJson(BaseModel):
    """What a search found, the best first."""

    found: list[FoundJson]


class Question(BaseModel):
    """A question in plain words."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: _Sentence


class ToldJson(BaseModel):
    """A text about events, and those it rests on."""

    text: str
    event_ids: list[str]
    by: Annotated[str, Field(description="which model wrote it; empty when none did")]


class TriggerJson(BaseModel):
    """A trigger, as configured."""

    name: str
    prompt: str
    contrast: list[str]
    severity: str
    cameras: list[str]
    thresholds: dict[str, float]
    learned: Annotated[dict[str, str], Field(description="by camera: what verdicts taught, and whether it counts")]


class BacktestRequest(BaseModel):
    """A sentence to try on what was seen."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: _Sentence
    contrast: Annotated[list[_Sentence], Field(max_length=50)] = []
    camera: Annotated[str | None, Field(max_length=64)] = None
    days: Annotated[float, Field(gt=0, le=MOST_DAYS)] = 7


class FiringJson(BaseModel):
    """One time that the sentence would have made an event of."""

    camera: str
    started_at_ms: AtMs
    started_at: Annotated[str, Field(description="the same in the machine's time zone, ISO 8601")]
    ended_at_ms: AtMs
    score: float
    event_id: str | None
    still_url: str | None


class BacktestJson(BaseModel):
    """When it would have fired, above a low floor: count those above your own threshold."""

    threshold: Annotated[float, Field(description="what the trigger would use")]
    days: float
    a_day: Annotated[float, Field(description="firings above the threshold, a day")]
    firings: list[FiringJson]


class NewTrigger(BaseModel):
    """A trigger to keep."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
    prompt: _Sentence
    contrast: Annotated[list[_Sentence], Field(max_length=50)] = []
    threshold: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
    cameras: _Names = []


class QuestionsApi:
    """The routes, bound to their ports."""

    def __init__(self, ports: Ports, *, listing: Listing, zone: tzinfo, clock: Clock) -> None:
        self._ports = ports
        self._zone = zone
        self._listing = listing
        self._clock = clock

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api", tags=["questions"])
        add = router.add_api_route
        add("/search", self.search, methods=["GET"], responses=may_answer(501))
        add("/ask", self.ask, methods=["POST"], responses=may_answer(501))
        add("/digest", self.digest, methods=["GET"], responses=may_answer(501))
        add("/triggers", self.triggers, methods=["GET"], responses=may_answer(501))
        add("/triggers", self.save, methods=["PUT"], status_code=204, responses=may_answer(501))
        add("/triggers/backtest", self.backtest, methods=["POST"], responses=may_answer(501))
        return router

    def search(
        self,
        q: Annotated[str, Query(min_length=1, max_length=1000, description="what to look for")],
        camera: NameQuery = None,
        since_ms: AtMsQuery = None,
        until_ms: AtMsQuery = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> SearchJson:
        """Events by the words of their description and by what their pictures mean."""
        search = needed(self._ports.search, "search")
        found = search(q, camera=camera, since=moment(since_ms), until=moment(until_ms), limit=limit)
        marked = self._listing.of([one.record for one in found])
        return SearchJson(
            found=[
                FoundJson(
                    event=event_json(item.record, item.marks),
                    score=one.score,
                    by=list(one.by),
                    seen_at_ms=to_ms(one.seen_at) if one.seen_at else None,
                )
                for one, item in zip(found, marked, strict=True)
            ]
        )

    def ask(self, body: Question) -> ToldJson:
        """An answer from stored events, which it names. May take as long as a language model takes."""
        return _told(needed(self._ports.questions, "answer questions").ask(body.question))

    def digest(self, day: DayQuery = None) -> ToldJson:
        """A day in a few lines, in the machine's time zone."""
        digests = needed(self._ports.digests, "sum up a day")
        return _told(digests.of_day(day_of(day) if day else self._clock.now().astimezone(self._zone).date()))

    def triggers(self) -> list[TriggerJson]:
        """All enabled triggers."""
        return [_trigger(one) for one in needed(self._ports.triggers, "list its triggers").triggers()]

    def save(self, body: NewTrigger) -> None:
        """Add or replace a trigger in the configuration."""
        needed(self._ports.triggers, "save triggers").save(
            name=body.name, prompt=body.prompt, contrast=body.contrast, threshold=body.threshold, cameras=body.cameras
        )

    def backtest(self, body: BacktestRequest) -> BacktestJson:
        """Try a sentence on what the cameras have seen. May take seconds."""
        now = self._clock.now()
        found = needed(self._ports.backtests, "try a trigger on the past").run(
            prompt=body.prompt,
            contrast=body.contrast,
            camera=body.camera,
            since=now - timedelta(days=body.days),
            until=now,
        )
        return self._backtest(found)

    def _backtest(self, found: Backtest) -> BacktestJson:
        above = sum(firing.score >= found.threshold for firing in found.firings)
        return BacktestJson(
            threshold=found.threshold,
            days=found.days,
            a_day=above / found.days if found.days else 0.0,
            firings=[
                FiringJson(
                    camera=firing.camera,
                    started_at_ms=to_ms(firing.started_at),
                    started_at=firing.started_at.astimezone(self._zone).isoformat(timespec="seconds"),
                    ended_at_ms=to_ms(firing.ended_at),
                    score=firing.score,
                    event_id=firing.event_id,
                    still_url=self._still_of(firing.event_id),
                )
                for firing in found.firings
            ],
        )

    def _still_of(self, event_id: str | None) -> str | None:
        record = self._ports.archive.get(event_id) if event_id else None
        return best_still_url(record) if record else None


def day_of(text: str) -> date:
    """The day that ``text`` names, YYYY-MM-DD.

    Raises:
        Problem: there is no such day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Problem(422, f"{text} is no day") from error


def _told(told: Told) -> ToldJson:
    return ToldJson(text=told.text, event_ids=list(told.event_ids), by=told.by)


def _trigger(info: TriggerInfo) -> TriggerJson:
    return TriggerJson(
        name=info.name,
        prompt=info.prompt,
        contrast=list(info.contrast),
        severity=info.severity.value,
        cameras=list(info.cameras),
        thresholds=dict(info.thresholds),
        learned=dict(info.learned),
    )
