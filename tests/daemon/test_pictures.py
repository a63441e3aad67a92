"""Pictures of the user's own cameras, out of their events' stills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from perception.fakes import STARTED_AT, embedded
from store.scenes import event

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.daemon.measuring import of_pace
from vidsense_daemon.daemon.pictures import camera_pictures
from vidsense_daemon.daemon.quantizing import quantize_encoder
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import EventStill
from vidsense_daemon.domain.frames import Box, Still
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.perception.pace import Pace
from vidsense_daemon.settings.schema import EncoderBlock

GREYS = {"street": 200, "garden": 40}


def jpeg(grey: int) -> bytes:
    return cv2.imencode(".jpg", np.full((90, 160, 3), grey, np.uint8))[1].tobytes()


def happens(storage: Storage, camera: str, number: int) -> None:
    at = STARTED_AT + timedelta(minutes=number)
    still = Still(jpeg(GREYS[camera]), 160, 90, at, Box(0.4, 0.4, 0.6, 0.6))
    frame = embedded(0, at_s=number * 60, camera=camera)
    window = Window((frame,), frame.whole[None], frame.whole)
    storage.events.opened(
        replace(event(f"{number}-{camera}", camera=camera, started_at=at)), EventStill(still, "first", 1.0), window
    )


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """A busy street and a garden where little happens."""
    storage = Storage(tmp_path)
    for number in range(10):
        happens(storage, "street", number)
    happens(storage, "garden", 11)
    yield storage
    storage.close()


def test_a_busy_camera_does_not_push_out_the_others(storage: Storage) -> None:
    found = camera_pictures(storage, picture_px=32, count=6)
    of_garden = [picture for picture in found.pictures if abs(float(picture.mean()) - GREYS["garden"]) < 3]

    assert found.cameras == ("garden", "street")
    assert len(found.pictures) == 6
    assert len(of_garden) == 2  # the whole, and what moved
    assert {picture.shape for picture in found.pictures} == {(32, 32, 3)}


def test_lost_and_damaged_stills_are_left_out(storage: Storage) -> None:
    files = sorted(storage.media.root.rglob("*.jpg"))
    files[0].unlink()
    files[1].write_bytes(b"no picture")

    assert len(camera_pictures(storage, picture_px=32, count=100).pictures) == 2 * (len(files) - 2)


def test_too_few_stills_are_said_with_what_to_do(storage: Storage) -> None:
    with pytest.raises(ConfigError, match=r"only 22 pictures .* 32 are needed: let the daemon"):
        quantize_encoder(EncoderBlock(backend="builtin"), storage, frames=200, say=print)


def test_metrics_tell_how_late_perception_is_and_what_it_lets_through() -> None:
    pace = Pace(max_frames_per_s=12)
    before = {one.name for one in of_pace(pace)}
    with pace.over([]):
        pass
    found = {one.name: one.value for one in of_pace(pace)}

    assert "vidsense_perception_latency_seconds" not in before
    assert found["vidsense_perception_limit_frames_per_second"] == 12
    assert found["vidsense_perception_rates_lowered_total"] == 0
