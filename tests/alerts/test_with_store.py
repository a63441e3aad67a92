"""The delivery thread over the real SQLite outbox and a real receiver: nothing that was stored goes untold."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import wait_until
from store.scenes import Rooms, ended, event, open_rooms, still, window, words

from vidsense_daemon.alerts.hooks.webhook import Webhook
from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.clock import SystemClock

from .fakes import MovedClock, delivering
from .receiver import Answer, Receiver, cut, hang, receiver, status

EVENT_ID = "1773489600000-abcdef"
DECADE = timedelta(days=3650)


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    found = open_rooms(tmp_path / "state")
    yield found
    found.close()


def happen(rooms: Rooms, event_id: str = EVENT_ID) -> None:
    """An event begins and ends before the front door."""
    opened = event(event_id)
    rooms.events.opened(opened, still(), window())
    rooms.events.closed(ended(opened), [still("last")], window())


def later_clock() -> MovedClock:
    """A clock that stands still when all that is stored by now is due, first retries included."""
    return MovedClock(SystemClock().now() + timedelta(seconds=10))


def delivery_of(rooms: Rooms, port: int, clock: MovedClock | None = None, *, timeout_s: float = 5.0) -> AlertDelivery:
    hook = Webhook(name="phone", url=f"http://127.0.0.1:{port}/", timeout_s=timeout_s)
    return AlertDelivery(outbox=rooms.deliveries, hooks={"phone": hook}, clock=clock, poll_s=0.01)


def attempts(rooms: Rooms) -> list[int]:
    """Of what is owed, however late it is due."""
    return [delivery.attempts for delivery, _ in rooms.deliveries.due(SystemClock().now() + DECADE, 1000)]


def test_an_alert_survives_a_restart_while_the_receiver_is_down(tmp_path: Path) -> None:
    """The receiver is down, the daemon restarts, the receiver comes back: the alert arrives, with its still."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    before = open_rooms(tmp_path / "state")
    happen(before)
    with delivering(delivery_of(before, port)):
        wait_until(lambda: attempts(before) == [1])
    before.close()

    after = open_rooms(tmp_path / "state")
    with receiver(port=port) as phone, delivering(delivery_of(after, port, later_clock())):
        wait_until(lambda: attempts(after) == [])
    after.close()

    (request,) = phone.received
    assert request.json["id"] == EVENT_ID
    assert Path(request.json["stills"][0]["path"]).read_bytes().startswith(b"\xff\xd8")


DAEMON = """
import sys, pathlib, threading
sys.path.insert(0, sys.argv[1])
from store.scenes import open_rooms, event, still, window
from vidsense_daemon.alerts.hooks.webhook import Webhook
from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.worker import Worker
rooms = open_rooms(pathlib.Path(sys.argv[2]))
hook = Webhook(name="phone", url=f"http://127.0.0.1:{sys.argv[3]}/")
delivery = AlertDelivery(outbox=rooms.deliveries, hooks={"phone": hook}, poll_s=0.01)
Worker("delivery", delivery.run, on_fatal=print).start()
rooms.events.opened(event(), still(), window())
threading.Event().wait()
"""


def test_an_alert_survives_a_kill_while_it_is_being_sent(tmp_path: Path) -> None:
    """Killed -9 between sending and noting it down, the daemon sends again; the receiver knows the message's id."""
    root = str(Path(__file__).parents[1])
    with receiver() as phone:
        phone.answers = [hang]
        command = [sys.executable, "-c", DAEMON, root, str(tmp_path / "state"), str(phone.port)]
        with subprocess.Popen(command) as daemon:
            wait_until(lambda: len(phone.received) == 1)
            daemon.kill()

        rooms = open_rooms(tmp_path / "state")
        with delivering(delivery_of(rooms, phone.port)):
            wait_until(lambda: attempts(rooms) == [] and len(phone.received) == 2)
        rooms.close()

    assert len({request.headers["webhook-id"] for request in phone.received}) == 1


@pytest.mark.parametrize(
    "trouble",
    [status(500), status(429, retry_after="3"), status(302, location="http://127.0.0.1:1/"), hang, cut],
    ids=["500", "429", "302", "hang", "cut"],
)
def test_whatever_a_receiver_does_at_first_it_gets_the_alert_in_the_end(rooms: Rooms, trouble: Answer) -> None:
    """Every kind of trouble is a reason to try again, and only a 2xx ends it."""
    clock = MovedClock(SystemClock().now())
    with receiver() as phone:
        phone.answers = [trouble, trouble]
        happen(rooms)
        with delivering(delivery_of(rooms, phone.port, clock, timeout_s=0.3)):
            clock.run_until(lambda: attempts(rooms) == [], step_s=20)

    assert len(phone.received) == 3


def test_the_alert_comes_before_its_description(rooms: Rooms) -> None:
    """Although both are owed by the time the receiver is back, they arrive in order and under one id."""
    with receiver() as phone:
        phone.answers = [status(503)]
        happen(rooms)
        claimed = rooms.descriptions.claim(SystemClock().now())
        assert claimed is not None
        rooms.descriptions.finish(EVENT_ID, words(), SystemClock().now())
        clock = later_clock()
        with delivering(delivery_of(rooms, phone.port, clock)):
            wait_until(lambda: len(phone.received) == 1)
            clock.run_until(lambda: attempts(rooms) == [], step_s=20)

    assert phases(phone) == ["opened", "opened", "described"]
    assert phone.received[2].json["summary"] == "A courier leaves a parcel."


def test_a_long_queue_is_worked_off_in_order_and_without_repeats(rooms: Rooms) -> None:
    """After an outage everything arrives once, the oldest first."""
    for number in range(40):
        happen(rooms, f"{1773489600000 + number}-abcdef")
    with receiver() as phone, delivering(delivery_of(rooms, phone.port)):
        wait_until(lambda: attempts(rooms) == [])

    ids = [request.json["id"] for request in phone.received]
    assert len(ids) == 40
    assert ids == sorted(set(ids))


def phases(phone: Receiver) -> list[str]:
    return [request.json["phase"] for request in phone.received]
