"""Colours, cuts and masks of the pictures that perception gets."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Interpolation

from vidsense_daemon.capture.masks import PrivacyMask
from vidsense_daemon.capture.views import Scaler, blacken, fit
from vidsense_daemon.domain.frames import Box
from vidsense_daemon.domain.squares import square_around

COLOURS = {
    "red": (220, 20, 20),
    "green": (20, 180, 40),
    "blue": (30, 40, 200),
    "white": (255, 255, 255),
    "grey": (90,) * 3,
}


def frame_of(rgb: np.ndarray, *, pixels: str = "yuv420p", colour_range: ColorRange = ColorRange.MPEG) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(
        format=pixels, dst_color_range=colour_range
    )


def plain(colour: tuple[int, ...], *, width_px: int = 320, height_px: int = 240) -> np.ndarray:
    return np.full((height_px, width_px, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize("colour", COLOURS.values(), ids=COLOURS.keys())
@pytest.mark.parametrize(
    ("pixels", "colour_range"),
    [
        ("yuv420p", ColorRange.MPEG),
        ("yuvj420p", ColorRange.JPEG),
        ("yuv422p", ColorRange.MPEG),
        ("nv12", ColorRange.MPEG),
        ("yuv420p10le", ColorRange.MPEG),
    ],
)
def test_colours_are_kept_whatever_the_camera_sends(
    colour: tuple[int, ...], pixels: str, colour_range: ColorRange
) -> None:
    """Full or limited range, 4:2:0 or 4:2:2, 8 or 10 bits: red is red."""
    scaler = Scaler(picture_px=64)
    frame = frame_of(plain(colour), pixels=pixels, colour_range=colour_range)
    seen = scaler.whole(scaler.working_picture(frame)).reshape(-1, 3).mean(axis=0)

    assert seen == pytest.approx(colour, abs=6)


def test_a_still_keeps_colours_and_size() -> None:
    """The JPEG that people look at is the whole picture."""
    jpeg, width_px, height_px = Scaler(picture_px=64).jpeg(frame_of(plain((200, 40, 60), width_px=640, height_px=360)))
    with av.open(io.BytesIO(jpeg)) as container:
        seen = next(container.decode(video=0)).to_ndarray(format="rgb24")

    assert (width_px, height_px) == (640, 360)
    assert seen.shape == (360, 640, 3)
    assert seen.reshape(-1, 3).mean(axis=0) == pytest.approx((200, 40, 60), abs=6)


def test_a_cut_shows_what_lies_in_its_box() -> None:
    """The crop is taken at the right place."""
    picture = plain((20, 20, 20), width_px=640, height_px=360)
    picture[100:160, 400:440] = (230, 230, 230)
    scaler = Scaler(picture_px=64)
    working = scaler.working_picture(frame_of(picture))
    box = Box(400 / 640, 100 / 360, 440 / 640, 160 / 360)
    cut = scaler.cut(working, square_around(box, working.width_px, working.height_px))

    assert cut[32, 32].min() > 200
    assert cut[2, 2].max() < 60
    assert 0.2 < (cut[..., 0] > 128).mean() < 0.5


@pytest.mark.parametrize(
    "box", [Box(0, 0, 0.01, 0.01), Box(0.99, 0.99, 1, 1), Box(0, 0, 1, 1), Box(0.5, 0, 0.5, 0), Box(0, 0.4, 1, 0.5)]
)
@pytest.mark.parametrize("size_px", [(768, 432), (16, 16), (16, 400)])
def test_a_square_never_leaves_the_picture(box: Box, size_px: tuple[int, int]) -> None:
    """Whatever moves at the edge."""
    left, top, right, bottom = square_around(box, *size_px)

    assert 0 <= left < right <= size_px[0]
    assert 0 <= top < bottom <= size_px[1]
    assert not {left % 2, top % 2, right % 2, bottom % 2} - {0}


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_turned_picture_stands_upright(turns: int) -> None:
    """Phones and some cameras send a turned picture and say so."""
    upright = plain((20, 20, 20), width_px=160, height_px=240)
    upright[:40, :40] = (240, 240, 240)
    scaler = Scaler(picture_px=64)
    sent = frame_of(np.rot90(upright, -turns))
    working = scaler.working_picture(sent, quarter_turns=turns)

    assert (working.width_px, working.height_px) == (160, 240)
    assert scaler.whole(working)[4, 4].min() > 200


def test_private_places_are_black_in_pictures_and_stills() -> None:
    """Model, disk and describer never see the neighbour's window."""
    hidden = PrivacyMask([[(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]])
    scaler = Scaler(picture_px=64)
    frame = frame_of(plain((230, 120, 40), width_px=640, height_px=360))
    working = scaler.working_picture(frame)
    blacken(working.planes, hidden(working.width_px, working.height_px))
    jpeg, _, _ = scaler.jpeg(frame, hidden=hidden)
    with av.open(io.BytesIO(jpeg)) as container:
        still = next(container.decode(video=0)).to_ndarray(format="rgb24")

    assert scaler.whole(working)[:, 34:].max() < 12
    assert still[:, 330:].max() < 24
    assert scaler.whole(working)[:, :30, 0].min() > 200


@pytest.mark.parametrize("size_px", [(50, 130), (64, 360), (360, 1462), (1920, 328), (2400, 320)])
def test_a_still_shows_every_row_of_the_picture(size_px: tuple[int, int]) -> None:
    """It is encoded in strips, and their edges must not show."""
    width_px, height_px = size_px
    ramp = np.add.outer(np.arange(height_px), np.arange(width_px)) * 200.0 / (height_px + width_px) + 20
    frame = frame_of(np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2))
    jpeg, *told_px = Scaler(picture_px=64).jpeg(frame)
    with av.open(io.BytesIO(jpeg)) as container:
        still = next(container.decode(video=0))  # type: ignore[union-attr]
    shown = frame.reformat(*told_px, format="rgb24", interpolation=Interpolation.AREA).to_ndarray().astype(int)

    assert (still.width, still.height) == tuple(told_px)
    assert np.abs(still.to_ndarray(format="rgb24") - shown).max() <= 6


@pytest.mark.parametrize(("pixels", "colour_range"), [("yuvj420p", ColorRange.JPEG), ("yuv420p", ColorRange.MPEG)])
def test_hiding_a_place_does_not_hurt_the_decoders_own_picture(pixels: str, colour_range: ColorRange) -> None:
    """The decoder predicts the next frames from it, and a small one is looked at where the decoder has put it."""
    frame = frame_of(plain((230, 120, 40), width_px=64, height_px=64), pixels=pixels, colour_range=colour_range)
    before = frame.to_ndarray().copy()
    hidden = PrivacyMask([[(0, 0), (1, 0), (1, 1), (0, 1)]])
    scaler = Scaler(picture_px=64)
    working = scaler.working_picture(frame)
    blacken(working.planes, hidden(working.width_px, working.height_px))
    scaler.jpeg(frame, hidden=hidden)

    assert (frame.to_ndarray() == before).all()


def test_a_picture_that_is_kept_is_the_one_that_was_looked_at() -> None:
    """The background is made of copies, of cameras too whose rows the decoder pads."""
    noise = np.random.default_rng(1).integers(0, 255, size=(34, 50, 3), dtype=np.uint8)
    frame, scaler = frame_of(noise), Scaler(picture_px=16)
    working = scaler.working_picture(frame)
    cut = scaler.cut(working, (10, 6, 44, 30))
    kept = working.with_planes(working.planes)

    assert working.shape == kept.planes.shape
    assert (kept.planes == frame.to_ndarray()).all()
    assert (scaler.cut(kept, (10, 6, 44, 30)) == cut).all()


@pytest.mark.parametrize(
    ("size_px", "fitted_px"),
    [
        ((1920, 1080), (768, 432)),
        ((640, 360), (640, 360)),
        ((1, 1), (16, 16)),
        ((1080, 1920), (432, 768)),
        ((5, 9000), (16, 768)),
    ],
)
def test_pictures_are_fitted_to_even_sizes(size_px: tuple[int, int], fitted_px: tuple[int, int]) -> None:
    """Chroma has half the size of luma."""
    assert fit(*size_px, 768) == fitted_px
