"""Errors as RFC 9457 problems: one JSON form for everything that the API refuses.

`type` is a short name that programs may compare and docs/api.md lists; `detail` is for people and says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match

from vidsense_daemon.base.errors import PermanentError, VidsenseError

MEDIA_TYPE = "application/problem+json"
_NAMES = {
    400: ("bad-request", "The request can't be understood"),
    401: ("login-needed", "Log in first"),
    403: ("forbidden", "This request is not allowed"),
    404: ("not-found", "There is no such thing"),
    405: ("wrong-method", "This address does not take this method"),
    408: ("too-slow", "The request took too long to arrive"),
    409: ("conflict", "That can't be done now"),
    413: ("too-large", "The request is too large"),
    421: ("wrong-host", "This server is not known by that name"),
    422: ("invalid", "The request has mistakes"),
    429: ("too-many", "Too many tries"),
    501: ("not-available", "This daemon can't do that"),
    503: ("not-now", "It does not work right now"),
}
# what the framework says of these is only their name
_OWN_WORDS = {404: "there is nothing at {path}", 405: "{path} does not take this method"}
_WRONG_METHOD = 405
_UNNAMED = ("error", "It did not work")


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    where: Annotated[str, Field(description="which parameter or key")]
    says: str


class ProblemJson(BaseModel):
    """An error (RFC 9457)."""

    type: Annotated[str, Field(description="urn:vidsense:problem:<name>; docs/api.md lists the names")]
    title: str
    status: int
    detail: str
    mistakes: list[Mistake] = []


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Refuse a request with ``status`` and say why."""

    def __init__(self, status: int, detail: str, *, mistakes: list[Mistake] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.mistakes = mistakes or []


def title_of(status: int) -> str:
    return _NAMES.get(status, _UNNAMED)[1]


def problem_response(problem: Problem) -> JSONResponse:
    name, title = _NAMES.get(problem.status, _UNNAMED)
    body = ProblemJson(
        type=f"urn:vidsense:problem:{name}",
        title=title,
        status=problem.status,
        detail=problem.detail,
        mistakes=problem.mistakes,
    )
    return JSONResponse(body.model_dump(), status_code=problem.status, media_type=MEDIA_TYPE)


def may_answer(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the problems that an operation may answer with, besides those that every one has."""
    return {
        status: {"description": _NAMES[status][1], "content": {MEDIA_TYPE: {"schema": _SCHEMA_LINK}}}
        for status in (400, 401, 403, 413, 421, 422, 503, *statuses)
    }


_SCHEMA_LINK = {"$ref": "#/components/schemas/ProblemJson"}


def install(app: FastAPI, *, page: Callable[[Problem], Response], routes: Sequence[BaseRoute]) -> None:
    """Let every error of ``app`` become a problem; a browser that looks at pages gets ``page`` instead.

    ``routes`` are those that a 405 tells the methods of: the framework names only the first that has the address.
    """

    def methods_at(request: Request) -> set[str]:
        found = [route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
        methods = {method for route in found for method in getattr(route, "methods", None) or ()}
        methods = methods or {"GET"}  # a file
        return methods | ({"HEAD"} if "GET" in methods else set())

    def answer(request: Request, problem: Problem) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
        return page(problem) if wants_page else problem_response(problem)

    async def refused(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return answer(request, problem)

    async def refused_by_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = _OWN_WORDS.get(error.status_code, "{detail}").format(path=request.url.path, detail=error.detail)
        response = answer(request, Problem(error.status_code, detail))
        if error.status_code == _WRONG_METHOD:
            response.headers["allow"] = ", ".join(sorted(methods_at(request)))
        return response

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        mistakes = [Mistake(where=".".join(map(str, found["loc"])), says=found["msg"]) for found in error.errors()]
        detail = "; ".join(f"{mistake.where}: {mistake.says}" for mistake in mistakes)
        return answer(request, Problem(422, detail, mistakes=mistakes))

    async def failed(request: Request, error: Exception) -> Response:
        return answer(request, Problem(422 if isinstance(error, PermanentError) else 503, str(error)))

    app.add_exception_handler(Problem, refused)
    app.add_exception_handler(HTTPException, refused_by_framework)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(VidsenseError, failed)
