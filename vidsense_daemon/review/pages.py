"""The pages: rendered here, readable and usable without JavaScript; the scripts only make them quicker.

Forms come back with a redirect, so that reloading never sends one twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, Response

from vidsense_daemon.base.clock import Clock, to_ms
from vidsense_daemon.domain.events import ALARMS, Severity, Verdict
from vidsense_daemon.review.access import Access, Visitor
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.review.events_api import EventId, needed
from vidsense_daemon.review.evidence import evidence_of
from vidsense_daemon.review.listing import CURSOR_PATTERN, Listing, Page, Wanted
from vidsense_daemon.review.metrics import disk_usage_of
from vidsense_daemon.review.ports import Ports
from vidsense_daemon.review.problems import Problem, title_of
from vidsense_daemon.review.questions_api import day_of
from vidsense_daemon.review.rendering import Rendering
from vidsense_daemon.review.system_api import worker_jsons
from vidsense_daemon.review.timeline import rows_of

PAGE_EVENTS = 60
_MOST_ON_TIMELINE = 2000
_MOST_FOUND = 60
_MOST_SEARCHED = 200
# what nobody looked at for a month is not news; without a bound, "nothing new" would read all events there ever were
_NEW_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the review page was asked to show, as it stands in the address."""

    q: str = ""
    show: str = ""
    camera: str = ""
    trigger: str = ""
    label: str = ""
    severity: str = ""
    day: str = ""

    def query(self, **changes: str) -> str:
        """The address' query with some of it changed; what is empty is left out."""
        values = {name: getattr(self, name) for name in self.__slots__} | changes
        return urlencode({name: value for name, value in values.items() if value})


class Pages:
    """The routes, bound to their ports."""

    def __init__(
        self,
        ports: Ports,
        *,
        board: CameraBoard,
        listing: Listing,
        rendering: Rendering,
        access: Access,
        zone: tzinfo,
        clock: Clock,
    ) -> None:
        self._ports = ports
        self._board = board
        self._listing = listing
        self._rendering = rendering
        self._access = access
        self._zone = zone
        self._clock = clock

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        for path, page in (
            ("/", self.review),
            ("/cards", self.cards),
            ("/events/{event_id}", self.event),
            ("/live", self.live),
            ("/triggers", self.triggers),
            ("/ask", self.ask),
            ("/health", self.health),
        ):
            router.add_api_route(path, page, methods=["GET"], response_model=None)
        return router

    def review(self, request: Request, choice: ChoiceQuery, cursor: CursorQuery = None) -> Response:
        """Events as cards, the newest first; what was not looked at yet unless asked otherwise.

        ``cursor`` is where a page goes on that no script continues.
        """
        if choice.q:
            return self._found(request, choice)
        since = self._ports.archive.newest_sequence()  # before the cards: what happens meanwhile comes live, not never
        page = self._page(choice, cursor=cursor, only="")
        day = self._day(choice)
        return self._show(
            request,
            "review.html",
            page=page,
            rows=self._rows(day, choice),
            day=day,
            choice=choice,
            since="" if cursor else since,  # news belong before the first page
            older=bool(cursor),
            now=self._clock.now(),
            now_ms=to_ms(self._clock.now()),
            found=None,
            any_events=bool(page.items or self._ports.archive.find(limit=1)),
        )

    def cards(
        self,
        request: Request,
        choice: ChoiceQuery,
        cursor: CursorQuery = None,
        only: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """More cards for a page that is open; ``only`` one, when it fits what the page shows."""
        return self._show(request, "cards.html", page=self._page(choice, cursor=cursor, only=only), choice=choice)

    def event(self, request: Request, event_id: EventId) -> Response:
        """One event with all that is known about it; to look at it is to review it."""
        record = self._ports.archive.get(event_id)
        if record is None:
            raise Problem(404, f"there is no event {event_id}: it was deleted, or never was")
        listed = self._listing.of([record])[0]
        attention = self._ports.attention.of_event(event_id) if self._ports.attention else ()
        return self._show(
            request,
            "event.html",
            item=listed,
            evidence=evidence_of(record.description),
            deliveries=self._ports.deliveries.deliveries(event_id) if self._ports.deliveries else None,
            attention=attention,
            most_attention=max((moment.weight for moment in attention), default=1.0),
            clip=bool(self._ports.clip_of and self._ports.clip_of(event_id)),
        )

    def live(self, request: Request) -> Response:
        """The newest still of every camera, and how it is."""
        newest = {sight.name: self._ports.archive.find(camera=sight.name, limit=1) for sight in self._board.cameras()}
        return self._show(request, "live.html", sights=self._board.cameras(), newest=newest, now=self._clock.now())

    def triggers(self, request: Request) -> Response:
        """Try a sentence against the past."""
        book = self._ports.triggers
        return self._show(request, "triggers.html", triggers=book.triggers() if book else ())

    def ask(self, request: Request) -> Response:
        """Questions and the day's digest."""
        return self._show(request, "ask.html", today=self._today())

    def health(self, request: Request) -> Response:
        """How the daemon is."""
        return self._show(
            request,
            "health.html",
            workers=worker_jsons(self._ports.workers()),
            ready=self._ports.is_ready(),
            counts=self._ports.archive.counts(),
            sights=self._board.cameras(),
            numbers=[one for source in self._ports.measurements for one in source()],
            free_bytes=disk_usage_of(self._ports.media_dir).free,
        )

    def problem(self, problem: Problem) -> Response:
        """What a browser sees when something can't be shown."""
        return self._rendering.page(
            "problem.html", status=problem.status, problem=problem, title=title_of(problem.status)
        )

    def _found(self, request: Request, choice: Choice) -> Response:
        search, wanted = needed(self._ports.search, "search"), self._wanted(choice)
        # a search knows cameras and times; what else it is narrowed to is looked at afterwards
        narrowed = choice.trigger or choice.label or choice.severity or self._shown(choice) != "all"
        limit = _MOST_SEARCHED if narrowed else _MOST_FOUND
        found = search(choice.q, camera=wanted.camera, since=wanted.since, until=wanted.until, limit=limit)
        listed = self._listing.of([one.record for one in found])
        items = tuple(item for item in listed if self._listing.fits(wanted, item))[:_MOST_FOUND]
        by = {one.record.event.id: one.by for one in found}
        return self._show(
            request,
            "review.html",
            page=Page(items, None),
            choice=choice,
            found=by,
            rows=(),
            day=None,
            since="",
            older=False,
            now=self._clock.now(),
            now_ms=0,
            any_events=True,
        )

    def _page(self, choice: Choice, *, cursor: str | None, only: str) -> Page:
        wanted = self._wanted(choice)
        if not only:
            return self._listing.page(wanted, limit=PAGE_EVENTS, cursor=cursor)
        record = self._ports.archive.get(only)
        items = self._listing.of([record]) if record else []
        return Page(tuple(item for item in items if self._listing.fits(wanted, item)), None)

    def _wanted(self, choice: Choice) -> Wanted:
        since = day = self._midnight(choice.day)
        if day is None and self._shown(choice) == "new":
            since = self._clock.now() - _NEW_FOR
        return Wanted(
            camera=choice.camera or None,
            trigger=choice.trigger or None,
            label=choice.label or None,
            severity=Severity(choice.severity) if choice.severity else None,
            reviewed=False if self._shown(choice) == "new" else None,
            pinned=True if choice.show == "pinned" else None,
            verdict=Verdict(choice.show) if choice.show in tuple(Verdict) else None,
            since=since,
            until=day + timedelta(days=1) if day else None,
        )

    def _shown(self, choice: Choice) -> str:
        if choice.q and choice.show == "new":
            return "all"  # who searches means what has been seen, too
        return choice.show or ("new" if self._ports.reviews and not choice.q else "all")

    def _rows(self, day: datetime, choice: Choice) -> Any:
        events = self._ports.archive.began_between(
            day, day + timedelta(days=1), camera=choice.camera or None, limit=_MOST_ON_TIMELINE
        )
        cameras = [choice.camera] if choice.camera else [sight.name for sight in self._board.cameras()]
        return rows_of(events, cameras=cameras, midnight=day)

    def _day(self, choice: Choice) -> datetime:
        return self._midnight(choice.day) or self._midnight(self._today().isoformat()) or self._clock.now()

    def _today(self) -> date:
        return self._clock.now().astimezone(self._zone).date()

    def _midnight(self, day: str) -> datetime | None:
        return datetime.combine(date.fromisoformat(day), datetime.min.time(), self._zone) if day else None

    def _show(self, request: Request, template: str, **values: Any) -> Response:
        visitor: Visitor = request.state.visitor
        sights = self._board.cameras()
        common: dict[str, Any] = {
            "csrf": self._access.csrf_token(visitor.session) if visitor.session else "",
            "user": visitor.name,
            "ports": self._ports,
            "cameras": [sight.name for sight in sights],
            "path": request.url.path,
            "shown": self._shown(values["choice"]) if "choice" in values else "",
            "alarms": ALARMS,  # these have no trigger
            "offline": [sight for sight in sights if sight.word() == "offline"],
        }
        return self._rendering.page(template, **common, **values)


def _choice(
    q: Annotated[str, Query(max_length=1000)] = "",
    show: Annotated[str, Query(pattern="^(new|all|pinned|good|bad|)$")] = "",
    camera: Annotated[str, Query(max_length=64)] = "",
    trigger: Annotated[str, Query(max_length=64)] = "",
    label: Annotated[str, Query(max_length=100)] = "",
    severity: Annotated[str, Query(pattern="^(info|warning|alert|)$")] = "",
    day: Annotated[str, Query(pattern=r"^(2\d{3}-[01]\d-[0-3]\d|)$")] = "",
) -> Choice:
    if day:
        day_of(day)
    return Choice(q=q.strip(), show=show, camera=camera, trigger=trigger, label=label, severity=severity, day=day)


ChoiceQuery = Annotated[Choice, Depends(_choice)]
CursorQuery = Annotated[str | None, Query(pattern=CURSOR_PATTERN)]
