"""`/api/events/stream`: what happens to events, as server-sent events.

Each reader looks into the journal once a second, from its own bookmark: so a reader that was away goes on where it was
(`Last-Event-ID`), events that another process stored come too, and no queue has to be bounded. A look costs one read of
the journal's last number.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.review.listing import Listing
from vidsense_daemon.review.ports import Archive, Change
from vidsense_daemon.review.problems import Problem, may_answer
from vidsense_daemon.review.shapes import event_json

_LOOK_EVERY_S = 1.0
_SAY_SOMETHING_S = 15.0  # proxies end a connection that says nothing for long
_MOST_READERS = 32
_LARGEST_BOOKMARK = 10**17  # SQLite counts to 9·10¹⁸


class EventStream:
    """The route and its readers."""

    def __init__(self, *, archive: Archive, listing: Listing, is_ending: Callable[[], bool]) -> None:
        self._archive = archive
        self._listing = listing
        self._is_ending = is_ending
        self.readers = 0

    def router(self) -> APIRouter:
        router = APIRouter(tags=["events"])
        router.add_api_route(
            "/api/events/stream",
            self.stream,
            methods=["GET"],
            response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {}}}, **may_answer()},
        )
        return router

    async def stream(
        self, request: Request, since: Annotated[int | None, Query(ge=0, le=_LARGEST_BOOKMARK)] = None
    ) -> StreamingResponse:
        """opened, closed and described events as they come; `id` is the bookmark, `data` the event as JSON.

        ``since`` is the bookmark to begin at, for who has looked already; without one the stream begins now. What a
        browser sends on its own when it comes back (`Last-Event-ID`) is newer and goes first.
        """
        if self.readers >= _MOST_READERS:
            raise Problem(503, f"{_MOST_READERS} readers listen already: close a window")
        known = request.headers.get("last-event-id", "")
        if known.isascii() and known.isdecimal() and len(known) < len(str(_LARGEST_BOOKMARK)):
            sequence = int(known)
        elif since is not None:
            sequence = since
        else:
            sequence = await run_in_threadpool(self._archive.newest_sequence)
        return StreamingResponse(self._lines(sequence), media_type="text/event-stream")

    async def _lines(self, sequence: int) -> AsyncIterator[str]:
        self.readers += 1
        silent_s = 0.0
        try:
            yield "retry: 2000\n\n"
            while not self._is_ending():
                changes = await self._newer(sequence)
                for change in changes:
                    sequence = change.sequence
                    yield await run_in_threadpool(self._line, change)
                silent_s = 0.0 if changes else silent_s + _LOOK_EVERY_S
                if silent_s >= _SAY_SOMETHING_S:
                    silent_s = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            self.readers -= 1

    async def _newer(self, sequence: int) -> Sequence[Change]:
        try:
            return await run_in_threadpool(self._archive.newer_than, sequence)
        except StoreError:
            return ()  # the database is away for a moment; the bookmark stays, so nothing is missed

    def _line(self, change: Change) -> str:
        marks = self._listing.of([change.record])[0].marks
        data = json.dumps(event_json(change.record, marks).model_dump(mode="json"), separators=(",", ":"))
        return f"id: {change.sequence}\nevent: {change.kind}\ndata: {data}\n\n"
