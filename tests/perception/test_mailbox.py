"""Frames wait in the mailbox: few, the newest, and none of one camera at another's cost."""

from __future__ import annotations

import threading

from vidsense_daemon.perception.mailbox import FrameMailbox

from .fakes import Camera


def test_a_full_mailbox_gives_up_the_oldest_frame_and_counts_it() -> None:
    """When the computer is too slow, what happens now is seen before what happened then, and status shows the loss."""
    mailbox = FrameMailbox(frames_per_camera=2)
    for frame in Camera().frames("person", 5):
        mailbox.put(frame)

    assert [frame.index for frame in mailbox.take_all(0)] == [3, 4]
    assert mailbox.replaced() == {"door": 3}


def test_a_busy_camera_replaces_no_other_cameras_frames() -> None:
    """One camera in a storm doesn't blind the others."""
    mailbox = FrameMailbox(frames_per_camera=2)
    mailbox.put(Camera(name="garden").frame())
    for frame in Camera(name="street").frames("car", 9):
        mailbox.put(frame)

    assert [frame.camera for frame in mailbox.take_all(0)] == ["garden", "street", "street"]


def test_who_waits_longest_is_taken_first_and_the_others_go_on_waiting() -> None:
    """In a large house each camera has its turn, however busy its neighbours are."""
    mailbox = FrameMailbox()
    garden, street, door = (Camera(name=name) for name in ("garden", "street", "door"))
    for frame in (*garden.frames("car", 2), street.frame(), door.frame()):
        mailbox.put(frame)
    first = [frame.camera for frame in mailbox.take(0, cameras=1)]
    mailbox.put(garden.frame())

    assert first == ["garden", "garden"]
    assert mailbox.holds("garden")
    assert [frame.camera for frame in mailbox.take(0, cameras=2)] == ["street", "door"]
    assert [frame.camera for frame in mailbox.take_all(0)] == ["garden"]
    assert not mailbox.holds("garden")


def test_an_empty_mailbox_answers_after_the_time_limit() -> None:
    """The perception thread is never stuck in an empty mailbox: it beats for the watchdog in between."""
    assert FrameMailbox().take_all(0.001) == []


def test_a_lossless_mailbox_makes_the_sender_wait() -> None:
    """A replay sees every frame, however slow the computer is."""
    mailbox = FrameMailbox(frames_per_camera=1, lossless=True)
    sender = threading.Thread(target=lambda: [mailbox.put(frame) for frame in Camera().frames("person", 50)])
    sender.start()
    taken: list[int] = []
    while len(taken) < 50 and (frames := mailbox.take_all(5)):
        taken += [frame.index for frame in frames]
    sender.join(5)

    assert list(range(50)) == taken
    assert mailbox.replaced() == {}


def test_closing_wakes_a_waiting_sender_and_taker() -> None:
    """Stopping a replay in its middle doesn't hang."""
    mailbox = FrameMailbox(frames_per_camera=1, lossless=True)
    camera = Camera()
    mailbox.put(camera.frame())
    answers: list[bool] = []
    sender = threading.Thread(target=lambda: answers.append(mailbox.put(camera.frame())))
    sender.start()
    mailbox.close()
    sender.join(5)

    assert answers == [False]
    assert [frame.index for frame in mailbox.take_all(5)] == [0]
    assert mailbox.take_all(5) == []


def test_no_frame_is_lost_or_doubled_between_many_cameras_and_one_taker() -> None:
    """Eight cameras at once: every frame is either perceived or counted as replaced."""
    mailbox = FrameMailbox(frames_per_camera=4)
    cameras = [Camera(name=f"camera-{number}") for number in range(8)]
    senders = [
        threading.Thread(target=lambda camera=camera: [mailbox.put(frame) for frame in camera.frames("car", 200)])
        for camera in cameras
    ]
    for sender in senders:
        sender.start()
    taken = []
    while any(sender.is_alive() for sender in senders):
        taken += mailbox.take_all(0.001)
    taken += mailbox.take_all(0)

    assert len(taken) + sum(mailbox.replaced().values()) == 8 * 200
    assert len(taken) == len({(frame.camera, frame.index) for frame in taken})
    for camera in cameras:
        indexes = [frame.index for frame in taken if frame.camera == camera.name]
        assert indexes == sorted(indexes)
