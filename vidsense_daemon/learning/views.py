"""Make a good photograph look like what a surveillance camera sees, and cut out the parts that show nothing.

Called by `bridge.py` while it prepares its training pictures. The bridge is trained on photographs, but works on
crops of cameras: small, blurred, grey, dark, noisy, compressed. The clean pictures of the training set are degraded
too, or "degraded" itself would be learnt as "empty". All functions are pure; ``random`` decides everything.

Pictures are RGB, uint8, (height, width, 3), of any size.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.domain.frames import Picture

_CROP_AREA_RATIO = (0.2, 1.0)
_PAIR_AREA_RATIO = (0.6, 1.0)  # a camera's crop is already cut around its subject
_CROP_ASPECT = (0.6, 1.7)
_SMALLEST_CROP_PX = 24
_LOW_RESOLUTION_PX = (32, 96)  # the shorter side of a person's crop from a wide scene
_BLUR_AT_96_PX = (0.3, 1.2)  # standard deviation in px for a picture of 96 px
_CONTRAST = (0.6, 1.2)
_BRIGHTNESS_SHIFT = (-20.0, 20.0)
_GAMMA = (1.0, 2.5)
_EXPOSURE = (0.4, 1.0)
_NOISE = (2.0, 12.0)  # standard deviation, of 255
_NIGHT_CONTRAST = (0.4, 0.9)
_NIGHT_EXPOSURE = (0.15, 0.5)
_NIGHT_NOISE = (4.0, 15.0)
_JPEG_QUALITY = (15, 70)
_BORDER_SIDE_RATIO = (0.3, 0.5)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

Light = NDArray[np.floating]  # (height, width, 3), of 255
Treatment = Callable[[Picture, Generator, Generator], Picture]  # of a picture, by chance, with a grain


def read_picture(path: Path) -> Picture:
    """The picture in an image file.

    Raises:
        ConfigError: the file is missing or no image.
    """
    encoded = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if encoded is None:
        raise ConfigError(f"cannot read the training picture {path}: is it an image?")
    return np.asarray(encoded, np.uint8)


def degraded(picture: Picture, random: Generator) -> Picture:
    """One camera-like view: a random part of the picture, perhaps mirrored, after a random camera's treatment."""
    return _camera_like(_random_part(picture, random, _CROP_AREA_RATIO), random, random)


def degraded_pair(picture: Picture, background: Picture, random: Generator) -> tuple[Picture, Picture]:
    """A crop and its background, of one size, after one camera's treatment: only their grain differs."""
    return _alike(picture, background, random, _camera_like)


def infrared_pair(picture: Picture, background: Picture, random: Generator) -> tuple[Picture, Picture]:
    """The same, at night with the camera's infrared lamp: grey, flat, noisy."""
    return _alike(picture, background, random, _by_infrared)


def dark_pair(picture: Picture, background: Picture, random: Generator) -> tuple[Picture, Picture]:
    """The same, at night without a lamp: in colours, dark, noisy."""
    return _alike(picture, background, random, _in_the_dark)


def turned_pair(picture: Picture, background: Picture, random: Generator) -> tuple[Picture, Picture]:
    """The same as `degraded_pair`, turned by a quarter: who stands lies."""
    turns = 1 if random.random() < 0.5 else 3
    return degraded_pair(_turned(picture, turns), _turned(background, turns), random)


def plainest_border(picture: Picture, random: Generator) -> Picture:
    """The part along the picture's border with the least edges, of eight: it stands for "nothing here".

    Photographers put their subject in the middle; what is plain and at the border rarely is what the caption tells.
    """
    height_px, width_px = picture.shape[:2]
    part_height = int(height_px * random.uniform(*_BORDER_SIDE_RATIO))
    part_width = int(width_px * random.uniform(*_BORDER_SIDE_RATIO))
    bottom, right = height_px - part_height, width_px - part_width
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
    middles = [(0, right // 2), (bottom, right // 2), (bottom // 2, 0), (bottom // 2, right)]
    edges = _edge_energy(picture)
    top, left = min(
        corners + middles, key=lambda at: edges[at[0] : at[0] + part_height, at[1] : at[1] + part_width].mean()
    )
    part = np.ascontiguousarray(picture[top : top + part_height, left : left + part_width])
    return degraded(part, random) if random.random() < 0.5 else part


def _alike(picture: Picture, background: Picture, random: Generator, treatment: Treatment) -> tuple[Picture, Picture]:
    """The same part of both after the same treatment; ``random`` itself makes their grain, so that it differs."""
    seed = int(random.integers(2**32))

    def treated(whole: Picture) -> Picture:
        alike = np.random.default_rng(seed)
        return treatment(_random_part(whole, alike, _PAIR_AREA_RATIO), alike, random)

    return treated(picture), treated(background)


def _turned(picture: Picture, quarter_turns: int) -> Picture:
    return np.ascontiguousarray(np.rot90(picture, quarter_turns))


def _camera_like(view: Picture, random: Generator, grain: Generator) -> Picture:
    """Perhaps mirrored, small, blurred, in another light, noisy by ``grain``, compressed."""
    if random.random() < 0.5:
        view = np.ascontiguousarray(view[:, ::-1])
    if random.random() < 0.5:
        view = _low_resolution(view, random)
    if random.random() < 0.3:
        view = _blurred(view, random)
    view = _other_light(view, random, grain)
    return _compressed(view, random) if random.random() < 0.5 else view


def _by_infrared(view: Picture, random: Generator, grain: Generator) -> Picture:
    small = _low_resolution(view, random) if random.random() < 0.5 else view
    return _compressed(_noisy(_grey(small.astype(np.float32), random, _NIGHT_CONTRAST), random, grain), random)


def _in_the_dark(view: Picture, random: Generator, grain: Generator) -> Picture:
    small = _low_resolution(view, random) if random.random() < 0.5 else view
    return _compressed(_noisy(_dimmed(small.astype(np.float32), random, _NIGHT_EXPOSURE), random, grain), random)


def _noisy(light: Light, random: Generator, grain: Generator) -> Picture:
    noisy = light + grain.standard_normal(light.shape, np.float32) * random.uniform(*_NIGHT_NOISE)
    return noisy.clip(0, 255).astype(np.uint8)


def _random_part(picture: Picture, random: Generator, area_ratio: tuple[float, float]) -> Picture:
    height_px, width_px = picture.shape[:2]
    area_px = random.uniform(*area_ratio) * height_px * width_px
    aspect = np.exp(random.uniform(*np.log(_CROP_ASPECT)))
    part_width = int(np.clip(np.sqrt(area_px * aspect), _SMALLEST_CROP_PX, width_px))
    part_height = int(np.clip(np.sqrt(area_px / aspect), _SMALLEST_CROP_PX, height_px))
    left = random.integers(0, width_px - part_width + 1)
    top = random.integers(0, height_px - part_height + 1)
    return np.ascontiguousarray(picture[top : top + part_height, left : left + part_width])


def _low_resolution(picture: Picture, random: Generator) -> Picture:
    factor = random.integers(_LOW_RESOLUTION_PX[0], _LOW_RESOLUTION_PX[1] + 1) / min(picture.shape[:2])
    if factor >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _blurred(picture: Picture, random: Generator) -> Picture:
    deviation_px = random.uniform(*_BLUR_AT_96_PX) * min(picture.shape[:2]) / 96
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation_px), np.uint8)


def _other_light(picture: Picture, random: Generator, grain: Generator) -> Picture:
    """Grey as by infrared, dark, noisy: each with its own chance."""
    light: Light = picture.astype(np.float32)
    if random.random() < 0.3:
        light = _grey(light, random, _CONTRAST)
    if random.random() < 0.3:
        light = _dimmed(light, random, _EXPOSURE)
    if random.random() < 0.3:
        light = light + grain.standard_normal(light.shape, np.float32) * random.uniform(*_NOISE)
    return light.clip(0, 255).astype(np.uint8)


def _grey(light: Light, random: Generator, contrast: tuple[float, float]) -> Light:
    grey = (light @ _LUMA)[..., None].repeat(3, axis=2)
    return (grey - 128) * random.uniform(*contrast) + 128 + random.uniform(*_BRIGHTNESS_SHIFT)


def _dimmed(light: Light, random: Generator, exposure: tuple[float, float]) -> Light:
    return 255 * (light.clip(0, 255) / 255) ** random.uniform(*_GAMMA) * random.uniform(*exposure)


def _compressed(picture: Picture, random: Generator) -> Picture:
    quality = int(random.integers(*_JPEG_QUALITY))
    # the channels' order does not matter to a codec that is run both ways, but RGB read as BGR would lose its colours'
    # proper weight: say which it is
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB), np.uint8)


def _edge_energy(picture: Picture) -> NDArray[np.float32]:
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (3, 3), 0)
    return np.abs(np.asarray(cv2.Laplacian(grey, cv2.CV_32F), np.float32))
