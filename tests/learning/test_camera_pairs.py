"""Crops of labelled clips beside their backgrounds, and what the bridge learns from them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from cameras import make_clip, with_walker, yard

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.learning.camera_pairs import CameraClip, Pair, Shown, pairs_of

WALKER = Shown("a person walking", (), ((1.0, 3.0),))
SHIRT = np.array([200, 30, 30])  # with_walker's


def pairs(*clips: CameraClip, most: int = 20) -> list[Pair]:
    return pairs_of(clips, scaler=Scaler(picture_px=64), random=np.random.default_rng(0), most=most)


def shirt_ratio(picture: Picture) -> float:
    """The share of the picture that the walker's shirt takes."""
    return float((np.abs(picture.astype(int) - SHIRT).max(axis=2) < 60).mean())


def grey_yard() -> Picture:
    """Without blotches that have the shirt's colour."""
    grey: Picture = yard(320, 240).mean(axis=2, keepdims=True).astype(np.uint8)
    return grey.repeat(3, axis=2)


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody walks through a yard from the first second to the third."""
    scene = grey_yard()

    def picture_at(at_s: float) -> Picture:
        return with_walker(scene, (at_s - 1) / 2) if 1.0 <= at_s <= 3.0 else scene

    return make_clip(tmp_path_factory.mktemp("clips") / "visit.mp4", seconds=4, picture_at=picture_at)


def test_a_pair_shows_the_visitor_and_the_place_without_them(visit: Path) -> None:
    """The background is made of the moments for which the labels name nothing."""
    found = [pair for pair in pairs(CameraClip(visit, "yard", (WALKER,))) if pair.shown]

    assert len(found) >= 8
    assert all(pair.shown == WALKER for pair in found)
    assert np.median([shirt_ratio(pair.picture) for pair in found]) > 0.05
    assert max(shirt_ratio(pair.background) for pair in found) < 0.01


def test_beside_each_there_is_a_calm_pair_that_shows_nothing(visit: Path) -> None:
    calm = [pair for pair in pairs(CameraClip(visit, "yard", (WALKER,))) if pair.shown is None][::2]

    assert len(calm) >= 8
    assert max(shirt_ratio(pair.picture) for pair in calm) < 0.02
    assert all(np.abs(pair.picture.astype(int) - pair.background).mean() < 12 for pair in calm)


def test_beside_each_calm_pair_there_is_one_in_which_what_stands_out_is_nobody(visit: Path) -> None:
    """A shadow or a leaf before the same background; the visitor's shirt is not in it."""
    nobody = [pair for pair in pairs(CameraClip(visit, "yard", (WALKER,))) if pair.shown is None]

    for calm, disturbed in zip(nobody[::2], nobody[1::2], strict=True):
        assert disturbed.background is calm.background
        assert not np.array_equal(disturbed.picture, calm.picture)


def test_who_never_leaves_is_seen_against_the_background_that_the_labels_name(tmp_path: Path) -> None:
    """Somebody lies there throughout: no median of the clip is without them, a picture of the empty place is."""
    scene = grey_yard()
    clip = make_clip(tmp_path / "still.mp4", seconds=2, picture_at=lambda _: with_walker(scene, 0.5))
    cv2.imwrite(str(tmp_path / "empty.png"), scene)
    lies = Shown("a person lying on the floor", (), ((0.0, 2.0),))

    assert not pairs(CameraClip(clip, "yard", (lies,)))
    found = [pair for pair in pairs(CameraClip(clip, "yard", (lies,), tmp_path / "empty.png")) if pair.shown]
    assert len(found) >= 8
    assert min(shirt_ratio(pair.picture) for pair in found) > 0.05 > max(shirt_ratio(pair.background) for pair in found)


def test_a_background_of_another_size_is_refused(visit: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), yard(160, 120))

    with pytest.raises(ConfigError, match="is 160×120, its clip 320×240: take it from the same stream"):
        pairs(CameraClip(visit, "yard", (WALKER,), tmp_path / "empty.png"))


def test_where_two_labelled_things_are_at_once_nothing_is_learnt(visit: Path) -> None:
    """Nobody can say which of them the largest box is."""
    dog = Shown("a dog", (), ((0.9, 3.1),))

    assert not pairs(CameraClip(visit, "yard", (WALKER, dog)))


def test_a_clip_of_a_moment_is_refused(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "short.mp4", seconds=0.4)

    with pytest.raises(ConfigError, match=r"short\.mp4 is too short"):
        pairs(CameraClip(clip, "yard", (WALKER,)))


def test_two_cameras_in_one_group_are_refused(visit: Path, tmp_path: Path) -> None:
    """A background is made of all clips of a group: they must show one place."""
    other = make_clip(tmp_path / "door.mp4", seconds=2, width_px=160, height_px=120)

    with pytest.raises(
        ConfigError, match=r"the group yard are no one camera's: visit\.mp4 \(320×240\), door\.mp4 \(160×120\)"
    ):
        pairs(CameraClip(visit, "yard", (WALKER,)), CameraClip(other, "yard", ()))
