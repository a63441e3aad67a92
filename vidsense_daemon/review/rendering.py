"""HTML from templates: everything is escaped, since a camera's name, a model's words and a note are data.

Times are shown in the machine's zone and carry the exact moment in `datetime`.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from vidsense_daemon import __version__
from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.review.listing import labels_of
from vidsense_daemon.review.shapes import best_still_url, still_url


class Rendering:
    """The templates, compiled; thread-safe."""

    def __init__(self, *, zone: tzinfo) -> None:
        self._zone = zone
        self._environment = Environment(
            loader=PackageLoader("vidsense_daemon.review"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(version=__version__, still_url=still_url, best_still_url=best_still_url)
        self._environment.filters.update(
            clock=self._clock,
            day=self._day,
            when=self._when,
            ms=to_ms,
            iso=_iso,
            length_words=_length,
            labels=labels_of,
            score=_score,
        )

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self.text(template, **values), status_code=status)

    def text(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)

    def _clock(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._zone):%H:%M:%S}"

    def _day(self, moment: datetime) -> str:
        local = moment.astimezone(self._zone)
        return f"{local:%a} {local.day} {local:%b %Y}"

    def _when(self, moment: datetime, beside: datetime) -> str:
        """The time; with its day, when that is another one than the day of the moment it stands beside."""
        day = self._day(moment)
        return self._clock(moment) if day == self._day(beside) else f"{day}, {self._clock(moment)}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _length(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _score(score: float) -> str:
    return f"{score:.2f}"
