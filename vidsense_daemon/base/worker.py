"""One long-lived thread with a heartbeat, a catch-all and a restart policy.

    starting → running → (an error: see below) → running … → stopped
    ConfigError     the daemon ends with status 78: trying again cannot help
    TransientError  logged once, the worker waits with backoff and jitter and runs again
    StoreError      that is not transient: the database is gone or damaged; the daemon ends with status 1 and says so
    anything else   a defect, or a shortage of memory and the like: logged with its traceback or with what is missing,
                    the worker runs again; three in ten minutes end the daemon

`except Exception` stands here and nowhere else. The watchdog asks `beat_age_s` of every worker.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import structlog

from vidsense_daemon.base.backoff import Backoff
from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_FAILED, ConfigError, StoreError, TransientError
from vidsense_daemon.base.shortage import shortage_of

_DEFECTS_ALLOWED = 3
_DEFECTS_WITHIN_S = 600.0


class Worker:
    """Runs ``body(worker)`` in a thread until it returns.

    The body loops while ``not worker.stopping.is_set()`` and calls `beat` at least every ``beat_limit_s`` seconds.
    ``on_fatal`` is called once, from the thread, with the exit status and the reason, when the daemon can't go on.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[Worker], None],
        *,
        on_fatal: Callable[[int, str], None],
        beat_limit_s: float = 60.0,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self.stopping = threading.Event()
        self.beat_limit_s = beat_limit_s
        self._body = body
        self._on_fatal = on_fatal
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff(first_s=0.5, cap_s=60)
        self._waits_for = ""  # said already
        self._defects_mono_s: deque[float] = deque(maxlen=_DEFECTS_ALLOWED)
        self._beat_mono_s = self._clock.mono_s()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._log = structlog.get_logger().bind(worker=name)

    def start(self) -> None:
        self._beat_mono_s = self._clock.mono_s()
        self._thread.start()

    def beat(self) -> None:
        """Say that the body is alive."""
        self._beat_mono_s = self._clock.mono_s()

    def worked(self) -> None:
        """Say that something succeeded: the next transient error waits the shortest time again."""
        self._backoff.reset()
        self._waits_for = ""

    def beat_age_s(self) -> float:
        return self._clock.mono_s() - self._beat_mono_s

    def is_live(self) -> bool:
        """Whether the thread runs and its last beat is younger than its own limit."""
        return self._thread.is_alive() and self.beat_age_s() < self.beat_limit_s

    def ask_to_stop(self) -> None:
        self.stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; true when it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._body(self)
                return
            except ConfigError as error:
                self._on_fatal(EXIT_CONFIG, str(error))
                return
            except TransientError as error:
                wait_s = error.retry_after_s or self._backoff.next_s()
                tell = self._log.debug if str(error) == self._waits_for else self._log.warning
                tell("worker_waiting", reason=str(error), wait_s=round(wait_s, 1))
                self._waits_for = str(error)
                self._rest(wait_s)
            except StoreError as error:  # and not transient: a lost or damaged file
                self._on_fatal(EXIT_FAILED, str(error))
                return
            except Exception as error:  # noqa: BLE001 - the one catch-all of the house: no thread ends unseen
                missing = shortage_of(error)
                if missing:
                    self._log.error("worker_failed", reason=missing, error=str(error) or type(error).__name__)
                else:
                    self._log.exception("worker_failed")
                if self._too_many_defects():
                    why = f": {missing}" if missing else ""
                    self._on_fatal(EXIT_FAILED, f"{self.name} failed {_DEFECTS_ALLOWED} times in ten minutes{why}")
                    return
                self._rest(self._backoff.next_s())

    def _rest(self, wait_s: float) -> None:
        end_mono_s = self._clock.mono_s() + wait_s
        while (left_s := end_mono_s - self._clock.mono_s()) > 0 and not self.stopping.is_set():
            self.beat()  # waiting on purpose is not being stuck
            self._clock.wait(self.stopping, min(left_s, self.beat_limit_s / 2))

    def _too_many_defects(self) -> bool:
        now_mono_s = self._clock.mono_s()
        self._defects_mono_s.append(now_mono_s)
        full = len(self._defects_mono_s) == _DEFECTS_ALLOWED
        return full and now_mono_s - self._defects_mono_s[0] < _DEFECTS_WITHIN_S
