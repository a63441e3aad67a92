"""What happens by the clock. The only file that knows APScheduler.

A job runs in the scheduler's own thread, one at a time; one that fails is logged and runs again the next time.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.store.upgrade import status

_QUIET_HOUR = 4  # local time: fewest events, and most people asleep


class Schedule:
    """The daemon's nightly work; runs between entering and leaving."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._log = structlog.get_logger()
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            # a server that slept through the hour does the work when it wakes, and once
            job_defaults={"coalesce": True, "misfire_grace_time": 6 * 3600, "max_instances": 1},
        )
        self._scheduler.add_job(self.check_database, "cron", hour=_QUIET_HOUR, jitter=600, id="check_database")
        self._scheduler.add_listener(self._report_failure, EVENT_JOB_ERROR)

    def check_database(self) -> None:
        """Read the whole file once a day: a damaged page is found before the row on it is wanted."""
        found = status(self._storage.database.url)
        if found.integrity == "ok":
            self._log.info("database_checked", size_bytes=found.size_bytes)
        else:
            self._log.error("database_damaged", path=str(found.path), found=found.integrity)

    def __enter__(self) -> Self:
        self._scheduler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._scheduler.shutdown(wait=False)

    def _report_failure(self, event: JobExecutionEvent) -> None:
        self._log.error("scheduled_job_failed", job=event.job_id, reason=str(event.exception))
