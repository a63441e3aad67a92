"""The knock at a camera's door while it is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fakes import wait_until

from vidsense_daemon.capture.reachability import Knocker

from . import servers
from .servers import Listener


def test_a_camera_that_opens_its_door_again_is_noticed() -> None:
    """After a night without power the frames come within seconds, not at the next try."""
    first = Listener(servers.silent)
    first.close()
    knocker = Knocker(f"rtsp://cam:pw@127.0.0.1:{first.port}/x")
    moments = iter(range(0, 100_000, 10))  # each question comes when the next knock is due
    wait_until(lambda: knocker._was_closed or knocker.came_back(float(next(moments))), what="the closed door")
    again = Listener(servers.silent, port=first.port)
    try:
        wait_until(lambda: knocker.came_back(float(next(moments))), what="the open door")
    finally:
        again.close()


def knocks(knocker: Knocker, moments: Iterator[int], camera: Listener, more: int) -> bool:
    """Whether it came back while so many more knocks were heard; each question comes when the next one is due."""
    wanted, came_back = camera.connections + more, False

    def heard() -> bool:
        nonlocal came_back
        came_back |= knocker.came_back(float(next(moments)))
        return camera.connections >= wanted

    wait_until(heard, what="a knock")
    return came_back


def at_a_closed_door() -> tuple[Knocker, Iterator[int], int]:
    """A knocker that has found its camera's port closed, the moments that go on, and the port."""
    first = Listener(servers.silent)
    first.close()
    knocker = Knocker(f"rtsp://127.0.0.1:{first.port}/x")
    moments = iter(range(0, 1_000_000, 10))
    wait_until(lambda: knocker._was_closed or knocker.came_back(float(next(moments))), what="the closed door")
    return knocker, moments, first.port


def test_a_camera_that_comes_back_just_after_a_failed_try_is_noticed_once() -> None:
    """The try that failed a moment before it was there does not cost a minute; nor is it asked again and again."""
    knocker, moments, port = at_a_closed_door()
    camera = Listener(servers.silent, port=port)  # while the next try fails
    try:
        assert knocks(knocker, moments, camera, 2)
        assert not knocks(knocker, moments, camera, 2)
    finally:
        camera.close()


def test_a_door_that_was_closed_before_the_camera_streamed_is_old_news() -> None:
    knocker, moments, port = at_a_closed_door()
    knocker.forget()
    camera = Listener(servers.silent, port=port)
    try:
        assert not knocks(knocker, moments, camera, 2)
    finally:
        camera.close()


def test_a_door_that_was_never_closed_is_no_news() -> None:
    """A camera that answers and fails is not asked more often for it."""
    camera = Listener(servers.silent)
    knocker = Knocker(f"rtsp://127.0.0.1:{camera.port}/x")
    try:
        for step in range(0, 100, 10):
            assert not knocker.came_back(float(step))
        wait_until(lambda: camera.connections > 0, what="a knock")

        assert not knocker.came_back(1000.0)
    finally:
        camera.close()


def test_a_recording_has_no_door(tmp_path: Path) -> None:
    """A file that is missing is tried again by the clock alone."""
    recording = Knocker(str(tmp_path / "clip.mp4"))
    (tmp_path / "clip.mp4").touch()

    assert not any(recording.came_back(float(step)) for step in range(0, 100, 10))
