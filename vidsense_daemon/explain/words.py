"""Part 5, language: what a describing model is sent, what it says, and where the time goes from picture to word.

The describer's own interview runs here, before a server that notes what goes over it. Where no model answers, one that
is nobody takes down what would be sent, and the builtin sentence stands for the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import cv2
import numpy as np

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import DescriberError, PermanentError
from vidsense_daemon.description.budget import picture_tokens, text_tokens
from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.description.describers.server import LoadedModel, ModelServer, Question, Reply, ServedModel
from vidsense_daemon.description.families import Family, Layout, family_of
from vidsense_daemon.description.grounding import Evidence
from vidsense_daemon.description.interview import Interview
from vidsense_daemon.domain.events import Description, EventRecord


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way from the clip to words, as it was measured in this run."""

    name: str  # extract | encode | temporal | generate
    what: str
    seconds: float
    tokens: int | None  # none where there is no such thing


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, as it was or would be sent."""

    title: str  # the operator's query, or that it is the structured one
    is_structured: bool  # answered in JSON
    text: str  # the user message, without the pictures
    answer: str | None  # none: nobody was asked
    seconds: float | None
    prompt_tokens: int | None  # evaluated anew, as the server counted; what its cache held is not in it
    answer_tokens: int | None
    estimated_tokens: int  # of pictures, by the family's rule, and of text, on the high side


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """The interview about one event."""

    describer: str  # in words: which model on which kind of server, or the builtin sentence
    answered: bool  # by a model; otherwise what follows is what would be sent
    note: str  # why no model answered, or what was wrong with its answer
    family: str
    layout: str
    picture_tokens: int  # of the pictures below, by the family's rule
    system: str
    jpegs: tuple[bytes, ...]  # what the model is shown: a storyboard, or one picture a frame
    summary: str
    asked: tuple[Asked, ...]
    steps: tuple[Step, ...]


def language(
    record: EventRecord,
    *,
    server: ModelServer | None,
    model: str,
    queries: Sequence[str],
    layout: Layout | None,
    zone: tzinfo,
    evidence: Evidence | None,
    timeout_s: float,
    clock: Clock,
    before: Sequence[Step],
) -> Language:
    """Ask the model behind ``server`` about the event; blocks for as long as it takes, at most ``timeout_s``.

    ``model`` is whose prompt is shown when there is no server; ``before`` are the steps up to the words.

    Raises:
        PermanentError: no still can be read, so there is nothing to show a model.
    """
    note = "the builtin describer asks nobody: this is what a model would be sent" if server is None else ""
    noting = _Noting(server or _Nobody(model), clock)
    description: Description | None = None
    if server is not None:
        try:
            description = _interview(record, noting, queries, layout, zone, evidence, timeout_s, clock)
        except DescriberError as error:
            note = f"{error}. This is what it would be sent"
    if description is None:
        noting = _Noting(_Nobody(model), clock)
        _take_down(record, noting, queries, layout, zone, clock)
    return _told(record, noting, description, note, zone=zone, before=before, queries=queries)


def _interview(
    record: EventRecord,
    noting: _Noting,
    queries: Sequence[str],
    layout: Layout | None,
    zone: tzinfo,
    evidence: Evidence | None,
    timeout_s: float,
    clock: Clock,
) -> Description:
    served = noting.look()
    interview = Interview(
        noting,
        served,
        record,
        zone=zone,
        queries=queries,
        layout=layout or served.family.layout,
        evidence=evidence,
        clock=clock,
        deadline_mono_s=clock.mono_s() + timeout_s,
    )
    return interview.description()


def _take_down(
    record: EventRecord,
    noting: _Noting,
    queries: Sequence[str],
    layout: Layout | None,
    zone: tzinfo,
    clock: Clock,
) -> None:
    try:
        _interview(record, noting, queries, layout, zone, None, 1.0, clock)
    except DescriberError:
        return  # nobody has said nothing: the questions are what was wanted
    raise AssertionError("nobody cannot have described anything")


class _Nobody:
    """A model server that hears every question and says nothing."""

    backend = "nobody"
    num_ctx = None

    def __init__(self, model: str) -> None:
        self.model = model

    def look(self) -> ServedModel:
        return ServedModel(family=family_of(model=self.model), marks=False, thinks=False)

    def load(self, served: ServedModel, *, timeout_s: float) -> None:
        """There is nothing to load."""

    def ask(self, served: ServedModel, question: Question, *, timeout_s: float) -> Reply:  # noqa: ARG002 - the port's
        return Reply(text="", complete=True, prompt_tokens=None, answer_tokens=None)

    def loaded(self) -> list[LoadedModel]:
        return []

    def close(self) -> None:
        """Nothing is in flight."""


class _Noting:
    """Another server, and what went over it."""

    def __init__(self, server: ModelServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self.asked: list[tuple[Question, Reply, float]] = []
        self.family: Family | None = None

    @property
    def backend(self) -> str:
        return self._server.backend

    @property
    def model(self) -> str:
        return self._server.model

    @property
    def num_ctx(self) -> int | None:
        return self._server.num_ctx

    def look(self) -> ServedModel:
        served = self._server.look()
        self.family = served.family
        return served

    def load(self, served: ServedModel, *, timeout_s: float) -> None:
        self._server.load(served, timeout_s=timeout_s)

    def ask(self, served: ServedModel, question: Question, *, timeout_s: float) -> Reply:
        asked_mono_s = self._clock.mono_s()
        reply = self._server.ask(served, question, timeout_s=timeout_s)
        self.asked.append((question, reply, self._clock.mono_s() - asked_mono_s))
        return reply

    def loaded(self) -> list[LoadedModel]:
        return self._server.loaded()

    def close(self) -> None:
        """The server is its owner's to close."""


def _told(
    record: EventRecord,
    noting: _Noting,
    description: Description | None,
    note: str,
    *,
    zone: tzinfo,
    before: Sequence[Step],
    queries: Sequence[str],
) -> Language:
    if not noting.asked or noting.family is None:
        raise PermanentError(f"nothing was asked about event {record.event.id}")
    answered = description is not None
    first = noting.asked[0][0]
    shown_tokens = picture_tokens([_size(jpeg) for jpeg in first.jpegs], noting.family)
    asked = _questions(noting, queries, shown_tokens, answered=answered)
    words = description or BuiltinDescriber(zone=zone).describe(record)
    return Language(
        describer=f"{noting.model} ({noting.backend})"
        if answered
        else f"the builtin sentence; shown for {noting.model}",
        answered=answered,
        note=(words.error or "") if answered else note,
        family=noting.family.name,
        layout="one storyboard" if len(first.jpegs) == 1 else f"{len(first.jpegs)} pictures",
        picture_tokens=shown_tokens,
        system=first.system,
        jpegs=tuple(first.jpegs),
        summary=words.summary,
        asked=tuple(asked),
        steps=(*before, *(_generated(each) for each in asked if answered)),
    )


def _questions(noting: _Noting, queries: Sequence[str], shown_tokens: int, *, answered: bool) -> list[Asked]:
    """The structured question and the operator's; a repair of the structured one only where it was really made."""
    structured = [each for each in noting.asked if each[0].schema is not None]
    free = [each for each in noting.asked if each[0].schema is None]
    titled = [
        ("The structured question" if place == 0 else "The same once more, with what was wrong", *each)
        for place, each in enumerate(structured if answered else structured[:1])
    ]
    titled += [(query, *each) for query, each in zip(queries, free, strict=False)]
    return [
        Asked(
            title=title,
            is_structured=question.schema is not None,
            text=question.text,
            answer=reply.text if answered else None,
            seconds=took_s if answered else None,
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens,
            estimated_tokens=shown_tokens + text_tokens(question.system, question.text),
        )
        for title, question, reply, took_s in titled
    ]


def _generated(asked: Asked) -> Step:
    counted = (asked.prompt_tokens or 0) + (asked.answer_tokens or 0)
    return Step("generate", asked.title, asked.seconds or 0.0, counted or None)


def _size(jpeg: bytes) -> tuple[int, int]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None  # the layout packed it a moment ago
    return picture.shape[1], picture.shape[0]
