"""Turn owed descriptions into stored ones: claim, describe, store; one event and one request at a time.

The queue is the table, so nothing is lost with this thread. What can go wrong with an event:

    the describer is not there     pending again, no failure counted; nothing is claimed until it may be back
    it failed at this event        pending again after 30 s, 60 s …; the third time: failed
    it can never do this event     failed at once

A failed event still gets words: the builtin sentence, with the reason beside it. The failures of an event are counted
in memory: a restart gives it three new tries, which costs less than a column that a crash could leave wrong.

A model's words are dear, so two savings come before it: events of one camera that wait side by side are described
together, and one that looks like another just described is skipped with its words. An event that failed is tried alone,
so that it never takes others with it.

What the queue cannot take now (a full disk) it gets before anything new is claimed: words that took minutes are kept.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum, auto
from functools import partial

import structlog

from vidsense_daemon.base.backoff import delay_for
from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import (
    DescriberError,
    DescriberUnavailableError,
    PermanentError,
    StoreError,
    TransientError,
)
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.description.bursts import BURST_S, MOST_TOGETHER, Bursts, for_each, together
from vidsense_daemon.description.likeness import RecentLikeness
from vidsense_daemon.description.tally import DescriptionTally
from vidsense_daemon.domain.events import Description, DescriptionStatus, EventRecord
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
        bursts: Bursts | None = None,
        tally: DescriptionTally | None = None,
        clock: Clock | None = None,
        poll_s: float = _POLL_S,
    ) -> None:
        """``bursts`` is the queue again, if it can tell which events wait side by side."""
        self._queue = queue
        self._describer = describer
        self._fallback = fallback
        self._bursts = bursts
        self._tally = tally or DescriptionTally(clock=clock)
        self._recent = RecentLikeness()
        self._clock = clock or SystemClock()
        self._poll_s = poll_s
        self._failures: Counter[str] = Counter()  # by event id; counted as long as the event is owed
        self._unsettled: deque[Callable[[], None]] = deque()
        self._stored = 0
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
        before = self._stored
        while self._one() in {_Outcome.STORED, _Outcome.POSTPONED}:
            pass
        return self._stored - before

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
        self._settle()
        outcome = self._work_off()
        self._settle()
        return outcome

    def _settle(self) -> None:
        """Tell the queue what became of what it gave out, in order.

        Raises:
            TransientError: it can't be told now; this is tried again before anything else.
        """
        while self._unsettled:
            try:
                self._unsettled[0]()
            except TransientError:
                raise
            except StoreError as error:
                self._log.warning("description_not_stored", reason=str(error))  # the event was deleted meanwhile
            self._unsettled.popleft()

    def _work_off(self) -> _Outcome:
        record = self._queue.claim(self._clock.now())
        if record is None:
            return _Outcome.NOTHING_DUE
        if self._describer.model and (known := self._recent.like(record)):
            return self._store([record], known)
        records = [record, *self._beside(record)]
        try:
            description = self._describer.describe(together(records))
        except DescriberUnavailableError as error:
            return self._wait_for_describer(records, error)
        except DescriberError as error:
            self._let_go(records[1:], error)
            return self._try_later(record, error)
        except PermanentError as error:
            self._let_go(records[1:], error)
            return self._fail(record, str(error))
        return self._store(records, description)

    def _beside(self, record: EventRecord) -> list[EventRecord]:
        """The events to describe together with it. Without a model words cost nothing: each event gets its own."""
        if self._bursts is None or not self._describer.model or self._failures[record.event.id]:
            return []
        now = self._clock.now()
        return self._bursts.claim_beside(record, within_s=BURST_S, limit=MOST_TOGETHER - 1, now=now)

    def _store(self, records: Sequence[EventRecord], description: Description) -> _Outcome:
        for record in records:
            event_id = record.event.id
            words = for_each(description, record, records)
            self._finish(event_id, words)
            self._failures.pop(event_id, None)
            if words.model and words.status is not DescriptionStatus.SKIPPED:
                self._recent.remember(record, words)
            self._log.info(
                "event_described",
                event_id=event_id,
                backend=words.backend,
                status=words.status.value,
                duration_s=words.duration_s,
                together=len(records),
            )
        return _Outcome.STORED

    def _let_go(self, records: Sequence[EventRecord], error: Exception) -> None:
        """Events that were taken along are due again at once: what went wrong is not theirs until shown alone."""
        for record in records:
            self._postpone(record.event.id, error, wait_s=0.0)

    def _wait_for_describer(self, records: Sequence[EventRecord], error: DescriberUnavailableError) -> _Outcome:
        wait_s = error.retry_after_s or _UNAVAILABLE_S
        for record in records:
            self._postpone(record.event.id, error, wait_s=wait_s)
        self._resume_at_mono_s = self._clock.mono_s() + wait_s
        self._tally.unavailable(wait_s=wait_s)
        self._log.warning("describer_unavailable", reason=str(error), wait_s=round(wait_s, 1))
        return _Outcome.UNAVAILABLE

    def _try_later(self, record: EventRecord, error: DescriberError) -> _Outcome:
        event_id = record.event.id
        self._failures[event_id] += 1
        failures = self._failures[event_id]
        if failures >= _TRIES:
            return self._fail(record, f"given up after {failures} tries: {error}")
        wait_s = max(delay_for(failures - 1, first_s=_FIRST_RETRY_S, cap_s=_RETRY_CAP_S), error.retry_after_s or 0)
        self._postpone(event_id, error, wait_s=wait_s)
        self._tally.postponed()
        self._log.warning("description_postponed", event_id=event_id, reason=str(error), wait_s=round(wait_s, 1))
        return _Outcome.POSTPONED

    def _fail(self, record: EventRecord, reason: str) -> _Outcome:
        """Store the fallback's words with the reason: an event is never left without any."""
        words = self._fallback.describe(record)
        failed = replace(words, status=DescriptionStatus.FAILED, error=reason)
        self._finish(record.event.id, failed)
        self._failures.pop(record.event.id, None)
        self._log.warning("description_failed", event_id=record.event.id, reason=reason)
        return _Outcome.STORED

    def _finish(self, event_id: str, words: Description) -> None:
        self._stored += 1
        self._tally.described(words)
        self._unsettled.append(partial(self._queue.finish, event_id, words, self._clock.now()))

    def _postpone(self, event_id: str, error: Exception, *, wait_s: float) -> None:
        due_at = self._clock.now() + timedelta(seconds=wait_s)
        self._unsettled.append(partial(self._queue.postpone, event_id, str(error), due_at))
