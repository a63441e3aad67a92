"""Clips become features once, whatever they are called, and again when anything about them changes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation.clips import ShadeEncoder, paint

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.learning.clips import ClipReader


@pytest.fixture(scope="module")
def flicker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("clips") / "flicker.mp4", flickers=True)


def test_a_clip_is_seen_five_times_a_second_with_what_changed(flicker: Path, tmp_path: Path) -> None:
    """The daemon's own busy rate; the first frame has changed by nothing."""
    features = ClipReader(ShadeEncoder(), cache_dir=tmp_path, with_tiles=True).read(flicker)

    assert len(features) == 12
    assert np.diff(features.seconds) == pytest.approx(0.2, abs=0.02)
    assert features.tiles.shape == (12, 24, 16)
    assert features.frame_difference[0] == 0
    assert features.frame_difference[1:].min() > 10
    assert len(features.between(0.5, 1.5)) == 5


def test_a_renamed_clip_is_not_read_again_and_a_damaged_memory_is_made_anew(flicker: Path, tmp_path: Path) -> None:
    """A second evaluation takes seconds; a disk that rots costs time, not truth."""
    encoder, other = ShadeEncoder(), tmp_path / "other.mp4"
    reader = ClipReader(encoder, cache_dir=tmp_path)
    first = reader.read(flicker)
    seen = encoder.pictures
    other.write_bytes(flicker.read_bytes())

    assert np.array_equal(reader.read(other).whole, first.whole)
    assert encoder.pictures == seen
    for kept in (tmp_path / "clips").iterdir():
        kept.write_bytes(b"rot")
    assert np.array_equal(reader.read(flicker).whole, first.whole)
    assert encoder.pictures == 2 * seen


def test_a_folder_of_numbered_pictures_is_a_clip(tmp_path: Path) -> None:
    """As the archive of Ped2 lays them out."""
    folder = tmp_path / "Train001"
    folder.mkdir()
    for number in range(1, 7):
        cv2.imwrite(str(folder / f"{number:03}.tif"), np.full((48, 64), 40 * number, np.uint8))

    features = ClipReader(ShadeEncoder(), cache_dir=tmp_path, fps=10, folder_fps=10).read(folder)

    assert features.seconds == pytest.approx(np.arange(6) / 10)


@pytest.mark.parametrize("content", [b"this is no video", b""], ids=["text", "empty"])
def test_what_is_no_video_is_named(content: bytes, tmp_path: Path) -> None:
    clip = tmp_path / "broken.mp4"
    clip.write_bytes(content)

    with pytest.raises(PermanentError, match=r"cannot (read|use) the clip.*broken\.mp4"):
        ClipReader(ShadeEncoder(), cache_dir=tmp_path).read(clip)


def test_an_empty_folder_is_no_clip(tmp_path: Path) -> None:
    (tmp_path / "Train001").mkdir()

    with pytest.raises(PermanentError, match=r"no numbered pictures such as 001\.tif"):
        ClipReader(ShadeEncoder(), cache_dir=tmp_path).read(tmp_path / "Train001")
