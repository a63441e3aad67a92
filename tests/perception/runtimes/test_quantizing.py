"""`vidsense models quantize`: calibrated on the user's cameras, judged on other frames, kept only when it is good."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.domain.frames import Box
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.runtimes.gate import agreement, made_up_pictures
from vidsense_daemon.perception.runtimes.in_openvino import is_installed, read_card
from vidsense_daemon.perception.runtimes.quantizing import Calibration, quantize
from vidsense_daemon.perception.runtimes.stills import views_of

pytestmark = [
    # asked, not imported: on its own OpenVINO reports to its makers
    pytest.mark.skipif(not is_installed(), reason="OpenVINO is not installed"),
    pytest.mark.timeout(120),  # the first one converts and quantizes: four seconds, on a busy machine a minute
]


def test_the_card_tells_what_it_was_made_of_and_what_it_is_worth(quantized_cache: Path) -> None:
    (graph,) = (quantized_cache / "runtimes").glob("*-int8.xml")
    card = read_card(graph)

    assert card is not None
    assert card.cameras == ("garden", "street")
    assert card.frames == 36  # of 48: every fourth was held back to judge it
    assert 0.98 <= card.cosine_worst <= card.cosine_mean <= 1
    assert min(card.ms_before, card.ms_after) > 0
    assert card.machine
    assert card.made_at == "2026-11-22T12:00:00+00:00"


def test_too_few_pictures_are_said_before_anything_is_done(clip_folder: Path, tmp_path: Path) -> None:
    encoder = ClipEncoder(str(clip_folder), threads=1)
    few = Calibration(made_up_pictures(encoder.picture_px, count=5), ("garden",))
    with pytest.raises(ConfigError, match=r"only 5 pictures of your cameras .* 32 are needed: let the daemon run"):
        quantize(encoder.vision, few, cache_dir=tmp_path, threads=1, made_at="", say=print)

    assert not (tmp_path / "runtimes").exists()


def test_what_moves_the_embeddings_is_not_kept(clip_folder: Path, cache: Path) -> None:
    """Calibrated on black nights only, judged on a picture of the day."""
    encoder = ClipEncoder(str(clip_folder), threads=1)
    black = np.zeros((encoder.picture_px, encoder.picture_px, 3), np.uint8)
    day = made_up_pictures(encoder.picture_px, count=16)
    mixed = [day[index // 4] if index % 4 == 0 else black for index in range(40)]
    told: list[str] = []
    with pytest.raises(ConfigError, match="not kept"):
        quantize(
            encoder.vision, Calibration(mixed, ("cellar",)), cache_dir=cache, threads=1, made_at="", say=told.append
        )

    assert not list(cache.glob("runtimes/*-int8*"))
    assert "cosine" in told[-1]


def test_values_that_are_no_numbers_agree_with_nothing() -> None:
    one = np.eye(3, dtype=np.float32)
    broken = one.copy()
    broken[1, 1] = np.nan

    assert agreement(one, one).holds
    assert agreement(one, broken).worst == -1.0
    assert not agreement(one, broken).holds


def test_a_still_gives_the_whole_and_what_moved(tmp_path: Path) -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[40:60, 100:120] = 255
    jpeg = cv2.imencode(".png", picture)[1].tobytes()
    whole, crop = views_of(jpeg, Box(100 / 160, 40 / 90, 120 / 160, 60 / 90), picture_px=32)

    assert whole.shape == crop.shape == (32, 32, 3)
    assert crop.mean() > 3 * whole.mean()
    assert views_of(jpeg[:50], None, picture_px=32) == []
    assert views_of(b"", None, picture_px=32) == []
