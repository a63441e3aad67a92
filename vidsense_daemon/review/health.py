"""`/healthz`: for systemd, Docker and monitors. Says little on purpose: it needs no login.

`/healthz/live`   200 while this thread answers: restart the daemon when it does not
`/healthz/ready`  200 once the encoder is loaded and while every thread beats, else 503 with the stuck threads' names
`/healthz`        the same as ready
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from vidsense_daemon.review.ports import Ports


class HealthJson(BaseModel):
    """ok, or what is wrong."""

    status: str
    stuck: list[str] = []  # names of threads


class Health:
    """The routes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/healthz", tags=["health"])
        not_ready: dict[int | str, dict[str, Any]] = {
            503: {"model": HealthJson, "description": "not ready, or a thread is stuck"}
        }
        router.add_api_route("", self.ready, methods=["GET"], responses=not_ready)
        router.add_api_route("/ready", self.ready, methods=["GET"], responses=not_ready)
        router.add_api_route("/live", self.live, methods=["GET"])
        return router

    def live(self) -> HealthJson:
        """The HTTP thread answers."""
        return HealthJson(status="ok")

    def ready(self, response: Response) -> HealthJson:
        """Everything is up."""
        stuck = [worker.name for worker in self._ports.workers() if not worker.is_live()]
        if stuck or not self._ports.is_ready():
            response.status_code = 503
            return HealthJson(status="stuck" if stuck else "starting", stuck=stuck)
        return HealthJson(status="ok")
