"""Camera-like views of photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.learning.views import degraded, plainest_border, read_picture
from vidsense_daemon.perception.runtimes.stills import squashed


def scene(height_px: int = 120, width_px: int = 160) -> np.ndarray:
    """A plain grey picture with a busy thing in its middle."""
    picture = np.full((height_px, width_px, 3), 128, np.uint8)
    speckle = np.random.default_rng(0).integers(0, 256, (height_px // 3, width_px // 3, 3))
    top, left = height_px // 3, width_px // 3
    picture[top : top + speckle.shape[0], left : left + speckle.shape[1]] = speckle
    return picture


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), height_px=st.integers(24, 300), width_px=st.integers(24, 300))
def test_every_view_of_every_shape_is_a_picture(seed: int, height_px: int, width_px: int) -> None:
    random = np.random.default_rng(seed)
    for view in (degraded, plainest_border):
        picture = squashed(view(scene(height_px, width_px), random), 64)

        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8


def test_the_same_seed_makes_the_same_view() -> None:
    views = [degraded(scene(), np.random.default_rng(seed)) for seed in (3, 3, 4)]

    assert np.array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])


def test_degrading_leaves_the_photograph_itself_alone() -> None:
    photograph = scene()
    before = photograph.copy()
    for seed in range(20):
        degraded(photograph, np.random.default_rng(seed))

    assert np.array_equal(photograph, before)


def test_the_border_misses_the_subject() -> None:
    """The part that stands for "nothing here" has fewer edges than the picture it was cut from."""
    for seed in range(20):
        part = plainest_border(scene(), np.random.default_rng(seed))

        assert part.size < scene().size / 3
        assert part.std() < scene().std()


def test_a_picture_is_read_in_red_green_blue(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((8, 8, 3), (0, 0, 255), np.uint8))  # OpenCV writes blue, green, red

    assert read_picture(path)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.webp"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"broken\.webp"):
        read_picture(path)
