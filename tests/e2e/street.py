"""Clips of which it is known what happens when: a real cyclist, cut out of the demo's footage, crosses a still yard."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
from cameras import Picture, make_clip, yard

from vidsense_daemon.cli.footage import street_footage

_CYCLIST_AT_S = 4.9  # of bikes.mp4: he stands beside his bicycle, in full
_CYCLIST_BOX_PX = (350, 0, 525, 272)  # left, top, right, bottom
_WIDTH_PX, _HEIGHT_PX = 640, 480
_CYCLIST_HEIGHT_PX = 200


def cyclist() -> Picture:
    """(H, W, 3): the cyclist, with the little of his street that is around him."""
    left, top, right, bottom = _CYCLIST_BOX_PX
    with av.open(str(street_footage())) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= _CYCLIST_AT_S:
                cut = frame.to_ndarray(format="rgb24")[top:bottom, left:right]
                width_px = round(_CYCLIST_HEIGHT_PX * cut.shape[1] / cut.shape[0])
                return cv2.resize(cut, (width_px, _CYCLIST_HEIGHT_PX), interpolation=cv2.INTER_AREA)
    raise AssertionError("the footage is shorter than it was")


def make_visit(path: Path, *, seconds: float, visit: tuple[float, float] | None) -> Path:
    """A still yard in which, during ``visit`` (seconds), the cyclist moves from left to right; nobody without one."""
    scene, visitor = yard(_WIDTH_PX, _HEIGHT_PX), cyclist()

    def picture_at(at_s: float) -> Picture:
        if visit is None or not visit[0] <= at_s <= visit[1]:
            return scene
        place = (at_s - visit[0]) / (visit[1] - visit[0])
        picture: Picture = scene.copy()
        left, top = int(place * (_WIDTH_PX - visitor.shape[1])), _HEIGHT_PX - visitor.shape[0] - 40
        picture[top : top + visitor.shape[0], left : left + visitor.shape[1]] = visitor
        return picture

    return make_clip(
        path, seconds=seconds, width_px=_WIDTH_PX, height_px=_HEIGHT_PX, picture_at=picture_at, noise_levels=2.0
    )
