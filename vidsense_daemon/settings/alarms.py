"""The keys of the alarms that no trigger asks for; each camera may override single ones."""

from __future__ import annotations

from pydantic import Field

from vidsense_daemon.domain.events import Severity
from vidsense_daemon.settings.blocks import Block, Number


class Novelty(Block):
    """Events named `novelty`: what a camera shows is unlike what it is used to at this hour."""

    enabled: bool = True
    """Whether it makes events. A new camera watches for a day before its first."""
    per_week: Number = Field(default=2, gt=0, le=1000)
    """About so many a week of each camera; what must be exceeded for that is learned from its own past."""
    severity: Severity = Severity.INFO
    """How much such an event matters."""


class Tamper(Block):
    """Events named `tamper`: the picture is frozen, covered, blinded, or shows another place."""

    enabled: bool = True
    """Whether it makes events. A new camera watches for a day before its first."""
    severity: Severity = Severity.WARNING
    """How much such an event matters."""
    after_s: Number = Field(default=60, ge=5, le=3600)
    """A lens must be covered, or the camera turned away, for this long."""
    frozen_after_s: Number = Field(default=600, ge=30, le=86_400)
    """Not one pixel may change for this long, and three times as long as the camera's picture ever rested before."""
