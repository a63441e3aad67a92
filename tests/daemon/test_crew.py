"""Workers by name: one follows another, and all end in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from fakes import wait_until

from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.daemon.crew import Crew


class Shift:
    """A body that works until it is told to go, and stays until it is let go."""

    def __init__(self) -> None:
        self.at_work = threading.Event()
        self.may_leave = threading.Event()

    def __call__(self, worker: Worker) -> None:
        self.at_work.set()
        worker.stopping.wait()
        while not self.may_leave.wait(0.05):
            worker.beat()
        self.at_work.clear()


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew(on_fatal=lambda _status, _reason: None, clock=SystemClock())
    yield crew
    crew.stop("", deadline_mono_s=time.monotonic() + 5)


def test_a_worker_is_followed_only_when_it_has_finished(crew: Crew) -> None:
    """Two that deliver at the same time would deliver twice."""
    first, second = Shift(), Shift()
    second.may_leave.set()
    crew.add("delivery", first).start()
    assert first.at_work.wait(10)

    crew.replace("delivery", second)

    assert not second.at_work.wait(0.2)
    first.may_leave.set()
    assert second.at_work.wait(10)
    assert [worker.name for worker in crew.members()] == ["delivery"]


def test_what_hangs_is_left_behind(crew: Crew) -> None:
    """A stage that does not end in time keeps nobody else from ending."""
    hanging, quick = Shift(), Shift()
    quick.may_leave.set()
    workers = [crew.add("capture-yard", hanging), crew.add("delivery", quick)]
    for worker in workers:
        worker.start()
    assert hanging.at_work.wait(10)
    assert quick.at_work.wait(10)

    deadline_mono_s = time.monotonic()
    crew.stop("capture-", deadline_mono_s=deadline_mono_s)
    crew.stop("delivery", deadline_mono_s=deadline_mono_s)

    wait_until(lambda: not quick.at_work.is_set(), what="the quick one to end")
    assert hanging.at_work.is_set()
    hanging.may_leave.set()


def test_who_should_beat_and_does_not_is_named(crew: Crew) -> None:
    """Those who are told to end may be silent."""
    going, leaving = Shift(), Shift()
    for name, body in (("perception", going), ("delivery", leaving)):
        crew.add(name, body, beat_limit_s=0.01).start()
        body.may_leave.set()
    wait_until(lambda: crew.silent() == {"perception", "delivery"}, what="both to be silent")

    crew.stop("delivery", deadline_mono_s=time.monotonic() + 5)

    assert crew.silent() == {"perception"}
