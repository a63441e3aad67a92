"""Who is told of which event. Pure but for the switches, which a person flips while the daemon runs.

Asked by the store inside the transaction that keeps the event: what a hook does not want is never owed to it. All
conditions are about the event itself, its start included, and not about the moment of asking, so that every phase
of an event gets the same answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

import structlog

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.domain.events import DeliveryPhase, Event, Severity
from vidsense_daemon.domain.hours import Hours


@dataclass(frozen=True, slots=True)
class Filter:
    """What one hook wants. None: all of them.

    Attributes:
        phases: MQTT shows states and wants all three; people want to know when it happens, and what it was.
        hours: the event must begin inside one of them; empty: at any time.
        quiet_hours: nothing then, unless it is at least ``loud_severity``.
    """

    cameras: frozenset[str] | None = None
    triggers: frozenset[str] | None = None
    zones: frozenset[str] | None = None
    min_severity: Severity = Severity.INFO
    phases: frozenset[DeliveryPhase] = frozenset({DeliveryPhase.OPENED, DeliveryPhase.DESCRIBED})
    hours: tuple[Hours, ...] = ()
    quiet_hours: tuple[Hours, ...] = ()
    loud_severity: Severity = Severity.ALERT

    def wants(self, event: Event, phase: DeliveryPhase, time_zone: tzinfo | None) -> bool:
        """Whether the hook is told; ``time_zone`` none is the machine's own."""
        return (
            phase in self.phases
            and (self.cameras is None or event.camera in self.cameras)
            and (self.triggers is None or event.trigger in self.triggers)
            and (self.zones is None or not self.zones.isdisjoint(event.zones))
            and event.severity.rank >= self.min_severity.rank
            and self._hour_is_right(event, event.started_at.astimezone(time_zone))
        )

    def _hour_is_right(self, event: Event, local: datetime) -> bool:
        if self.hours and not any(hours.holds(local) for hours in self.hours):
            return False
        is_loud = event.severity.rank >= self.loud_severity.rank
        return is_loud or not any(hours.holds(local) for hours in self.quiet_hours)


class SwitchBook(Protocol):
    """Keeps what is switched off; each change is on the disk when it returns, or a StoreError is raised."""

    def switched_off(self) -> set[tuple[str, str]]: ...

    def snoozed_until(self) -> dict[str, datetime]: ...

    def set_trigger(self, camera: str, trigger: str, *, enabled: bool, now: datetime) -> None: ...

    def snooze(self, camera: str, until: datetime) -> None: ...


class Switches:
    """What a person has switched off for now; thread-safe."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._off: set[tuple[str, str]] = set()
        self._snoozed_until: dict[str, datetime] = {}
        self._book: SwitchBook | None = None
        self._log = structlog.get_logger()

    def keep_in(self, book: SwitchBook) -> None:
        """Go on from what the book says, and write every change into it: a restart undoes nothing.

        What is off is said aloud: a trigger that somebody forgot must not leave the house unwatched unnoticed.

        Raises:
            StoreError: the book can't be read.
        """
        off, snoozed_until = book.switched_off(), book.snoozed_until()
        with self._lock:
            self._book = book
            self._off |= off
            self._snoozed_until = snoozed_until | self._snoozed_until
        if off:
            self._log.warning(
                "triggers_switched_off", triggers=sorted(f"{camera}/{trigger}" for camera, trigger in off)
            )

    def set_trigger(self, camera: str, trigger: str, *, enabled: bool) -> None:
        with self._lock:
            (self._off.discard if enabled else self._off.add)((camera, trigger))
        now = self._clock.now()
        self._keep(lambda book: book.set_trigger(camera, trigger, enabled=enabled, now=now))

    def is_enabled(self, camera: str, trigger: str) -> bool:
        """Whether the trigger is on; perception asks, so that a trigger that is off makes no event."""
        with self._lock:
            return (camera, trigger) not in self._off

    def snooze(self, camera: str, minutes: float) -> None:
        """No alerts of this camera for so long; its events are stored all the same. 0 ends it."""
        until = self._clock.now() + timedelta(minutes=minutes)
        with self._lock:
            self._snoozed_until[camera] = until
        self._keep(lambda book: book.snooze(camera, until))

    def snoozed_s(self, camera: str) -> float:
        """Seconds for which the camera's alerts stay silent; 0 when they do not."""
        with self._lock:
            until = self._snoozed_until.get(camera)
        return 0.0 if until is None else max(0.0, (until - self._clock.now()).total_seconds())

    def _keep(self, write: Callable[[SwitchBook], None]) -> None:
        try:
            if self._book is not None:
                write(self._book)
        except StoreError as error:  # it holds all the same, until a restart
            self._log.warning("switch_not_stored", reason=str(error))


class Audience:
    """Answers the store: which hooks are owed this phase of this event?

    Args:
        filters: by hook name, every hook that exists, in the order in which they are told.
        silent_when_snoozed: the hooks that a snooze concerns; MQTT, which shows states, is not among them.
        time_zone: for hours; none is the machine's own.
    """

    def __init__(
        self,
        *,
        filters: Mapping[str, Filter],
        switches: Switches,
        silent_when_snoozed: Sequence[str] | None = None,
        time_zone: tzinfo | None = None,
    ) -> None:
        self._filters = dict(filters)
        self._switches = switches
        self._silent = frozenset(filters if silent_when_snoozed is None else silent_when_snoozed)
        self._time_zone = time_zone

    def hooks_for(self, event: Event, phase: DeliveryPhase) -> tuple[str, ...]:
        """Names of the hooks, in the order of the configuration."""
        snoozed = self._switches.snoozed_s(event.camera) > 0
        return tuple(
            name
            for name, wish in self._filters.items()
            if wish.wants(event, phase, self._time_zone) and not (snoozed and name in self._silent)
        )
