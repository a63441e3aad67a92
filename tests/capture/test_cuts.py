"""Cuts of the working picture keep their colours, whatever their size."""

from __future__ import annotations

import numpy as np
import pytest

from vidsense_daemon.capture.views import Scaler, WorkingPicture

_BT601 = 5  # av's number of the colour matrix
_BLUE_CHROMA, _RED_CHROMA = 150, 115  # a bluish picture, far from the luma around it


def picture(width_px: int, height_px: int) -> WorkingPicture:
    """A bluish picture whose light grows from top to bottom."""
    luma = np.repeat(np.linspace(60, 120, height_px, dtype=np.uint8)[:, None], width_px, axis=1)
    chroma = np.empty((2, height_px // 2, width_px // 2), np.uint8)
    chroma[0], chroma[1] = _BLUE_CHROMA, _RED_CHROMA
    planes = np.concatenate([luma.reshape(-1), chroma.reshape(-1)]).reshape(-1, width_px)
    return WorkingPicture(planes, _BT601)


@pytest.mark.parametrize("side_px", [72, 74, 76, 78])
def test_a_cut_has_the_same_tint_from_its_first_row_to_its_last(side_px: int) -> None:
    """A crop of any even height is tinted as the camera saw it: no stripe of another colour at its top."""
    rgb = Scaler(picture_px=64).cut(picture(160, 120), (10, 20, 10 + side_px, 20 + side_px)).astype(int)

    tint = rgb[:, :, 2] - rgb[:, :, 0]  # blue over red: the luma, which grows, takes no part in it

    assert tint.min() > 50
    assert tint.max() - tint.min() < 12


def test_a_whole_picture_of_an_odd_number_of_pairs_of_rows_keeps_its_tint() -> None:
    """A camera of 640×362 is coloured as one of 640×360."""
    rgb = Scaler(picture_px=64).whole(picture(160, 90)).astype(int)

    tint = rgb[:, :, 2] - rgb[:, :, 0]

    assert tint.max() - tint.min() < 12
