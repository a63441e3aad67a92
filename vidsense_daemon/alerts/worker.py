"""Hand what the outbox owes to the hooks. The body of the delivery thread.

delivery   pending ──► sent      the hook took it
           pending ──► pending   it did not: later, by `retries`
           pending ──► dead      it never will, or the message is older than three days

The outbox is a table: a message is owed from the transaction that stored its event until `sent` is committed, so a
kill at any point repeats a message at worst (the receiver knows it by its id) and never loses one. Only this thread
touches the outbox; every hook has a thread of its own (`lanes`) and one message in its hands at a time, which keeps
the order and bounds the memory, whatever the queue's length.
"""

from __future__ import annotations

import queue
import random
from collections import deque
from collections.abc import Mapping

import structlog

from vidsense_daemon.alerts.lanes import Lane, Outcome
from vidsense_daemon.alerts.retries import GIVE_UP_AFTER_S, next_attempt_at
from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import PermanentError, TransientError
from vidsense_daemon.base.redact import url_credentials
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.ports import Hook, Outbox

_LONGEST_ERROR = 500  # characters kept of a failure's reason


class AlertDelivery:
    """`run` is the body of the delivery worker; only `wake` may be called from other threads."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        hooks: Mapping[str, Hook],
        clock: Clock | None = None,
        poll_s: float = 0.5,
        stop_within_s: float = 3.0,
        give_up_after_s: float = GIVE_UP_AFTER_S,
        random_source: random.Random | None = None,
    ) -> None:
        self._outbox = outbox
        self._clock = clock or SystemClock()
        self._poll_s = poll_s
        self._stop_within_s = stop_within_s
        self._give_up_after_s = give_up_after_s
        self._random = random_source or random.Random()
        self._outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        # what a hook took is kept here until the outbox knows: a full disk must not send the same alert for ever
        self._unrecorded: deque[Outcome] = deque()
        self._lanes = {name: Lane(hook, self._outcomes, self._clock) for name, hook in hooks.items()}
        self._started = False
        self._log = structlog.get_logger()

    def wake(self) -> None:
        """Look into the outbox now, not at the next poll."""
        self._outcomes.put(None)

    def run(self, worker: Worker) -> None:
        """Deliver until the worker is asked to stop; returns at most ``stop_within_s`` later.

        What a hook still has in its hands then is left to it, stays owed, and is sent again at the next start.
        """
        self._start_lanes()
        while not worker.stopping.is_set():
            worker.beat()
            self._record_outcomes()
            self._hand_out()
            worker.worked()  # the outbox answers: its next failure waits the shortest time again
            self._await_outcome(self._poll_s)
        self._stop_lanes()
        self._record_outcomes()

    def _start_lanes(self) -> None:
        if not self._started:  # the worker runs the body again after an error; the lanes have gone on meanwhile
            self._started = True
            for lane in self._lanes.values():
                lane.start()

    def _stop_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.ask_to_stop()
        end_mono_s = self._clock.mono_s() + self._stop_within_s
        for lane in self._lanes.values():
            if not lane.join(max(0.0, end_mono_s - self._clock.mono_s())):
                self._log.warning("delivery_abandoned", hook=lane.hook.name, next_step="it is sent again at the start")
        while not self._outcomes.empty():
            self._await_outcome(0)

    def _hand_out(self) -> None:
        for name, lane in self._lanes.items():
            if lane.is_free():
                for delivery, record in self._outbox.due(self._clock.now(), 1, name):
                    lane.take(delivery, record)

    def _await_outcome(self, timeout_s: float) -> None:
        try:
            outcome = self._outcomes.get(timeout=timeout_s)
        except queue.Empty:
            return
        if outcome is not None:
            self._unrecorded.append(outcome)

    def _record_outcomes(self) -> None:
        while self._unrecorded:
            outcome = self._unrecorded[0]
            self._record(outcome)
            self._unrecorded.popleft()
            outcome.lane.settled(failed=outcome.is_failure)

    def _record(self, outcome: Outcome) -> None:
        delivery, error = outcome.delivery, outcome.error
        log = self._log.bind(hook=delivery.hook, event_id=delivery.event_id, phase=delivery.phase.value)
        now = self._clock.now()
        if error is None:
            self._outbox.sent(delivery.id, now)
            log.info("delivery_sent", attempts=delivery.attempts + 1)
            return
        # a URL in a hook's error may hold a token, and this text is stored and shown
        reason = url_credentials(str(error))[:_LONGEST_ERROR]
        retry_at = None
        if not isinstance(error, PermanentError):
            retry_at = next_attempt_at(
                delivery,
                now,
                retry_after_s=error.retry_after_s if isinstance(error, TransientError) else None,
                jitter=self._random.uniform(-1, 1),
                give_up_after_s=self._give_up_after_s,
            )
        if retry_at is None:
            self._outbox.give_up(delivery.id, reason, now)
            log.error("delivery_given_up", reason=reason, attempts=delivery.attempts + 1)
        else:
            self._outbox.postpone(delivery.id, reason, retry_at)
            # what waits on purpose is looked at again and again: said once
            on_purpose = log.info if delivery.attempts == 0 else log.debug
            tell = log.warning if outcome.is_failure else on_purpose
            tell("delivery_postponed", reason=reason, next_attempt_at=retry_at.isoformat())
