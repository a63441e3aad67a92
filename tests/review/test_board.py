"""What a camera does right now, as its owner reads it."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from store import scenes

from vidsense_daemon.review.board import CameraBoard

from .house import CameraSays, House, frame, still


@pytest.mark.parametrize(
    ("phase", "word"),
    [
        ("opening", "starting"),
        ("waiting", "offline"),
        ("stopped", "offline"),
        ("ended", "ended"),
        ("streaming", "calm"),
    ],
)
def test_a_phase_has_a_word_for_people(phase: str, word: str) -> None:
    """What capture calls waiting, its owner calls offline."""
    board = CameraBoard(["yard"])
    board.heard(CameraSays("yard", phase=phase))

    sight = board.camera("yard")

    assert sight is not None
    assert sight.word() == word


def test_a_camera_is_busy_while_and_shortly_after_something_moves() -> None:
    """Who stands still for a moment is still there."""
    board = CameraBoard(["yard"])
    board.heard(CameraSays("yard"))
    words = []
    for at_s, moving in ((0, False), (1, True), (4, False), (7, False)):
        board.saw(frame("yard", at_s=at_s, moving=moving))
        words += [sight.word() for sight in board.cameras()]

    assert words == ["calm", "busy", "busy", "calm"]


def test_the_newest_still_is_kept_while_nothing_moves(house: House, client: httpx.Client) -> None:
    """The live page shows the last moment in which something moved, and says when that was."""
    house.board.heard(CameraSays("yard"))
    house.board.saw(frame("yard", at_s=1, moving=True, with_still=True))
    house.board.saw(frame("yard", at_s=60))

    camera = client.get("/api/cameras/yard").json()
    picture = client.get(camera["still_url"])

    assert picture.content == still().jpeg
    assert picture.headers["cache-control"] == "no-store"
    assert camera["last_frame_at_ms"] - camera["last_motion_at_ms"] == 59_000


def test_an_offline_camera_says_why_and_since_when(house: House, client: httpx.Client) -> None:
    """The fault in words, with the next step, on the page and in the API."""
    house.board.heard(CameraSays("yard", phase="waiting", message="no frame came for 15 s; look at its cable"))

    camera = client.get("/api/cameras/yard").json()
    page = client.get("/live").text

    assert (camera["state"], camera["message"]) == ("offline", "no frame came for 15 s; look at its cable")
    assert "offline since" in page
    assert "look at its cable" in page


def test_a_camera_that_is_not_configured_is_not_there(client: httpx.Client) -> None:
    for path in ("/api/cameras/attic", "/api/cameras/attic/still.jpg", "/api/cameras/yard/still.jpg"):
        assert client.get(path).status_code == 404


def test_a_camera_that_is_tried_again_and_again_stays_offline_since_it_was_lost(house: House) -> None:
    """Each try begins a phase of its own; to its owner the camera has been away since the first."""
    lost, later = scenes.NOON, scenes.NOON + timedelta(hours=3)
    words = []
    said = (("opening", lost), ("waiting", lost), ("opening", later), ("waiting", later), ("streaming", later))
    for phase, since in said:
        house.board.heard(CameraSays("yard", phase=phase, since=since))
        sight = house.board.camera("yard")
        assert sight is not None
        words.append((sight.word(), sight.offline_since))

    assert words == [("starting", None), *[("offline", lost)] * 3, ("calm", None)]
