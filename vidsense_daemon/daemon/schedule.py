"""What happens by the clock. The only file that knows APScheduler.

A job runs in the scheduler's own thread, one at a time; one that fails is logged and runs again the next time.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.daemon.digesting import DailyDigest
from vidsense_daemon.daemon.learning import Learning
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.store.backup import back_up_daily
from vidsense_daemon.store.retention import Retention
from vidsense_daemon.store.upgrade import status

_RETENTION_EVERY_MIN = 10
_QUIET_HOUR = 4  # local time: fewest events, and most people asleep


class Schedule:
    """The daemon's regular work; runs between entering and leaving.

    ``encoder`` names whose windows the search index is kept of; ``backups_kept`` of 0 makes no backups; without
    ``digest_at``, a local time such as 07:30, nobody is sent a digest.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        retention: Retention,
        backup_folder: Path,
        backups_kept: int,
        encoder: str | None = None,
        digest: DailyDigest | None = None,
        digest_at: str | None = None,
        learning: Learning | None = None,
        learning_at: str = "03:10",
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._retention = retention
        self._backup_folder = backup_folder
        self._backups_kept = backups_kept
        self._clock = clock
        self._log = structlog.get_logger()
        self._scheduler = BackgroundScheduler(
            # the digest waits for a hook that is away, and a training takes many minutes: the others wait for neither
            executors={name: ThreadPoolExecutor(1) for name in ("default", "digest", "learning")},
            # a server that slept through the hour does the work when it wakes, and once
            job_defaults={"coalesce": True, "misfire_grace_time": 6 * 3600, "max_instances": 1},
        )
        every = {"minutes": _RETENTION_EVERY_MIN, "next_run_time": datetime.now(UTC)}  # what a kill left goes at once
        self._scheduler.add_job(self.keep_within_bounds, "interval", id="retention", **every)
        self._scheduler.add_job(self.check_database, "cron", hour=_QUIET_HOUR, jitter=600, id="check_database")
        if backups_kept:
            self._scheduler.add_job(self.back_up, "cron", hour=_QUIET_HOUR, minute=30, jitter=600, id="backup")
        if encoder is not None:
            hourly = {"hours": 1, "next_run_time": datetime.now(UTC)}
            self._scheduler.add_job(self.update_search_index, "interval", id="search_index", args=[encoder], **hourly)
        self._digest = digest
        if digest is not None and digest_at is not None:
            at = time.fromisoformat(digest_at)
            self._scheduler.add_job(digest.send, "cron", id="digest", executor="digest", hour=at.hour, minute=at.minute)
        if learning is not None:
            at = time.fromisoformat(learning_at)
            train = learning.train_at_night
            self._scheduler.add_job(train, "cron", id="learning", executor="learning", hour=at.hour, minute=at.minute)
        self._scheduler.add_listener(self._report_failure, EVENT_JOB_ERROR)

    def keep_within_bounds(self) -> None:
        """Keep the clips that nobody completed; delete what is too old or too much; the retention itself says what."""
        self._storage.clips.adopt_left(self._clock.now())
        self._retention.run(self._clock.now())

    def update_search_index(self, encoder: str) -> None:
        """Take in the windows of the last hour: who searches after a month's holiday shall not wait for the month."""
        if taken := self._storage.search_index(encoder).update():
            self._log.info("search_index_updated", windows=taken)

    def check_database(self) -> None:
        """Read the whole file once a day: a damaged page is found before the row on it is wanted."""
        found = status(self._storage.database.url)
        if found.integrity == "ok":
            self._log.info("database_checked", size_bytes=found.size_bytes)
        else:
            self._log.error("database_damaged", path=str(found.path), found=found.integrity)

    def back_up(self) -> None:
        """One more copy of the database; a damaged database makes none, so that the good ones stay."""
        url, now = self._storage.database.url, self._clock.now()
        backup = back_up_daily(url, self._backup_folder, now, keep=self._backups_kept)
        self._log.info("database_backed_up", path=str(backup.path), events=backup.events, size_bytes=backup.size_bytes)

    def __enter__(self) -> Self:
        self._scheduler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._digest is not None:
            self._digest.close()
        self._scheduler.shutdown(wait=False)

    def _report_failure(self, event: JobExecutionEvent) -> None:
        self._log.error("scheduled_job_failed", job=event.job_id, reason=str(event.exception))
