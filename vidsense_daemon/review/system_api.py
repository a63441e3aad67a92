"""`/api/cameras`, `/api/stats`, `/api/config/schema`: what the daemon is doing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from vidsense_daemon import __version__
from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.review.events_api import AtMsQuery, needed
from vidsense_daemon.review.media import jpeg_response, unless_known
from vidsense_daemon.review.ports import Liveness, Ports
from vidsense_daemon.review.problems import Problem, may_answer
from vidsense_daemon.review.shapes import CameraJson, camera_json

CameraName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="the camera's name")]


class WorkerJson(BaseModel):
    """One thread of the daemon."""

    name: str
    live: bool
    beat_age_s: float
    beat_limit_s: float


class StatsJson(BaseModel):
    """The daemon in numbers; `/metrics` has more of them."""

    version: str
    ready: Annotated[bool, Field(description="the encoder is loaded and every thread is alive")]
    counts: Annotated[dict[str, int], Field(description="what stands in the database")]
    workers: list[WorkerJson]


class SystemApi:
    """The routes, bound to their ports."""

    def __init__(self, ports: Ports, *, board: CameraBoard) -> None:
        self._ports = ports
        self._board = board

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api", tags=["system"])
        add = router.add_api_route
        add("/cameras", self.cameras, methods=["GET"], responses=may_answer())
        add("/cameras/{name}", self.camera, methods=["GET"], responses=may_answer(404))
        add(
            "/cameras/{name}/still.jpg",
            self.still,
            methods=["GET"],
            response_class=Response,
            responses={200: {"content": {"image/jpeg": {}}}, **may_answer(404)},
        )
        add("/stats", self.stats, methods=["GET"], responses=may_answer())
        add("/config/schema", self.config_schema, methods=["GET"], responses=may_answer(501))
        return router

    def cameras(self) -> list[CameraJson]:
        """Every camera, as of now."""
        return [camera_json(sight) for sight in self._board.cameras()]

    def camera(self, name: CameraName) -> CameraJson:
        """One camera, as of now."""
        sight = self._board.camera(name)
        if sight is None:
            raise Problem(404, f"there is no camera {name}")
        return camera_json(sight)

    def still(self, request: Request, name: CameraName, at: AtMsQuery = None) -> Response:  # noqa: ARG002 - read by the browser's cache
        """The newest still of a camera: when something last moved, or of the last minute when nothing does.

        ``at`` changes nothing: it only makes another address of it, for who wants to get past a cache.
        """
        sight = self._board.camera(name)
        if sight is None or sight.still is None:
            raise Problem(404, f"there is no still of a camera {name} yet")
        response = jpeg_response(sight.still.jpeg, taken_at_ms=to_ms(sight.still.captured_at))
        response.headers["cache-control"] = "no-store"  # the same address shows another moment later
        return unless_known(response, request)

    def stats(self) -> StatsJson:
        """How the daemon is."""
        workers = self._ports.workers()
        return StatsJson(
            version=__version__,
            ready=self._ports.is_ready() and all(worker.is_live() for worker in workers),
            counts=dict(self._ports.archive.counts()),
            workers=worker_jsons(workers),
        )

    def config_schema(self) -> dict[str, Any]:
        """The JSON schema of the configuration file."""
        return dict(needed(self._ports.config_schema, "show the configuration's schema")())


def worker_jsons(workers: Sequence[Liveness]) -> list[WorkerJson]:
    return [
        WorkerJson(
            name=worker.name,
            live=worker.is_live(),
            beat_age_s=round(worker.beat_age_s(), 3),
            beat_limit_s=worker.beat_limit_s,
        )
        for worker in workers
    ]
