"""The day in a few lines, sent to people once a day; called by a thread of the schedule's.

A hook that does not take it is asked again a few times that day. It is no event: nothing is lost when it never arrives,
and `vidsense digest` shows it at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date, timedelta, tzinfo

import structlog

from vidsense_daemon.alerts.announcement import Announcement, Announcer
from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import DeliveryError, PermanentError
from vidsense_daemon.description.digest import Digests

AGAIN_AFTER_S = 600.0
_TRIES = 6
_NOON = 12


class DailyDigest:
    """Makes the digest and hands it over. In the morning it is about the day before, from noon on about the day."""

    def __init__(
        self, digests: Callable[[], Digests], announcers: Sequence[Announcer], *, zone: tzinfo, clock: Clock
    ) -> None:
        self._digests = digests
        self._announcers = tuple(announcers)
        self._zone = zone
        self._stopping = threading.Event()
        self._clock = clock
        self._log = structlog.get_logger()

    def close(self) -> None:
        """Wait no longer: the daemon ends."""
        self._stopping.set()

    def send(self) -> None:
        """Make today's and hand it to everybody, waiting between tries; returns when all have it or it is given up."""
        announcement, left = self._about(), self._announcers
        for attempt in range(1, _TRIES + 1):
            left = tuple(announcer for announcer in left if not self._takes(announcer, announcement))
            if not left or self._clock.wait(self._stopping, AGAIN_AFTER_S if attempt < _TRIES else 0):
                break
        names = [announcer.name for announcer in left]
        self._log.info("digest_sent", digest=announcement.id, events=len(announcement.event_ids), not_taken_by=names)

    def _takes(self, announcer: Announcer, announcement: Announcement) -> bool:
        """Whether nothing more is owed to this hook."""
        try:
            announcer.announce(announcement)
        except DeliveryError as error:
            self._log.warning("digest_not_taken", hook=announcer.name, reason=str(error))
            return False
        except PermanentError as error:
            self._log.error("digest_given_up", hook=announcer.name, reason=str(error))
        return True

    def _about(self) -> Announcement:
        local = self._clock.now().astimezone(self._zone)
        day: date = local.date() - timedelta(days=local.hour < _NOON)
        told = self._digests().of_day(day)
        return Announcement(
            id=f"digest_{day:%Y-%m-%d}",
            kind="digest",
            title=f"vidsense: {day:%A %Y-%m-%d}",
            text=told.text,
            event_ids=told.event_ids,
        )
