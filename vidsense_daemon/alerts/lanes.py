"""One thread per hook, so that a hook that hangs holds up only itself.

The delivery thread puts one message into an idle lane; the lane calls the hook and reports what came of it. A lane
never touches the outbox: one thread owns that. The number of threads is the number of hooks.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass

import structlog

from vidsense_daemon.base.backoff import Backoff
from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import DeliveryError, HeldBackError, VidsenseError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import Delivery, EventRecord
from vidsense_daemon.domain.ports import Hook

_REST_FIRST_S = 1.0
_REST_CAP_S = 60.0
_TAKE_WITHIN_S = 5.0  # how often an idle lane looks whether it should end


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one message; ``error`` is none when the hook took it."""

    lane: Lane
    delivery: Delivery
    error: VidsenseError | None

    @property
    def is_failure(self) -> bool:
        """Whether something is wrong with the hook or the message."""
        return self.error is not None and not isinstance(self.error, HeldBackError)


class Lane:
    """The thread of one hook. All methods belong to the delivery thread."""

    def __init__(self, hook: Hook, outcomes: queue.SimpleQueue[Outcome | None], clock: Clock) -> None:
        self.hook = hook
        self._clock = clock
        self._outcomes = outcomes
        self._inbox: queue.SimpleQueue[tuple[Delivery, EventRecord] | None] = queue.SimpleQueue()
        self._busy = False
        self._broken = False
        self._rest = Backoff(first_s=_REST_FIRST_S, cap_s=_REST_CAP_S)
        self._resting_until_mono_s = clock.mono_s()
        self._log = structlog.get_logger().bind(hook=hook.name)
        self._worker = Worker(f"hook-{hook.name}", self._run, on_fatal=self._on_fatal, clock=clock)

    def start(self) -> None:
        self._worker.start()

    def ask_to_stop(self) -> None:
        self._worker.ask_to_stop()
        self._inbox.put(None)

    def join(self, timeout_s: float) -> bool:
        """True when the lane's thread has ended; a hook at work is left to its own limit."""
        return self._worker.join(timeout_s)

    def is_free(self) -> bool:
        """Whether the hook can be given a message now: it is not at work and not resting after a failure."""
        return not (self._busy or self._broken) and self._clock.mono_s() >= self._resting_until_mono_s

    def take(self, delivery: Delivery, record: EventRecord) -> None:
        self._busy = True
        self._inbox.put((delivery, record))

    def settled(self, *, failed: bool) -> None:
        """The outcome is recorded; after a failure the hook rests a little.

        So a receiver that is down is not asked at full speed for every message that waits, and a single message that
        it refuses does not stop the others for long.
        """
        self._busy = False
        if failed:
            self._resting_until_mono_s = self._clock.mono_s() + self._rest.next_s()
        else:
            self._rest.reset()

    def _run(self, worker: Worker) -> None:
        while not worker.stopping.is_set():
            worker.beat()
            try:
                taken = self._inbox.get(timeout=_TAKE_WITHIN_S)
            except queue.Empty:
                continue
            if taken is not None:
                self._deliver(*taken)

    def _deliver(self, delivery: Delivery, record: EventRecord) -> None:
        # a defect in a hook passes through to the worker, which logs it; the message is tried again like any other
        error: VidsenseError | None = DeliveryError(f"hook {self.hook.name!r} failed; the log has the traceback")
        try:
            self.hook.deliver(delivery, record)
            error = None
        except VidsenseError as raised:
            error = raised
        finally:
            self._outcomes.put(Outcome(self, delivery, error))

    def _on_fatal(self, _status: int, reason: str) -> None:
        # a broken hook must not end the daemon, which has cameras to watch
        self._broken = True
        self._log.error("hook_stopped", reason=reason, next_step="its messages wait; restart the daemon to try again")
