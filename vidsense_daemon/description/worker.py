"""Turn owed descriptions into stored ones: claim, describe, store; one event and one request at a time.

The queue is the table, so nothing is lost with this thread. What can go wrong with an event:

    the describer is not there     pending again, no failure counted; nothing is claimed until it may be back
    it failed at this event        pending again after 30 s, 60 s …; the third time: failed
    it can never do this event     failed at once

A failed event still gets words: the builtin sentence, with the reason beside it. The failures of an event are counted
in memory: a restart gives it three new tries, which costs less than a column that a crash could leave wrong.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from enum import Enum, auto

import structlog

from vidsense_daemon.base.backoff import delay_for
from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import DescriberError, DescriberUnavailableError, PermanentError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import DescriptionStatus, EventRecord
from vidsense_daemon.domain.ports import Describer, DescriptionQueue

_TRIES = 3
_FIRST_RETRY_S = 30.0
_RETRY_CAP_S = 900.0
# when the describer does not say how long to leave it alone
_UNAVAILABLE_S = 30.0
_POLL_S = 1.0
_REST_SLICE_S = 5.0


class _Outcome(Enum):
    NOTHING_DUE = auto()
    STORED = auto()
    POSTPONED = auto()
    UNAVAILABLE = auto()


class DescriptionWork:
    """The body of the description thread, and the same work done at once for `replay`."""

    def __init__(
        self,
        queue: DescriptionQueue,
        describer: Describer,
        fallback: Describer,
        *,
        clock: Clock | None = None,
        poll_s: float = _POLL_S,
    ) -> None:
        self._queue = queue
        self._describer = describer
        self._fallback = fallback
        self._clock = clock or SystemClock()
        self._poll_s = poll_s
        self._failures: Counter[str] = Counter()
        self._resume_at_mono_s = self._clock.mono_s()
        self._log = structlog.get_logger()

    def run(self, worker: Worker) -> None:
        """Work until ``worker`` is asked to stop; a `Worker` body.

        One description may take the describer's whole timeout: the worker's beat limit has to be longer.
        """
        while not worker.stopping.is_set():
            worker.beat()
            outcome = self._one()
            if outcome is _Outcome.STORED:
                worker.worked()
            elif outcome is _Outcome.NOTHING_DUE:
                self._clock.wait(worker.stopping, self._poll_s)
            self._rest(worker)

    def drain(self) -> int:
        """Describe all that is due now and return how many were stored; stops when the describer is not there.

        While the describer is to be left alone it returns at once: what is owed stays owed.
        """
        if self._clock.mono_s() < self._resume_at_mono_s:
            return 0
        stored = 0
        while (outcome := self._one()) in {_Outcome.STORED, _Outcome.POSTPONED}:
            stored += outcome is _Outcome.STORED
        return stored

    def close(self) -> None:
        """Interrupt the description in flight, from any thread; its event is pending again."""
        self._describer.close()
        self._fallback.close()

    def _rest(self, worker: Worker) -> None:
        """Claim nothing while the describer is away, in slices that keep the heartbeat."""
        while (left_s := self._resume_at_mono_s - self._clock.mono_s()) > 0 and not worker.stopping.is_set():
            worker.beat()
            self._clock.wait(worker.stopping, min(left_s, _REST_SLICE_S))

    def _one(self) -> _Outcome:
        record = self._queue.claim(self._clock.now())
        if record is None:
            return _Outcome.NOTHING_DUE
        event_id = record.event.id
        try:
            description = self._describer.describe(record)
        except DescriberUnavailableError as error:
            return self._wait_for_describer(event_id, error)
        except DescriberError as error:
            return self._try_later(record, error)
        except PermanentError as error:
            return self._fail(record, str(error))
        self._queue.finish(event_id, description, self._clock.now())
        self._failures.pop(event_id, None)
        self._log.info(
            "event_described",
            event_id=event_id,
            backend=description.backend,
            status=description.status.value,
            duration_s=description.duration_s,
        )
        return _Outcome.STORED

    def _wait_for_describer(self, event_id: str, error: DescriberUnavailableError) -> _Outcome:
        wait_s = error.retry_after_s or _UNAVAILABLE_S
        self._queue.postpone(event_id, str(error), self._clock.now() + timedelta(seconds=wait_s))
        self._resume_at_mono_s = self._clock.mono_s() + wait_s
        self._log.warning("describer_unavailable", reason=str(error), wait_s=round(wait_s, 1))
        return _Outcome.UNAVAILABLE

    def _try_later(self, record: EventRecord, error: DescriberError) -> _Outcome:
        event_id = record.event.id
        self._failures[event_id] += 1
        failures = self._failures[event_id]
        if failures >= _TRIES:
            return self._fail(record, f"given up after {failures} tries: {error}")
        wait_s = max(delay_for(failures - 1, first_s=_FIRST_RETRY_S, cap_s=_RETRY_CAP_S), error.retry_after_s or 0)
        self._queue.postpone(event_id, str(error), self._clock.now() + timedelta(seconds=wait_s))
        self._log.warning("description_postponed", event_id=event_id, reason=str(error), wait_s=round(wait_s, 1))
        return _Outcome.POSTPONED

    def _fail(self, record: EventRecord, reason: str) -> _Outcome:
        """Store the fallback's words with the reason: an event is never left without any."""
        words = self._fallback.describe(record)
        failed = replace(words, status=DescriptionStatus.FAILED, error=reason)
        self._queue.finish(record.event.id, failed, self._clock.now())
        self._failures.pop(record.event.id, None)
        self._log.warning("description_failed", event_id=record.event.id, reason=reason)
        return _Outcome.STORED
