"""`vidsense ask "did anyone come to the door this afternoon?"`: look for the events, then say what they answer.

The time in the question limits what is looked at, a camera's name does so too, the other words and their meaning choose
among the rest. Without a model the events found are the answer. A model may only answer with events that it names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Protocol

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.description.cleaning import plain
from vidsense_daemon.description.describers.server import ModelServer
from vidsense_daemon.description.telling import Cited, FindEvents, Told, Writer, counted, listed, named, written_or
from vidsense_daemon.description.times import Span, span_in
from vidsense_daemon.domain.events import EventRecord

_MOST_EVENTS = 20
_LONGEST_QUESTION = 500
_TIMEOUT_S = 120.0
_WORD = re.compile(r"[\w']+")
# words that every question has and no description is found by
_ASKING = frozenset(
    _WORD.findall(
        "a an and any anybody anyone anything are around at be been by can could come came comes did do does for from "
        "get go going goes got had happen happened happening happens has have how i in is it last left many me my near "
        "of on or our out saw see seen show some somebody someone something tell that the their them there these they "
        "this those to was we went were what when where which who whose why will with you"
    )
)


class SearchEvents(Protocol):
    """The search: by words and, where the encoder can be asked, by meaning."""

    def __call__(
        self, sentence: str, *, camera: str | None, since: datetime | None, until: datetime | None, limit: int
    ) -> Sequence[FoundEvent]:
        """The best ones first; empty when nothing fits."""


class FoundEvent(Protocol):
    """What a search found."""

    @property
    def record(self) -> EventRecord:
        """The event."""


class Questions:
    """Answers from stored events; may be called from any thread, blocks as long as a model takes."""

    def __init__(
        self,
        *,
        search: SearchEvents,
        find: FindEvents,
        cameras: Sequence[str],
        zone: tzinfo,
        server: ModelServer | None = None,
        timeout_s: float = _TIMEOUT_S,
        clock: Clock | None = None,
    ) -> None:
        self._search = search
        self._find = find
        self._cameras = tuple(cameras)
        self._zone = zone
        self._writer = Writer(server, zone=zone, timeout_s=timeout_s) if server else None
        self._clock = clock or SystemClock()

    def ask(self, question: str) -> Told:
        """The answer, with the ids of the events that it rests on; says so when there are none."""
        span = span_in(question, now=self._clock.now(), zone=self._zone)
        camera, words = self._camera_in(span.rest if span else question.lower())
        records = self._records(words, camera, span)
        looked_at = self._spoken(camera, span)
        if not records:
            return Told(text=f"Nothing was found {looked_at}.")
        request = (
            f'The owner asks: "{plain(question, _LONGEST_QUESTION)}" Answer in one or two plain sentences from these '
            'events only, with their times. "events" are the numbers of the events that answer it. If none does, '
            "leave it empty."
        )
        found = counted(records)
        return written_or(
            self._writer,
            records,
            request,
            tell=lambda cited: self._told(cited, f"None of {found} found {looked_at} answers that."),
            otherwise=f"{found} found {looked_at}:\n{listed(records, self._zone)}",
        )

    def _records(self, words: Sequence[str], camera: str | None, span: Span | None) -> list[EventRecord]:
        """What the words find, best first; then what else happened at the time asked for, newest first."""
        since, until = (span.since, span.until) if span else (None, None)
        records: list[EventRecord] = []
        if words:
            found = self._search(" ".join(words), camera=camera, since=since, until=until, limit=_MOST_EVENTS)
            records = [one.record for one in found]
        if span or camera or not words:
            records += self._find(camera=camera, since=since, until=until, limit=_MOST_EVENTS)
        return list({record.event.id: record for record in records}.values())[:_MOST_EVENTS]

    def _camera_in(self, rest: str) -> tuple[str | None, list[str]]:
        """The one camera that the question names, and the words that are left to search for."""
        spoken = " ".join(_WORD.findall(rest))
        named_ones = [name for name in self._cameras if _names(spoken, name)]
        camera = max(named_ones, key=len) if named_ones else None
        if camera:
            spoken = spoken.replace(_as_said(camera), " ").replace(camera.lower(), " ")
        return camera, [word for word in spoken.split() if word not in _ASKING]

    def _told(self, cited: Cited, nothing: str) -> str:
        if not cited.records:
            return nothing
        return f"{cited.text}\n{listed(cited.records, self._zone)}"

    def _spoken(self, camera: str | None, span: Span | None) -> str:
        where = f"on {named(camera)}" if camera else "on any camera"
        return f"{where}, {span.spoken(self._zone)}" if span else where


def _names(spoken: str, camera: str) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", spoken) for name in {_as_said(camera), camera.lower()})


def _as_said(camera: str) -> str:
    """Nobody says an underscore."""
    return camera.lower().replace("_", " ").replace("-", " ")
