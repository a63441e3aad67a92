"""`vidsense run` on a real RTSP stream: events, hooks, and what happens when somebody pulls a plug."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from alerts.receiver import receiver
from cameras import RtspCamera, free_port
from fakes import wait_until

from .conftest import EVENT_LIMIT_S, Household

pytestmark = pytest.mark.timeout(180)


def test_a_stream_becomes_a_described_event_and_a_called_hook(household: Household, street_camera: RtspCamera) -> None:
    """The main job: someone comes, the owner is told at once, and told again in words, under the same id."""
    with receiver() as phone:
        household.configure(street_camera.url("visit.mp4"), hooks=[{"kind": "webhook", "url": phone.url}])
        daemon = household.start()
        wait_until(lambda: len(phone.received) >= 2, limit_s=EVENT_LIMIT_S, what="both calls of the hook")

        opened, described = (message.json for message in phone.received[:2])
        assert (opened["phase"], described["phase"]) == ("opened", "described")
        assert opened["id"] == described["id"]
        assert described["description"]["status"] == "done"
        event = next(event for event in household.events() if event["id"] == opened["id"])
        assert (event["trigger"], event["source"]) == ("cyclist", "live")
        assert all(Path(still).exists() for still in event["stills"])

        assert household.stop(daemon) == 0


def test_after_the_camera_was_unplugged_the_next_event_comes_without_a_restart(
    household: Household, street_camera: RtspCamera
) -> None:
    """A camera that lost its power comes back by itself."""
    household.configure(street_camera.url("visit.mp4"))
    household.start()
    first = household.await_events(lambda events: len(events) >= 1, what="the first event")

    street_camera.kill()
    wait_until(lambda: bool(household.log_lines("camera_lost")), what="the loss to be noticed")
    street_camera.start()

    seen = len(household.events())
    assert seen >= len(first)
    household.await_events(lambda events: len(events) > seen, what="an event after the camera's return")
    assert len(household.log_lines("daemon_ready")) == 1


def test_a_killed_daemon_loses_no_event_and_sends_the_unsent_alert_after_the_restart(
    household: Household, street_camera: RtspCamera
) -> None:
    """kill -9 in the middle of an event while the receiver is down: all that was acknowledged is still there."""
    port = free_port()  # nobody listens there yet
    household.configure(
        street_camera.url("visit.mp4"), hooks=[{"kind": "webhook", "url": f"http://127.0.0.1:{port}/vidsense"}]
    )
    daemon = household.start()
    [event, *_] = household.await_events(lambda events: len(events) >= 1, what="the first event")

    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    before = {event["id"] for event in household.events()}
    assert event["id"] in before

    with receiver(port=port) as phone:
        household.start()
        assert before <= {event["id"] for event in household.events()}
        wait_until(
            lambda: event["id"] in {message.json["id"] for message in phone.received},
            limit_s=EVENT_LIMIT_S,
            what="the alert that was owed",
        )
    recovered = next(each for each in household.events() if each["id"] == event["id"])
    assert recovered["state"] == "closed"
    assert recovered["clip"]  # as far as it had been cut
    assert household.vidsense("db", "check").returncode == 0


def test_a_second_daemon_on_the_same_state_folder_is_refused(household: Household, street_camera: RtspCamera) -> None:
    """Two daemons on one database would each believe that they are alone."""
    household.configure(street_camera.url("empty.mp4"))
    first = household.start()

    second = household.vidsense("run", "--config", str(household.config))

    assert second.returncode == 78
    assert str(first.pid) in second.stderr
    assert first.poll() is None


def test_recordings_as_cameras_come_to_an_end_and_so_does_the_daemon(household: Household, street: Path) -> None:
    """A file is watched at its own speed; when nothing is left to watch or to describe, the daemon ends, status 0."""
    household.configure(str(street / "visit.mp4"))
    daemon = household.start()

    assert daemon.wait(60) == 0
    [event] = household.events()
    assert event["description"]["status"] == "done"
