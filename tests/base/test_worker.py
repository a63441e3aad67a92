"""What a worker does with what its body raises, on a clock that nobody waits for."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

import pytest
import structlog
from fakes import SimulatedClock

from vidsense_daemon.base.backoff import Backoff
from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_FAILED, ConfigError, StoreError, StreamError
from vidsense_daemon.base.worker import Worker

_LIMIT_S = 10.0  # for a thread that should end by itself


class Trial:
    """A worker whose body is a list of what happens, one a run; what returns ends it."""

    def __init__(self, *steps: Callable[[], None], clock: SimulatedClock | None = None) -> None:
        self.clock = clock or SimulatedClock()
        self.runs = 0
        self.fatal: list[tuple[int, str]] = []
        self._steps = steps
        self.worker = Worker(
            "trial",
            self._body,
            on_fatal=lambda status, reason: self.fatal.append((status, reason)),
            clock=self.clock,
            backoff=Backoff(first_s=1, cap_s=60),
        )

    def run(self) -> Trial:
        self.worker.start()
        assert self.worker.join(_LIMIT_S), "the worker did not end"
        return self

    def _body(self, worker: Worker) -> None:
        self.runs += 1
        if self.runs <= len(self._steps):
            self._steps[self.runs - 1]()
        else:
            worker.ask_to_stop()


def fails_with(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def log() -> list[structlog.typing.EventDict]:
    """What was logged; the lines go nowhere else."""
    entries: list[structlog.typing.EventDict] = []

    def keep(_logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        entries.append({**event, "log_level": method})
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    return entries


@pytest.fixture(autouse=True)
def _unconfigured_logs(log: list[structlog.typing.EventDict]) -> object:
    yield
    structlog.reset_defaults()


def test_a_wrong_configuration_ends_the_daemon_with_status_78() -> None:
    """Trying again cannot help: the operator must change something, and systemd must not restart it."""
    trial = Trial(fails_with(ConfigError("cameras.porch.url: no such stream"))).run()

    assert trial.fatal == [(EXIT_CONFIG, "cameras.porch.url: no such stream")]
    assert trial.runs == 1


def test_a_passing_failure_waits_and_runs_again(log: list[structlog.typing.EventDict]) -> None:
    """A camera that is off is asked again, later and later."""
    trial = Trial(*[fails_with(StreamError("refused"))] * 4).run()

    assert trial.runs == 5
    assert trial.fatal == []
    assert [entry["wait_s"] for entry in log] == pytest.approx([1, 2, 4, 8], rel=0.25)
    assert trial.clock.mono_s() == pytest.approx(15, rel=0.25)


def test_the_other_side_may_say_how_long_to_wait() -> None:
    """A server that asks for two minutes gets two minutes."""
    trial = Trial(fails_with(StreamError("busy", retry_after_s=120))).run()

    assert trial.clock.mono_s() == pytest.approx(120)


def test_success_makes_the_next_wait_short_again(log: list[structlog.typing.EventDict]) -> None:
    """After a good hour, a new failure is not punished for the old ones."""
    failure = fails_with(StreamError("refused"))

    def works_then_fails() -> None:
        trial.worker.worked()
        failure()

    trial = Trial(failure, failure, failure, works_then_fails)
    trial.run()

    assert log[-1]["wait_s"] == pytest.approx(1, rel=0.25)


def test_a_body_that_returns_has_ended_its_worker() -> None:
    """A recording that was read to its end is not read again."""
    trial = Trial(lambda: None)

    trial.run()

    assert trial.runs == 1


def test_a_lost_database_ends_the_daemon_with_its_reason() -> None:
    """Nothing here can bring it back: the owner reads why, and the next start restores a backup."""
    trial = Trial(fails_with(StoreError("the file was deleted while it was in use")))

    trial.run()

    assert trial.fatal == [(EXIT_FAILED, "the file was deleted while it was in use")]


def test_waiting_is_not_being_stuck() -> None:
    """The watchdog sees a worker that waits an hour on purpose as alive all the time."""
    ages_s: list[float] = []

    class Watched(SimulatedClock):
        def wait(self, stopping: threading.Event, timeout_s: float) -> bool:
            stopped = super().wait(stopping, timeout_s)
            ages_s.append(trial.worker.beat_age_s())
            return stopped

    trial = Trial(fails_with(StreamError("busy", retry_after_s=3600)), clock=Watched())
    trial.run()

    assert len(ages_s) > 100
    assert max(ages_s) < trial.worker.beat_limit_s


def test_a_defect_is_logged_and_the_worker_runs_again(log: list[structlog.typing.EventDict]) -> None:
    """One defect does not end the house's surveillance; its traceback is kept."""
    trial = Trial(fails_with(ZeroDivisionError("oops"))).run()

    assert trial.runs == 2
    assert trial.fatal == []
    assert [(entry["event"], entry["worker"], entry["exc_info"]) for entry in log] == [("worker_failed", "trial", True)]


def test_three_defects_in_ten_minutes_end_the_daemon() -> None:
    """What fails again and again needs a fresh process, and somebody to see it."""
    trial = Trial(*[fails_with(ZeroDivisionError("oops"))] * 5).run()

    assert trial.fatal == [(EXIT_FAILED, "trial failed 3 times in ten minutes")]
    assert trial.runs == 3


def test_defects_that_are_far_apart_do_not_end_the_daemon() -> None:
    """One defect every ten minutes is lived with."""
    clock = SimulatedClock()

    def fail_late() -> None:
        clock.advance(301)
        raise ZeroDivisionError("oops")

    trial = Trial(*[fail_late] * 6, clock=clock).run()

    assert trial.fatal == []
    assert trial.runs == 7


def test_a_stop_is_obeyed_while_waiting() -> None:
    """SIGTERM does not wait for a backoff of a minute."""
    trial = Trial(fails_with(StreamError("busy", retry_after_s=3600)))

    class Impatient(SimulatedClock):
        def wait(self, stopping: threading.Event, timeout_s: float) -> bool:
            trial.worker.ask_to_stop()
            return super().wait(stopping, timeout_s)

    trial = Trial(fails_with(StreamError("busy", retry_after_s=3600)), clock=Impatient())
    trial.run()

    assert trial.runs == 1
    assert trial.clock.mono_s() < 3600


def test_a_silent_worker_is_not_live() -> None:
    """A body that hangs no longer beats: the watchdog must not be fed for it."""
    clock, hanging, release = SimulatedClock(), threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        release.wait(_LIMIT_S)

    trial = Trial(hang, clock=clock)
    trial.worker.start()
    assert hanging.wait(_LIMIT_S)
    live_before = trial.worker.is_live()
    clock.advance(trial.worker.beat_limit_s + 1)
    live_after = trial.worker.is_live()
    release.set()
    assert trial.worker.join(_LIMIT_S)

    assert (live_before, live_after) == (True, False)


def test_a_worker_that_never_started_has_ended() -> None:
    """Stopping a daemon that failed half-way through its start hangs on nothing."""
    trial = Trial()

    assert trial.worker.join(0) is True
    assert trial.worker.is_live() is False


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (MemoryError(), "MemoryMax="),
        (RuntimeError("could not create a primitive"), "MemoryMax="),
        (OSError(errno.EMFILE, "Too many open files"), "LimitNOFILE="),
        (RuntimeError("can't start new thread"), "TasksMax="),
    ],
)
def test_what_has_run_out_is_named_instead_of_the_place_that_noticed(
    error: Exception, named: str, log: list[structlog.typing.EventDict]
) -> None:
    """The owner reads which limit to raise, in the log and in the reason of the end; no traceback."""
    trial = Trial(*[fails_with(error)] * 3).run()

    [(status, reason)] = trial.fatal
    assert status == EXIT_FAILED
    assert named in reason
    failed = [line for line in log if line["event"] == "worker_failed"]
    assert all(named in line["reason"] and "exc_info" not in line for line in failed)
    assert len(failed) == 3


def test_what_it_waits_for_is_said_once(log: list[structlog.typing.EventDict]) -> None:
    """A database that is locked for an hour gives one line for each worker, and one more when it happens again."""

    def works() -> None:
        trial.worker.worked()
        raise StreamError("no answer")

    trial = Trial(*[fails_with(StreamError("no answer"))] * 3, works)
    trial.run()

    waits = [line["log_level"] for line in log if line["event"] == "worker_waiting"]
    assert waits == ["warning", "debug", "debug", "warning"]
