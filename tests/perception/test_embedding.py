"""Sampled frames become embedded frames: in one batch, backgrounds once, and a bad picture costs only itself."""

from __future__ import annotations

import numpy as np
import structlog

from vidsense_daemon.domain.frames import View
from vidsense_daemon.perception.embedding import FrameEmbedder

from .fakes import Camera, ColourEncoder, broken, changed_by, painted


def test_all_cameras_share_one_batch() -> None:
    """Two cameras cost one call for the whole pictures and one for what was cut out of them."""
    encoder = ColourEncoder()
    embedded = FrameEmbedder(encoder).embed([Camera(name="door").frame("person"), Camera(name="garden").frame("dog")])

    assert [frame.camera for frame in embedded] == ["door", "garden"]
    assert len(encoder.batches) == 2


def test_a_frame_keeps_what_its_whole_picture_shows_where() -> None:
    """Tiles come row by row from the upper left; the frame's most changed block is handed on."""
    whole = View(painted("car", share=0.5), painted())
    (embedded,) = FrameEmbedder(ColourEncoder()).embed([Camera().frame(whole=whole, block_changes=changed_by(7.5))])

    assert embedded.tiles is not None
    shown = ["car" if tile.argmax() == 1 else "empty" for tile in embedded.tiles]
    assert shown == ["car"] * 12 + ["empty"] * 12
    assert embedded.block_change == 7.5


def test_a_batch_is_never_larger_than_its_limit() -> None:
    """Sixteen cameras at once don't need the memory of sixteen."""
    encoder = ColourEncoder()
    FrameEmbedder(encoder, max_batch_pictures=4).embed(Camera().frames("person", 5))

    assert max(encoder.batches) == 4


def test_each_view_gets_its_own_embedding() -> None:
    """Crop, whole picture and both backgrounds are not mixed up."""
    crop, whole = View(painted("person"), painted("dog")), View(painted("car"), painted("empty"))
    (embedded,) = FrameEmbedder(ColourEncoder()).embed([Camera().frame("person", crop=crop, whole=whole)])

    assert embedded.crop is not None
    assert embedded.crop_background is not None
    assert embedded.whole_background is not None
    vectors = (embedded.crop, embedded.whole, embedded.crop_background, embedded.whole_background)
    assert [int(np.argmax(vector)) for vector in vectors] == [0, 1, 2, 3]


def test_an_unchanged_background_is_embedded_once() -> None:
    """Looking at the same lawn all day costs nothing more."""
    embedder = FrameEmbedder(ColourEncoder())
    for frame in Camera().frames("person", 3):
        embedder.embed([frame])

    assert embedder.embedded_pictures == 3 * 2 + 1  # whole and crop of each frame, one background for all
    assert embedder.reused_backgrounds == 5


def test_a_background_in_which_something_new_stands_is_embedded_again() -> None:
    """A bin that was put out belongs to the background from then on."""
    embedder = FrameEmbedder(ColourEncoder())
    camera = Camera()
    with_a_bin = painted()
    with_a_bin[:2, :2] = (0, 200, 0)
    first, second = embedder.embed(
        [camera.frame(whole=View(painted(), painted())), camera.frame(whole=View(painted(), with_a_bin))]
    )

    assert first.whole_background is not None
    assert second.whole_background is not None
    assert not np.array_equal(first.whole_background, second.whole_background)


def test_sensor_noise_does_not_count_as_a_new_background() -> None:
    """A background that flickers by a grey level is the same background."""
    embedder = FrameEmbedder(ColourEncoder())
    noisy = painted() + np.random.default_rng(0).integers(0, 3, (16, 16, 3), dtype=np.uint8)
    embedder.embed([Camera().frame(crop=None, box=None)])
    embedder.embed([Camera().frame(crop=None, box=None, whole=View(painted(), noisy))])

    assert embedder.reused_backgrounds == 1


def test_cameras_do_not_share_backgrounds() -> None:
    """Each camera's backgrounds are its own, so that one can't push out another's."""
    embedder = FrameEmbedder(ColourEncoder())
    for name in ("door", "garden"):
        embedder.embed([Camera(name=name).frame(crop=None, box=None)])

    assert embedder.reused_backgrounds == 0


def test_an_answer_that_is_no_number_costs_its_own_frame_only() -> None:
    """A picture that the model chokes on is left out, counted, and logged once; other cameras go on."""
    embedder = FrameEmbedder(ColourEncoder())
    sick = Camera(name="sick")
    with structlog.testing.capture_logs() as logs:
        embedded = embedder.embed(
            [
                sick.frame(whole=View(broken(), None)),
                Camera(name="door").frame("person"),
                sick.frame(whole=View(broken(), None)),
            ]
        )

    assert [frame.camera for frame in embedded] == ["door"]
    assert embedder.unusable_frames == {"sick": 2}
    assert [log["event"] for log in logs] == ["frame_unusable"]


def test_a_picture_of_the_wrong_size_costs_its_own_frame_only() -> None:
    """A frame that was cut for another encoder doesn't stop the others."""
    embedder = FrameEmbedder(ColourEncoder())
    small = np.zeros((8, 8, 3), np.uint8)
    embedded = embedder.embed([Camera(name="odd").frame(whole=View(small, None)), Camera(name="door").frame("person")])

    assert [frame.camera for frame in embedded] == ["door"]


def test_a_background_without_numbers_is_no_background() -> None:
    """The frame stays, but it is not scored against nonsense."""
    (embedded,) = FrameEmbedder(ColourEncoder()).embed([Camera().frame(crop=None, whole=View(painted(), broken()))])

    assert embedded.whole_background is None
