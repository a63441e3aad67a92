"""The triggers' rule asks any encoder the same questions; what it is worth behind CLIP needs trained weights to say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidsense_daemon.domain.frames import Frame, View
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.triggers import TriggerRule

from .encoders.tiny_models import save_clip, save_siglip
from .fakes import Camera, RememberingSink


def resized(view: View | None, side_px: int) -> View | None:
    if view is None:
        return None
    pictures = [
        None if picture is None else np.asarray(cv2.resize(picture, (side_px, side_px)), np.uint8)
        for picture in (view.picture, view.background)
    ]
    assert pictures[0] is not None
    return View(pictures[0], pictures[1])


def as_seen(frame: Frame, side_px: int) -> Frame:
    whole = resized(frame.whole, side_px)
    assert whole is not None
    return replace(frame, whole=whole, crop=resized(frame.crop, side_px))


@pytest.mark.parametrize("save", [save_clip, save_siglip], ids=["clip", "siglip"])
def test_a_trigger_watches_through_a_dual_encoder(tmp_path: Path, save) -> None:  # type: ignore[no-untyped-def]
    """Random weights see nothing in particular: a low threshold lets whatever differs from the background through."""
    encoder, sink, camera = ClipEncoder(str(save(tmp_path)), threads=1), RememberingSink(), Camera()
    rules = [TriggerRule(name, name, threshold=1e-6, cold_threshold=1e-6) for name in ("a parcel", "smoke")]
    perceiver = Perceiver(
        encoder=encoder, sink=sink, mailbox=FrameMailbox(), triggers={"door": rules}, labels=["a dog"]
    )
    frames = [*camera.frames("empty", 4), *camera.frames("person", 12), *camera.frames("empty", 20)]
    perceiver.process([as_seen(frame, encoder.picture_px) for frame in frames])
    perceiver.finish()

    assert sink.windows
    assert all(frame.tiles is not None and frame.tiles.shape[0] == TILES for frame in sink.windows[0].frames)
    assert perceiver.counts()["frames"] == len(frames)
    assert set(perceiver.thresholds()["door"]) == {"a parcel", "smoke"}
