"""The daemon's workers, by name: made, started, replaced one by another, stopped in the order of the stream.

Only the main thread calls this, but for `members`, which the review pages ask from theirs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

import structlog

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.worker import Worker

_LOOK_EVERY_S = 1.0


class Crew:
    """All workers that run, and those that are told to end; ``on_fatal`` hears of the one that ends the daemon."""

    def __init__(self, *, on_fatal: Callable[[int, str], None], clock: Clock) -> None:
        self._on_fatal = on_fatal
        self._clock = clock
        self._workers: list[Worker] = []
        self._log = structlog.get_logger()

    def members(self) -> tuple[Worker, ...]:
        """The workers of this moment."""
        return tuple(self._workers)

    def silent(self) -> set[str]:
        """The names of those who should run and do not beat."""
        return {worker.name for worker in self._workers if not (worker.is_live() or worker.stopping.is_set())}

    def add(self, name: str, body: Callable[[Worker], None], *, beat_limit_s: float = 60.0) -> Worker:
        """A new worker; whoever asked for it starts it."""
        worker = Worker(name, body, on_fatal=self._on_fatal, beat_limit_s=beat_limit_s, clock=self._clock)
        self._workers.append(worker)
        return worker

    def replace(self, name: str, body: Callable[[Worker], None] | None, *, beat_limit_s: float = 60.0) -> None:
        """Let a worker finish what it is at, and another one, if any, go on from there: never two at once."""
        leaving = [worker for worker in self._workers if worker.name == name]
        for old in leaving:
            old.ask_to_stop()
            self._workers.remove(old)
        if body is None:
            return

        def follow(worker: Worker) -> None:
            while not all(old.join(_LOOK_EVERY_S) for old in leaving):
                worker.beat()
                if worker.stopping.is_set():
                    return
            body(worker)

        self.add(name, follow, beat_limit_s=beat_limit_s).start()

    def dismiss(self, names: Collection[str], *, within_s: float) -> None:
        """Stop these, all at once, and forget them; together they have ``within_s`` to end."""
        leaving = [worker for worker in self._workers if worker.name in names]
        self._end(leaving, time.monotonic() + within_s)
        for worker in leaving:
            self._workers.remove(worker)

    def stop(self, stage: str, *, deadline_mono_s: float) -> None:
        """Stop those whose names begin with ``stage``; what hangs at the deadline is left behind."""
        self._end([worker for worker in self._workers if worker.name.startswith(stage)], deadline_mono_s)

    def _end(self, workers: Sequence[Worker], deadline_mono_s: float) -> None:
        for worker in workers:
            worker.ask_to_stop()
        for worker in workers:
            if not worker.join(max(0.1, deadline_mono_s - time.monotonic())):
                self._log.warning("worker_left_behind", worker=worker.name)
