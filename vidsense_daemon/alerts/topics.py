"""The names of the MQTT topics, and what they mean. Pure; docs/home-assistant.md lists them all.

Everything about one camera lies below ``<prefix>/<camera>/``; a trigger has a level of its own, so that no trigger's
name can hide another topic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vidsense_daemon.base.errors import ConfigError

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"

_LEVEL = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics below one prefix."""

    prefix: str

    @property
    def available(self) -> str:
        """Online or offline; retained, and the broker's to say when the daemon is cut off."""
        return f"{self.prefix}/available"

    @property
    def events(self) -> str:
        """Every message about every event."""
        return f"{self.prefix}/events"

    def connected(self, camera: str) -> str:
        """Whether the camera's stream arrives: ON or OFF, retained."""
        return f"{self.prefix}/{camera}/connected"

    def event(self, camera: str) -> str:
        """An event has begun: once for each, not retained."""
        return f"{self.prefix}/{camera}/event"

    def snapshot(self, camera: str) -> str:
        """The last event's best still, JPEG, retained."""
        return f"{self.prefix}/{camera}/snapshot"

    def summary(self, camera: str) -> str:
        """What is said of the last event: JSON, retained."""
        return f"{self.prefix}/{camera}/summary"

    def active(self, camera: str, trigger: str) -> str:
        """Whether an event of this trigger goes on: ON or OFF, retained."""
        return f"{self.prefix}/{camera}/trigger/{trigger}/active"

    def enabled(self, camera: str, trigger: str) -> str:
        """Whether the trigger is switched on: ON or OFF, retained."""
        return f"{self.prefix}/{camera}/trigger/{trigger}/enabled"

    def enable(self, camera: str, trigger: str) -> str:
        """ON or OFF switches the trigger."""
        return f"{self.prefix}/{camera}/trigger/{trigger}/set"

    def suspended(self, camera: str) -> str:
        """Minutes for which the camera's alerts stay silent, retained."""
        return f"{self.prefix}/{camera}/notifications/suspended"

    def suspend(self, camera: str) -> str:
        """Minutes for which alerts shall be silent; 0 ends it."""
        return f"{self.prefix}/{camera}/notifications/suspend"


def checked_level(name: str, *, what: str) -> str:
    """``name``, which becomes one level of a topic."""
    if not _LEVEL.fullmatch(name):
        raise ConfigError(f"{what} {name!r} cannot be part of an MQTT topic; use letters, digits, _ and -")
    return name


def checked_prefix(prefix: str, *, what: str) -> str:
    """``prefix``, which becomes the first levels of every topic."""
    for level in prefix.split("/"):
        checked_level(level, what=what)
    return prefix
