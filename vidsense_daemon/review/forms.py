"""What the pages' forms send: each does one thing and leads back to a page. The guard has checked who sent it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from vidsense_daemon.base.clock import END_OF_TIME_MS, Clock, from_ms
from vidsense_daemon.domain.events import Verdict
from vidsense_daemon.review.access import SESSION_S, Access, TooManyTriesError
from vidsense_daemon.review.events_api import LONGEST_NOTE, EventId, EventPatch, EventsApi, FeedbackJson, needed
from vidsense_daemon.review.guard import SESSION_COOKIE, cookie
from vidsense_daemon.review.ports import Ports
from vidsense_daemon.review.problems import Problem
from vidsense_daemon.review.rendering import Rendering

TAKEN_BACK = "none"  # what a pressed button sends
_MOST_FIELDS = 20


async def _fields(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", errors="replace")
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise Problem(422, "the form has too many fields") from error


Fields = Annotated[dict[str, str], Depends(_fields)]


class EventForms:
    """The buttons of an event's page; they do what the API does."""

    def __init__(self, api: EventsApi, *, ports: Ports, clock: Clock) -> None:
        self._api = api
        self._ports = ports
        self._clock = clock

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        for path, form in (
            ("/events/{event_id}/feedback", self.feedback),
            ("/events/{event_id}/pin", self.pin),
            ("/events/{event_id}/reviewed", self.reviewed),
            ("/events/{event_id}/describe", self.describe_again),
            ("/events/{event_id}/delete", self.delete),
            ("/reviewed", self.all_reviewed),
        ):
            router.add_api_route(path, form, methods=["POST"], response_model=None)
        return router

    def feedback(self, event_id: EventId, fields: Fields) -> Response:
        verdict = fields.get("verdict", "")
        if verdict == TAKEN_BACK:
            self._api.clear_feedback(event_id)
            return _back_to(event_id)
        if verdict not in tuple(Verdict):
            raise Problem(422, "press good or bad: a note is kept with one of them")
        note = fields.get("note", "")[:LONGEST_NOTE]
        self._api.feedback(event_id, FeedbackJson(verdict=Verdict(verdict), note=note))
        return _back_to(event_id)

    def pin(self, event_id: EventId, fields: Fields) -> Response:
        self._api.patch(event_id, EventPatch(pinned=fields.get("pinned") == "yes"))
        return _back_to(event_id)

    def reviewed(self, event_id: EventId, fields: Fields) -> Response:
        self._api.patch(event_id, EventPatch(reviewed=fields.get("reviewed") == "yes"))
        return _back_to(event_id)

    def describe_again(self, event_id: EventId) -> Response:
        self._api.describe_again(event_id)
        return _back_to(event_id)

    def delete(self, event_id: EventId) -> Response:
        self._api.delete(event_id)
        return RedirectResponse("/", status_code=303)

    def all_reviewed(self, fields: Fields) -> Response:
        """Up to when the page was made: what came since has not been seen by anybody."""
        until_ms = fields.get("until_ms", "")
        if not (until_ms.isascii() and until_ms.isdecimal() and len(until_ms) < 16 and int(until_ms) <= END_OF_TIME_MS):
            raise Problem(422, "until_ms is no moment")
        reviews = needed(self._ports.reviews, "keep which events were reviewed")
        reviews.set_all_reviewed(until=from_ms(int(until_ms)), now=self._clock.now())
        return RedirectResponse("/", status_code=303)


class LoginForms:
    """Logging in and out; there is nothing to log in to without users."""

    def __init__(self, access: Access, *, rendering: Rendering, secure_cookies: bool) -> None:
        self._access = access
        self._rendering = rendering
        self._secure_cookies = secure_cookies

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/login", self.show, methods=["GET"], response_model=None)
        router.add_api_route("/login", self.login, methods=["POST"], response_model=None)
        router.add_api_route("/logout", self.logout, methods=["POST"], response_model=None)
        return router

    def show(self, request: Request, next: str = "/") -> Response:  # noqa: A002 - the query's own word
        if not self._access.has_users:
            return RedirectResponse("/", status_code=303)
        return self._form(request, next, fault="")

    def login(self, request: Request, fields: Fields) -> Response:
        address = request.client.host if request.client else ""
        user, onward = fields.get("user", ""), fields.get("next", "/")
        try:
            session = self._access.login(user, fields.get("password", ""), address=address)
        except TooManyTriesError as error:
            response = self._form(request, onward, fault=str(error), status=429)
            response.headers["retry-after"] = f"{error.wait_s:.0f}"
            return response
        if session is None:
            return self._form(request, onward, fault="the name or the password is wrong", status=401)
        response = RedirectResponse(_local(onward), status_code=303)
        set_cookie = cookie(SESSION_COOKIE, session, secure=self._secure_cookies, max_age_s=SESSION_S)
        response.headers.append("set-cookie", set_cookie)
        return response

    def logout(self, request: Request) -> Response:
        self._access.logout(request.state.visitor.session)
        response = RedirectResponse("/login", status_code=303)
        response.headers.append("set-cookie", cookie(SESSION_COOKIE, "", secure=self._secure_cookies, max_age_s=0))
        return response

    def _form(self, request: Request, onward: str, *, fault: str, status: int = 200) -> Response:
        csrf = self._access.csrf_token(request.state.visitor.session)
        return self._rendering.page("login.html", status=status, csrf=csrf, next=_local(onward), fault=fault)


def _local(path: str) -> str:
    """``path`` when it leads to a page of ours: else a link could send whoever logs in to a page that looks like it."""
    plain = path.isprintable() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"


def _back_to(event_id: str) -> Response:
    return RedirectResponse(f"/events/{event_id}", status_code=303)
