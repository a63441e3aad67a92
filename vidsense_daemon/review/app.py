"""The room, put together: ports in, ASGI application out. Nothing here runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from fastapi import Depends, FastAPI
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from vidsense_daemon import __version__
from vidsense_daemon.base.clock import Clock
from vidsense_daemon.review import problems
from vidsense_daemon.review.access import Access
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.review.connections import REQUEST_LIMIT_S
from vidsense_daemon.review.events_api import EventsApi
from vidsense_daemon.review.forms import EventForms, LoginForms
from vidsense_daemon.review.guard import Guard, KnownNames
from vidsense_daemon.review.heads import HeadAsGet
from vidsense_daemon.review.health import Health
from vidsense_daemon.review.listing import Listing
from vidsense_daemon.review.metrics import Metrics
from vidsense_daemon.review.pages import Pages
from vidsense_daemon.review.parameters import only_known_parameters
from vidsense_daemon.review.ports import Ports
from vidsense_daemon.review.questions_api import QuestionsApi
from vidsense_daemon.review.rendering import Rendering
from vidsense_daemon.review.stream import EventStream
from vidsense_daemon.review.system_api import SystemApi

_STATIC = Path(__file__).with_name("static")


def build_app(
    ports: Ports,
    *,
    board: CameraBoard,
    access: Access,
    names: KnownNames,
    zone: tzinfo,
    clock: Clock,
    secure_cookies: bool = False,
    request_limit_s: float = REQUEST_LIMIT_S,
    is_ending: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """Every route behind the guard."""
    app = _without_pages()
    listing = Listing(archive=ports.archive, pins=ports.pins, feedback=ports.feedback)
    rendering = Rendering(zone=zone)
    events = EventsApi(ports, listing=listing, clock=clock)
    pages = Pages(ports, board=board, listing=listing, rendering=rendering, access=access, zone=zone, clock=clock)
    api = (
        EventStream(archive=ports.archive, listing=listing, is_ending=is_ending),  # before events: `stream` is no id
        events,
        SystemApi(ports, board=board),
        QuestionsApi(ports, listing=listing, zone=zone, clock=clock),
    )
    others = (
        Health(ports),
        Metrics(ports, board=board, clock=clock),
        pages,
        EventForms(events, ports=ports, clock=clock),
        LoginForms(access, rendering=rendering, secure_cookies=secure_cookies),
    )
    routes: list[BaseRoute] = []
    for rooms, dependencies in ((api, [Depends(only_known_parameters)]), (others, [])):
        for router in (room.router() for room in rooms):
            app.include_router(router, dependencies=dependencies)
            routes += router.routes
    app.mount("/static", StaticFiles(directory=_STATIC))
    problems.install(app, page=pages.problem, routes=routes)
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        Guard, access=access, names=names, secure_cookies=secure_cookies, request_limit_s=request_limit_s
    )
    return app


def _without_pages() -> FastAPI:
    """FastAPI's own documentation pages load scripts from elsewhere; the schema alone is ours to serve."""
    return FastAPI(
        title="vidsense",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
