"""Small copies of stills for lists."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from vidsense_daemon.review.problems import Problem
from vidsense_daemon.review.thumbnails import WIDTH_PX, Thumbnails

from .house import House


def still(folder: Path, name: str, *, width_px: int = 1920, height_px: int = 1080) -> Path:
    grain = np.random.default_rng(3).integers(0, 255, (height_px // 8, width_px // 8, 3), dtype=np.uint8)
    picture = cv2.resize(grain, (width_px, height_px))
    path = folder / name
    path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
    return path


def size_of(jpeg: bytes) -> tuple[int, int]:
    height_px, width_px = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    return width_px, height_px


@pytest.mark.parametrize(("width_px", "height_px"), [(1920, 1080), (1080, 1920), (640, 360), (3840, 2160)])
def test_a_large_still_becomes_a_small_one_of_the_same_shape(tmp_path: Path, width_px: int, height_px: int) -> None:
    """Whatever the camera: as wide as a card needs, and a fraction of the bytes."""
    path = still(tmp_path, "large.jpg", width_px=width_px, height_px=height_px)

    small = Thumbnails(media_dir=tmp_path).of(str(path), width_px=width_px)

    assert size_of(small) == (WIDTH_PX, round(height_px * WIDTH_PX / width_px))
    assert len(small) < path.stat().st_size


def test_what_is_small_or_no_picture_is_served_as_it_is(tmp_path: Path) -> None:
    """Nothing is made larger, and a still that broke on the disk is not made worse."""
    small = still(tmp_path, "small.jpg", width_px=320, height_px=180)
    broken, empty = tmp_path / "broken.jpg", tmp_path / "empty.jpg"
    broken.write_bytes(b"\xff\xd8 not a picture")
    empty.write_bytes(b"")

    thumbnails = Thumbnails(media_dir=tmp_path)

    for path, width_px in ((small, 320), (broken, 1920), (empty, 1920)):
        assert thumbnails.of(str(path), width_px=width_px) == path.read_bytes()


def test_the_memory_for_them_is_bounded(tmp_path: Path) -> None:
    """The one that was asked for longest ago makes room; the others are not read from the disk again."""
    paths = [still(tmp_path, f"{number}.jpg") for number in range(3)]
    one_bytes = len(Thumbnails(media_dir=tmp_path).of(str(paths[0]), width_px=1920))
    thumbnails = Thumbnails(media_dir=tmp_path, most_bytes=one_bytes * 2 + 100)
    for path in (paths[0], paths[1], paths[0], paths[2]):
        thumbnails.of(str(path), width_px=1920)
    for path in paths:
        path.unlink()

    assert thumbnails.of(str(paths[0]), width_px=1920)
    assert thumbnails.of(str(paths[2]), width_px=1920)
    with pytest.raises(Problem, match="no longer there"):
        thumbnails.of(str(paths[1]), width_px=1920)


def test_a_card_loads_a_small_picture_until_the_event_is_deleted(house: House, client: httpx.Client) -> None:
    """The page asks for the small one; what was kept of it is not served when the event is gone."""
    id_ = house.happens()
    page = client.get("/").text
    address = next(part for part in page.split('"') if part.startswith(f"/api/events/{id_}/stills/"))
    assert address.endswith(".jpg?small=true")

    jpeg = client.get(address).raise_for_status().content
    assert size_of(jpeg)[0] == WIDTH_PX

    house.desk.delete(id_, now=datetime.now(UTC))
    assert client.get(address).status_code == 404
