"""The HTTP thread: starting, stopping, and what is in its way."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from fakes import wait_until

from vidsense_daemon.base.errors import TransientError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.review.ports import Ports
from vidsense_daemon.review.server import ReviewServer, listen

from .house import House


def test_a_taken_port_is_named_and_tried_again(house: House) -> None:
    """Cameras go on: the worker waits, and says which port and which key it is about."""
    assert house.server.address is not None
    ports = Ports(archive=house.rooms.archive, media_dir=house.rooms.media.root)
    second = ReviewServer("127.0.0.1", house.server.address[1], ports, board=CameraBoard([]))

    with pytest.raises(TransientError, match=r"port \d+: .*review\.port"):
        second.run(Worker("second", second.run, on_fatal=lambda *_: None))


def test_when_the_port_is_free_again_it_listens(house: House) -> None:
    """What held the port has ended: the page is there without a restart."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        ports = Ports(archive=house.rooms.archive, media_dir=house.rooms.media.root)
        server = ReviewServer("127.0.0.1", port, ports, board=CameraBoard([]))
        worker = Worker("http", server.run, on_fatal=lambda *_: None)
        worker.start()
        holder.close()
        wait_until(lambda: server.address is not None, "the server to listen")
    worker.ask_to_stop()

    assert worker.join(5)


def test_the_thread_beats_while_nobody_visits(house: House) -> None:
    """The watchdog sees that it lives."""
    before = house.workers[0].beat_age_s()
    wait_until(lambda: house.workers[0].beat_age_s() <= before or before == 0, "another beat")

    assert house.workers[0].is_live()


def test_a_stopped_server_leaves_no_thread_of_its_loop(tmp_path: Path) -> None:
    """Only the worker's own thread ran the event loop; it is gone with it."""
    with House(tmp_path / "state") as house:
        with house.client() as client:
            client.get("/api/events").raise_for_status()
        name = house.workers[0].name

    assert name not in [thread.name for thread in threading.enumerate()]


def test_ready_means_loaded_and_alive(tmp_path: Path) -> None:
    """A thread that does not beat is named; until the encoder is loaded nothing is ready, but the daemon lives."""
    with House(tmp_path / "state") as house, house.client() as client:
        stuck = Worker("perception", lambda _worker: None, on_fatal=lambda *_: None)
        house.workers.append(stuck)  # never started: it does not run

        ready, live = client.get("/healthz/ready"), client.get("/healthz/live")

    assert (ready.status_code, ready.json()) == (503, {"status": "stuck", "stuck": ["perception"]})
    assert live.status_code == 200


def test_an_answer_leaves_at_once() -> None:
    """Headers and body leave in two pieces; the second does not wait for the first one's acknowledgement."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        taken, _ = listener.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
