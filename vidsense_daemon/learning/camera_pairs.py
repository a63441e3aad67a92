"""What stands out of a fixed camera's background, cut out of labelled clips: the bridge's lessons from cameras.

A trigger is judged by the crop around what moves less the same crop of the camera's background picture. So the bridge
is shown just that: pairs of a crop and its background, where something labelled stands out of it, and calm ones, where
nothing does, or what does is nobody (`disturbances.py`). What lies still is no motion, but stands out all the same:
boxes are found against the background, not against the frame before. Called by `pair_features.py`, in the caller's
thread. `S` = 224 px.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.capture.background import median
from vidsense_daemon.capture.views import Scaler, WorkingPicture
from vidsense_daemon.domain.frames import Box, Picture
from vidsense_daemon.domain.squares import Square, square_around
from vidsense_daemon.learning.clips import BUSY_FPS, working_pictures
from vidsense_daemon.learning.disturbances import disturbed

_MOST_PICTURES = 300  # kept of a clip, half a megabyte each; of a longer one the first minutes
_LEAST_FOR_A_BACKGROUND = 5
_BACKGROUND_OF = 45  # pictures: a median of more shows nothing else
_LEVELS = 25  # of luma: what differs by more stands out of the background
_CHROMA_LEVELS = 12  # a shirt of the wall's brightness still has another colour
_SMALLEST_RATIO = 0.003  # of the picture: less is noise, a shadow, a leaf
_LARGEST_RATIO = 0.7  # more is another light, not a subject
_CALM_RATIO = 0.015  # of a square's pixels may differ
_CALM_SHARES = (1.0, 0.7, 0.5)  # of the subject's square: a close subject leaves no calm place of its own size
_TRIES = 12
_EDGE_PX = 5  # thinner lines are edges of a camera that has moved by a hair
_JOINED_PX = 9  # parts of one subject, as far apart in a working picture

Mask = NDArray[np.uint8]  # (H, W): 1 where the picture differs from the background


@dataclass(frozen=True, slots=True)
class Shown:
    """What a clip shows, and when: a trigger's sentences with their seconds."""

    prompt: str
    contrast: tuple[str, ...]
    present_s: tuple[tuple[float, float], ...]

    def at(self, at_s: float) -> bool:
        """Whether it is there ``at_s`` seconds into the clip."""
        return any(start_s <= at_s <= end_s for start_s, end_s in self.present_s)


@dataclass(frozen=True, slots=True)
class CameraClip:
    """A clip of a fixed camera; all clips of one ``camera`` show the same place."""

    path: Path
    camera: str
    shown: tuple[Shown, ...]
    background: Path | None = None  # a picture of the place with nobody in it


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A crop, and the same crop of the background."""

    picture: Picture  # (S, S, 3)
    background: Picture  # (S, S, 3)
    shown: Shown | None  # none: calm, or disturbed by what is nobody


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    picture: WorkingPicture
    background: WorkingPicture  # in the picture's light
    mask: Mask
    shown: Shown | None  # the one thing that is there; none when nothing is, or several things are


def pairs_of(clips: Sequence[CameraClip], *, scaler: Scaler, random: Generator, most: int) -> list[Pair]:
    """Up to ``most`` pairs of one camera in which something stands out; beside each a calm one, and it disturbed.

    Raises:
        PermanentError: a clip cannot be read.
        ConfigError: a clip is too short, or it and another one or its background picture are of different sizes.
    """
    seen = [(clip, _pictures(clip, scaler)) for clip in clips]
    _check(seen)
    moments = [
        _moment(clip, at_s, picture, background)
        for (clip, pictures), background in zip(seen, _backgrounds(seen, scaler), strict=True)
        for at_s, picture in pictures
    ]
    there = [moment for moment in moments if moment.shown is not None]
    pairs: list[Pair] = []
    for index in np.linspace(0, len(there) - 1, min(most, len(there))).astype(int):
        moment = there[index]
        if (square := _subject(moment.mask)) is None:
            continue
        pairs.append(Pair(*_cuts(moment, square, scaler), moment.shown))
        if (calm := _calm(moments, moment, square, random)) is not None:
            picture, background = _cuts(*calm, scaler)
            pairs += [Pair(picture, background, None), Pair(disturbed(picture, random), background, None)]
    return pairs


def _pictures(clip: CameraClip, scaler: Scaler) -> list[tuple[float, WorkingPicture]]:
    found = working_pictures(clip.path, scaler=scaler, fps=BUSY_FPS)
    return [seen for seen, _ in zip(found, range(_MOST_PICTURES), strict=False)]


def _check(seen: Sequence[tuple[CameraClip, list[tuple[float, WorkingPicture]]]]) -> None:
    for clip, pictures in seen:
        if len(pictures) < _LEAST_FOR_A_BACKGROUND:
            raise ConfigError(f"{clip.path} is too short: it takes a second to know what stands there")
    sizes = {(pictures[0][1].width_px, pictures[0][1].height_px): clip.path.name for clip, pictures in seen}
    if len(sizes) > 1:
        found = ", ".join(f"{name} ({width}×{height})" for (width, height), name in sizes.items())
        raise ConfigError(
            f"the clips of the group {seen[0][0].camera} are no one camera's: {found}. Give each its group"
        )


def _backgrounds(
    seen: Sequence[tuple[CameraClip, list[tuple[float, WorkingPicture]]]], scaler: Scaler
) -> Iterator[WorkingPicture]:
    """Each clip's: its own picture; or the median of the camera's pictures, best of those in which nothing is there."""
    everything = [picture for _, pictures in seen for _, picture in pictures]
    empty = [
        picture
        for clip, pictures in seen
        for at_s, picture in pictures
        if not any(shown.at(at_s) for shown in clip.shown)
    ]
    known = empty if len(empty) >= _LEAST_FOR_A_BACKGROUND else everything
    thinned = [known[index] for index in np.linspace(0, len(known) - 1, min(_BACKGROUND_OF, len(known))).astype(int)]
    middle = thinned[0].with_planes(median([picture.planes for picture in thinned]))
    for clip, pictures in seen:
        yield middle if clip.background is None else _read_background(clip.background, pictures[0][1], scaler)


def _read_background(path: Path, like: WorkingPicture, scaler: Scaler) -> WorkingPicture:
    first = next(working_pictures(path, scaler=scaler, fps=BUSY_FPS), None)
    if first is None:
        raise ConfigError(f"the background {path} is no picture")
    _, found = first
    if found.planes.shape != like.planes.shape:
        raise ConfigError(
            f"the background {path} is {found.width_px}×{found.height_px}, its clip {like.width_px}×{like.height_px}:"
            " take it from the same stream"
        )
    return like.with_planes(found.planes)


def _moment(clip: CameraClip, at_s: float, picture: WorkingPicture, background: WorkingPicture) -> _Moment:
    shown = [shown for shown in clip.shown if shown.at(at_s)]
    relit = _relit(background, picture)
    return _Moment(picture, relit, _differs(picture, relit), shown[0] if len(shown) == 1 else None)


def _relit(background: WorkingPicture, picture: WorkingPicture) -> WorkingPicture:
    """The background as bright as the picture: exposure drifts between clips."""
    gain = float(np.median(picture.luma)) / max(1.0, float(np.median(background.luma)))
    planes = background.planes.copy()
    planes[: background.height_px] = (background.luma * gain).clip(0, 255).astype(np.uint8)
    return background.with_planes(planes)


def _differs(picture: WorkingPicture, background: WorkingPicture) -> Mask:
    luma = cv2.GaussianBlur(cv2.absdiff(picture.luma, background.luma), (5, 5), 0)
    chroma = np.abs(picture.chroma.astype(np.int16) - background.chroma).max(axis=0).astype(np.uint8)
    chroma = cv2.resize(cv2.GaussianBlur(chroma, (3, 3), 0), (picture.width_px, picture.height_px))
    differs = ((luma > _LEVELS) | (chroma > _CHROMA_LEVELS)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((_EDGE_PX, _EDGE_PX), np.uint8)), np.uint8)


def _subject(mask: Mask) -> Square | None:
    """The square around the largest thing that stands out."""
    height_px, width_px = mask.shape
    joined = cv2.dilate(mask, np.ones((_JOINED_PX, _JOINED_PX), np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(joined)
    things = [box for box in boxes[1:] if _SMALLEST_RATIO < box[4] / mask.size < _LARGEST_RATIO]
    if not things:
        return None
    left, top, wide, high, _ = (int(value) for value in max(things, key=lambda box: int(box[4])))
    box = Box(left / width_px, top / height_px, (left + wide) / width_px, (top + high) / height_px)
    return square_around(box, width_px, height_px)


def _calm(
    moments: Sequence[_Moment], moment: _Moment, square: Square, random: Generator
) -> tuple[_Moment, Square] | None:
    """The same square at another moment when nothing stands out of it; or one elsewhere, smaller if need be."""
    for other in (moments[index] for index in random.integers(len(moments), size=_TRIES)):
        if other.mask.shape == moment.mask.shape and _is_calm(other.mask, square):
            return other, square
    for share in _CALM_SHARES:
        side_px = [int(share * side) // 2 * 2 for side in (square[2] - square[0], square[3] - square[1])]
        for _ in range(_TRIES):
            left = int(random.integers(0, (moment.picture.width_px - side_px[0]) // 2 + 1)) * 2
            top = int(random.integers(0, (moment.picture.height_px - side_px[1]) // 2 + 1)) * 2
            elsewhere = (left, top, left + side_px[0], top + side_px[1])
            if _is_calm(moment.mask, elsewhere):
                return moment, elsewhere
    return None


def _is_calm(mask: Mask, square: Square) -> bool:
    left, top, right, bottom = square
    return bool(mask[top:bottom, left:right].mean() < _CALM_RATIO)


def _cuts(moment: _Moment, square: Square, scaler: Scaler) -> tuple[Picture, Picture]:
    return scaler.cut(moment.picture, square), scaler.cut(moment.background, square)
