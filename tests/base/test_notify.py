"""What systemd hears: one datagram a message, on the socket that it named."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidsense_daemon.base.notify import ServiceNotifier


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listening end, as systemd has one; in the abstract namespace, where no path is too long."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0vidsense-test-{os.getpid()}-{id(listener)}")
        listener.settimeout(10)
        yield listener


def address_of(listener: socket.socket) -> str:
    name: bytes = listener.getsockname()
    return "@" + name[1:].decode()


def test_the_life_of_the_service_is_told_in_its_own_words(listener: socket.socket) -> None:
    """Ready, alive, what it does, stopping."""
    notifier = ServiceNotifier({"NOTIFY_SOCKET": address_of(listener), "WATCHDOG_USEC": "30000000"})
    notifier.ready("watching 2 cameras")
    notifier.alive()
    notifier.status("1 of 2 cameras streaming")
    notifier.stopping()

    assert [listener.recv(1000).decode() for _ in range(4)] == [
        "READY=1\nSTATUS=watching 2 cameras",
        "WATCHDOG=1",
        "STATUS=1 of 2 cameras streaming",
        "STOPPING=1",
    ]
    assert notifier.watchdog_s == 30


def test_a_socket_may_be_a_file(tmp_path: Path) -> None:
    """The system's own manager listens on a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)

        ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).alive()

        assert listener.recv(1000) == b"WATCHDOG=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_a_listener_nothing_happens(environ: dict[str, str]) -> None:
    """Started from a terminal, or when systemd is gone: no error ends the daemon."""
    notifier = ServiceNotifier(environ)
    notifier.ready("watching")

    assert notifier.watchdog_s is None
