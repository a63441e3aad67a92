"""Lay an event's frames out as the describing model sees them best, within its token budget. Pure.

LLaVA 1.6 was trained on one picture, so it gets a storyboard of 2×2 cells of 336 px: exactly 672×672, which the model
cuts into an overview and four tiles, each of them one frame, unresampled. Models trained on several pictures get one
small picture a frame. The time stands above a frame, never on it: pixels of the scene are evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vidsense_daemon.description.budget import picture_tokens, thinned
from vidsense_daemon.description.families import TILE_PX, Family, Layout
from vidsense_daemon.description.prompts import separate_frames, storyboard_frames
from vidsense_daemon.description.shots import LONGEST_PX, Picture, Shot, peak_index, resized, shrunk

_COLUMNS = 2
_MOST_CELLS = 4
_BAND_PX = 22  # for the caption above a cell's frame
_CAPTION_SCALE = 0.5
_CAPTION_ORIGIN_PX = (4, 16)
_WHITE = (255, 255, 255)
_JPEG_QUALITY = 85
_MOST_FRAMES = 6
_SLOW_FRAMES = 2
_FAST_FRAMES = 8
_FAST_PX = 224


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What the model is shown of one event."""

    layout: Layout
    jpegs: tuple[bytes, ...]
    text: str  # says what the pictures are, and where they stand
    frame_count: int
    tokens: int  # of the pictures


def arrange(shots: Sequence[Shot], family: Family, *, layout: Layout, room_tokens: int, marks: bool) -> Sheet | None:
    """The most frames that fit ``room_tokens``; none when not even one does.

    ``marks``: the server replaces `[img]` in the text with the pictures, in their order.
    """
    peak = peak_index([shot.role for shot in shots])
    for most in range(min(len(shots), _most(layout)), 0, -1):
        chosen = thinned(shots, most, peak=peak)
        sheet = _sheet(chosen, _pictures(chosen, layout), layout, family, marks=marks)
        if sheet.tokens <= room_tokens:
            return sheet
    # one frame, no larger than a tile: the cheapest picture that any family has
    if not shots:
        return None
    chosen = thinned(shots, 1, peak=peak)
    sheet = _sheet(chosen, [shrunk(shot.picture, TILE_PX) for shot in chosen], layout, family, marks=marks)
    return sheet if sheet.tokens <= room_tokens else None


def _sheet(shots: Sequence[Shot], pictures: Sequence[Picture], layout: Layout, family: Family, *, marks: bool) -> Sheet:
    offsets_s = [shot.offset_s for shot in shots]
    in_one = layout is Layout.STORYBOARD
    return Sheet(
        layout=layout,
        jpegs=tuple(_jpeg(picture) for picture in pictures),
        text=storyboard_frames(offsets_s, _COLUMNS) if in_one else separate_frames(offsets_s, marks=marks),
        frame_count=len(shots),
        tokens=picture_tokens([(picture.shape[1], picture.shape[0]) for picture in pictures], family),
    )


def _most(layout: Layout) -> int:
    return {
        Layout.STORYBOARD: _MOST_CELLS,
        Layout.FRAMES: _MOST_FRAMES,
        Layout.SLOWFAST: _SLOW_FRAMES + _FAST_FRAMES,
    }[layout]


def _pictures(shots: Sequence[Shot], layout: Layout) -> list[Picture]:
    if layout is Layout.STORYBOARD:
        return [storyboard(shots)]
    if layout is Layout.FRAMES:
        return [shrunk(shot.picture, TILE_PX) for shot in shots]
    # SlowFast-LLaVA's two pathways in one row: the dearest frames large for what is there, all others small for
    # what moves. They stay in time order, since models lose track of frames that are shown twice.
    roles = [shot.role for shot in shots]
    slow = set(thinned(range(len(shots)), _SLOW_FRAMES, peak=peak_index(roles)))
    return [shrunk(shot.picture, LONGEST_PX if index in slow else _FAST_PX) for index, shot in enumerate(shots)]


def storyboard(shots: Sequence[Shot]) -> Picture:
    """One picture of one, two or four cells, each with its number and time above the frame."""
    count = len(shots)
    cell_px = TILE_PX * _COLUMNS if count == 1 else TILE_PX
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    board = np.zeros((rows * cell_px, columns * cell_px, 3), dtype=np.uint8)
    for index, shot in enumerate(shots):
        row, column = divmod(index, columns)
        caption = f"{index + 1}/{count} {shot.offset_s:+.1f}s"
        cell = board[row * cell_px : (row + 1) * cell_px, column * cell_px : (column + 1) * cell_px]
        _fill(cell, shot.picture, caption)
    return board


def _fill(cell: Picture, picture: Picture, caption: str) -> None:
    """Draw the caption into the band and the frame, letterboxed, below it."""
    cell_px = cell.shape[0]
    space_px = cell_px - _BAND_PX
    height_px, width_px = picture.shape[:2]
    scale = min(cell_px / width_px, space_px / height_px)
    wide_px, high_px = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    left_px = (cell_px - wide_px) // 2
    top_px = _BAND_PX + (space_px - high_px) // 2
    cell[top_px : top_px + high_px, left_px : left_px + wide_px] = resized(picture, wide_px, high_px)
    band = cell[:_BAND_PX].copy()  # OpenCV draws on contiguous memory only
    cv2.putText(band, caption, _CAPTION_ORIGIN_PX, cv2.FONT_HERSHEY_SIMPLEX, _CAPTION_SCALE, _WHITE, 1, cv2.LINE_AA)
    cell[:_BAND_PX] = band


def _jpeg(picture: Picture) -> bytes:
    done, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert done, "OpenCV packs every (H, W, 3) picture of bytes"
    return packed.tobytes()
