"""What moves before a camera and is nobody: drawn into a calm crop, so that the bridge learns to say so.

Shadows, beams of light, leaves, insects on the lens, rain, cloth in the wind and a mast that trembles stand out of the
background as well as a visitor does. Called by `camera_pairs.py`. All is pure; ``random`` decides everything. Pictures
are RGB, uint8, (S, S, 3); what is drawn fills 30 to 80 % of a side, as what moves does in the crop around it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Picture

_SIZE = (0.3, 0.8)  # of the crop's side
_SHADOW = (0.35, 0.8)  # of the light that is left
_BEAM_LEVELS = (40.0, 160.0)
_LEAVES = (1, 25)
_LEAF_SIZE = (0.02, 0.08)
_STREAKS = (15, 80)
_STREAK_SIZE = (0.03, 0.15)
_TREMBLE = (0.01, 0.05)  # of the side
_LEGS = 8

Draw = Callable[[Picture, Generator], Picture]


def disturbed(picture: Picture, random: Generator) -> Picture:
    """The picture with one kind of disturbance in it."""
    return _KINDS[int(random.integers(len(_KINDS)))](picture, random)


def _shadow(picture: Picture, random: Generator) -> Picture:
    left = 1 - _soft(picture, random)[..., None] * (1 - random.uniform(*_SHADOW))
    return _levels(picture * left)


def _beam(picture: Picture, random: Generator) -> Picture:
    tint = random.uniform(0.7, 1.0, 3)
    return _levels(picture + _soft(picture, random)[..., None] * random.uniform(*_BEAM_LEVELS) * tint)


def _leaves(picture: Picture, random: Generator) -> Picture:
    drawn = picture.copy()
    for _ in range(int(random.integers(*_LEAVES))):
        length_px, turn = random.uniform(*_LEAF_SIZE) * len(picture), random.uniform(0, 180)
        axes = (max(1, int(length_px)), max(1, int(length_px * random.uniform(0.3, 0.8))))
        cv2.ellipse(drawn, _point(picture, random), axes, turn, 0, 360, _colour(random), -1)
    return drawn


def _insect(picture: Picture, random: Generator) -> Picture:
    """Dark by day, white in the infrared lamp's light, and out of focus."""
    drawn, side_px = picture.copy(), len(picture)
    colour = (30, 30, 30) if random.random() < 0.6 else (225, 225, 225)
    reach_px = random.uniform(*_SIZE) * side_px / 2
    x, y = (int(side_px / 2 + random.normal(0, 0.05) * side_px) for _ in range(2))
    body = (max(1, int(reach_px * random.uniform(0.2, 0.6))), max(1, int(reach_px * random.uniform(0.2, 0.4))))
    cv2.ellipse(drawn, (x, y), body, random.uniform(0, 180), 0, 360, colour, -1)
    for angle in random.uniform(0, 2 * np.pi, int(random.integers(0, _LEGS + 1))):
        end = (int(x + reach_px * np.cos(angle)), int(y + reach_px * np.sin(angle)))
        cv2.line(drawn, (x, y), end, colour, int(random.integers(1, 5)))
    return _blurred(drawn, random)


def _streaks(picture: Picture, random: Generator) -> Picture:
    drawn = picture.copy()
    slant = random.uniform(-0.4, 0.4)
    for _ in range(int(random.integers(*_STREAKS))):
        x, y = _point(picture, random)
        length_px = random.uniform(*_STREAK_SIZE) * len(picture)
        cv2.line(drawn, (x, y), (int(x + slant * length_px), int(y + length_px)), (205, 205, 205), 1)
    return _blurred(drawn, random)


def _cloth(picture: Picture, random: Generator) -> Picture:
    drawn, side_px = picture.copy(), len(picture)
    wide_px, high_px = (int(random.uniform(*_SIZE) * side_px) for _ in range(2))
    left, top = (side_px - wide_px) // 2, (side_px - high_px) // 2
    folds = 1 + random.uniform(0, 0.3) * np.sin(np.arange(wide_px) * random.uniform(0.05, 0.5))
    drawn[top : top + high_px, left : left + wide_px] = _levels(folds[:, None] * np.array(_colour(random)))
    return _blurred(drawn, random)


def _tremble(picture: Picture, random: Generator) -> Picture:
    x_px, y_px = random.uniform(*_TREMBLE, 2) * random.choice([-1, 1], 2) * len(picture)
    moved = cv2.warpAffine(
        picture, np.array([[1, 0, x_px], [0, 1, y_px]], np.float32), picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, np.uint8)


_KINDS: tuple[Draw, ...] = (_shadow, _beam, _leaves, _insect, _streaks, _cloth, _tremble)


def _soft(picture: Picture, random: Generator) -> NDArray[np.float32]:
    """An ellipse about the middle with soft edges, (S, S), 0 to 1."""
    side_px = len(picture)
    drawn = np.zeros((side_px, side_px), np.float32)
    axes = [int(random.uniform(*_SIZE) * side_px / 2) for _ in range(2)]
    cv2.ellipse(drawn, (side_px // 2, side_px // 2), axes, random.uniform(0, 180), 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), random.uniform(0.01, 0.1) * side_px), np.float32)


def _blurred(picture: Picture, random: Generator) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.5, 0.015 * len(picture))), np.uint8)


def _point(picture: Picture, random: Generator) -> tuple[int, int]:
    x, y = random.integers(0, len(picture), 2)
    return int(x), int(y)


def _colour(random: Generator) -> tuple[int, int, int]:
    red, green, blue = random.integers(20, 236, 3)
    return int(red), int(green), int(blue)


def _levels(light: NDArray[np.floating]) -> Picture:
    return light.clip(0, 255).astype(np.uint8)
