"""One request at a time, however many threads ask, and each one bounded."""

from __future__ import annotations

import asyncio
import threading

import pytest
from fakes import wait_until

from vidsense_daemon.base.errors import DescriberUnavailableError
from vidsense_daemon.description.describers.private_loop import PrivateLoop


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def answer() -> str:
    return "done"


def test_requests_of_several_threads_wait_for_each_other() -> None:
    """A question that comes while an event is described waits for its turn: the server sees one at a time."""
    loop = PrivateLoop()
    running: list[int] = []
    together: list[int] = []

    async def request() -> None:
        running.append(1)
        together.append(len(running))
        await asyncio.sleep(0.01)
        running.pop()

    threads = [threading.Thread(target=loop.run, args=(request,), kwargs={"timeout_s": 5}) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert together == [1] * 5


def test_who_waits_too_long_for_a_turn_gives_up() -> None:
    """A question behind a description of many minutes is told so within its own limit."""
    loop = PrivateLoop()
    inside = threading.Event()

    async def hang() -> None:
        inside.set()
        await for_ever()

    def describe() -> None:
        with pytest.raises(DescriberUnavailableError):
            loop.run(hang, timeout_s=60)

    thread = threading.Thread(target=describe)
    thread.start()
    assert inside.wait(5)
    with pytest.raises(TimeoutError):
        loop.run(answer, timeout_s=0.05)

    loop.close()
    thread.join(5)
    assert not thread.is_alive()


def test_a_request_that_never_ends_is_ended() -> None:
    """The limit holds for the whole request, and the next one runs."""
    loop = PrivateLoop()
    with pytest.raises(TimeoutError):
        loop.run(for_ever, timeout_s=0.05)

    assert loop.run(answer, timeout_s=5) == "done"


def test_after_the_stop_nothing_starts() -> None:
    """A request that was about to start while the daemon stops is refused."""
    loop = PrivateLoop()
    loop.close()

    with pytest.raises(DescriberUnavailableError, match="daemon stops"):
        loop.run(answer, timeout_s=5)


def test_stopping_reaches_a_request_from_any_thread() -> None:
    """Whoever stops the daemon need not know which thread describes."""
    loop = PrivateLoop()
    ended: list[BaseException] = []

    def describe() -> None:
        try:
            loop.run(for_ever, timeout_s=60)
        except DescriberUnavailableError as error:
            ended.append(error)

    thread = threading.Thread(target=describe)
    thread.start()
    wait_until(lambda: thread.is_alive())
    loop.close()
    thread.join(5)

    assert len(ended) == 1
