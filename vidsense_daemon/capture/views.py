"""Pictures cut to the encoder's size without ever making a full-size array.

A decoded frame is scaled once, by swscale, to a working picture of at most 768 px; masks, the background picture and
all cuts are taken from there, so that a cut and its background have the same blur. The child calls this.

A working picture is 4:2:0; kept in one array of (H·3/2, W): H rows of luma, then the two chroma planes, as FFmpeg does.
Levels are limited range (16..235), whatever the camera sends. `S` = the encoder's picture side in px.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from vidsense_daemon.capture.jpeg import encode_jpeg
from vidsense_daemon.capture.samples import Levels, Samples, frame_of, samples_in, samples_of
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.squares import SMALLEST_PX, Square

HiddenAt = Callable[[int, int], NDArray[np.bool_]]  # (width_px, height_px) → (height_px, width_px): true is private

LONGEST_SIDE_PX = 768  # a person at the far end of a drive is still some 30 px high
_STILL_LONGEST_SIDE_PX = 1920
_BLACK_LUMA, _BLACK_CHROMA = 16, 128


class WorkingPicture:
    """The small 4:2:0 picture that all looking is done on.

    Its samples stay where the decoder or swscale has put them until somebody wants to change or to keep them: a copy at
    each look costs as much as a cut.
    """

    __slots__ = ("_planes", "colorspace", "samples")

    def __init__(self, shown: Levels | Samples, colorspace: int) -> None:
        """Of planes (H·3/2, W) or of samples; neither is copied. ``colorspace`` (BT.601, BT.709) is needed for RGB."""
        self._planes: Levels | None = None if isinstance(shown, tuple) else shown
        self.samples = shown if isinstance(shown, tuple) else samples_of(shown)
        self.colorspace = colorspace

    @property
    def planes(self) -> Levels:
        """(H·3/2, W): one array, which may be written into; the first call copies."""
        if self._planes is None:
            self._planes = np.concatenate([part.reshape(-1) for part in self.samples]).reshape(-1, self.width_px)
            self.samples = samples_of(self._planes)
        return self._planes

    @property
    def shape(self) -> tuple[int, int]:
        """(H·3/2, W): that of `planes`, without a copy."""
        return self.height_px * 3 // 2, self.width_px

    @property
    def width_px(self) -> int:
        """W."""
        return int(self.samples[0].shape[1])

    @property
    def height_px(self) -> int:
        """H."""
        return int(self.samples[0].shape[0])

    @property
    def luma(self) -> Levels:
        """(H, W)."""
        return self.samples[0]

    @property
    def chroma(self) -> Levels:
        """(2, H/2, W/2): both chroma planes."""
        return self.planes[self.height_px :].reshape(2, self.height_px // 2, self.width_px // 2)

    def with_planes(self, planes: Levels) -> WorkingPicture:
        """Another picture of the same camera: its background."""
        return WorkingPicture(planes, self.colorspace)


class Scaler:
    """Makes working pictures, cuts and stills; keeps swscale's tables between frames. Not thread-safe."""

    def __init__(self, *, picture_px: int) -> None:
        self._picture_px = picture_px
        self._to_working = VideoReformatter()
        self._to_small = VideoReformatter()
        # one for whole pictures and one for parts: another size makes swscale build its tables anew, for 0.2 ms
        self._whole_to_side, self._part_to_side = VideoReformatter(), VideoReformatter()
        self._to_rgb = VideoReformatter()
        self._to_still, self._to_full_range = VideoReformatter(), VideoReformatter()

    def working_picture(self, frame: av.VideoFrame, *, quarter_turns: int = 0) -> WorkingPicture:
        """The frame at working size, turned ``quarter_turns`` times counterclockwise."""
        width, height = fit(frame.width, frame.height, LONGEST_SIDE_PX)
        small = self._to_working.reformat(
            frame,
            width,
            height,
            format="yuv420p",
            interpolation=Interpolation.AREA,
            src_color_range=_range_of(frame),
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        if quarter_turns % 4:
            return WorkingPicture(turned(cast("Levels", small.to_ndarray()), quarter_turns), int(frame.colorspace))
        return WorkingPicture(samples_in(small), int(frame.colorspace))

    def small_luma(self, picture: WorkingPicture, width_px: int, height_px: int) -> Levels:
        """(height_px, width_px): the luma, averaged over areas, which takes most of the sensor's noise away."""
        gray = av.VideoFrame.from_numpy_buffer(picture.luma, format="gray")
        small = self._to_small.reformat(gray, width_px, height_px, interpolation=Interpolation.AREA, threads=1)
        return cast("Levels", small.to_ndarray())

    def whole(self, picture: WorkingPicture) -> Picture:
        """(S, S, 3): the whole picture, squashed."""
        return self.cut(picture, (0, 0, picture.width_px, picture.height_px))

    def cut(self, picture: WorkingPicture, square: Square) -> Picture:
        """(S, S, 3): one part of the picture as RGB."""
        left, top, right, bottom = square
        is_whole = (right - left, bottom - top) == (picture.width_px, picture.height_px)
        to_side = self._whole_to_side if is_whole else self._part_to_side
        # by pointers to each plane's part: nothing is copied before it is scaled
        frame = frame_of(picture.samples, square)
        frame.colorspace = picture.colorspace
        side = self._picture_px
        # averaging where it shrinks, interpolating where it grows: as the encoder's own training pictures were made
        shrinks = min(right - left, bottom - top) >= side
        # scaled first and then coloured: in one step swscale takes more than twice as long
        scaled = to_side.reformat(
            frame, side, side, interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR, threads=1
        )
        rgb = self._to_rgb.reformat(
            scaled,
            format="rgb24",
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        return cast("Picture", rgb.to_ndarray())

    def jpeg(
        self, frame: av.VideoFrame, *, hidden: HiddenAt | None = None, quarter_turns: int = 0
    ) -> tuple[bytes, int, int]:
        """A JPEG of the frame, at most 1920 px, with its width and height."""
        width, height = fit(frame.width, frame.height, _STILL_LONGEST_SIDE_PX)
        if (width, height) == (frame.width, frame.height) and frame.format.name in ("yuv420p", "yuvj420p"):
            full, color_range = frame, _range_of(frame)
        else:
            color_range = int(ColorRange.JPEG)
            full = self._to_still.reformat(
                frame,
                width,
                height,
                format="yuvj420p",
                interpolation=Interpolation.AREA,
                src_color_range=_range_of(frame),
                dst_color_range=color_range,
                threads=1,
            )
        if hidden or quarter_turns:
            # a copy: the decoder still predicts later frames from the original
            planes = turned(cast("Levels", full.to_ndarray()), quarter_turns)
            if hidden:
                black = 0 if color_range == ColorRange.JPEG else _BLACK_LUMA
                blacken(planes, hidden(planes.shape[1], planes.shape[0] * 2 // 3), luma=black)
            pixels, colorspace = full.format.name, full.colorspace
            full = av.VideoFrame.from_ndarray(planes, format=pixels)
            full.colorspace = colorspace
        return encode_jpeg(full, self._to_full_range, color_range=color_range), full.width, full.height


def blacken(planes: Levels, hidden: NDArray[np.bool_], *, luma: int = _BLACK_LUMA) -> None:
    """Black out, in place, what is hidden: (H·3/2, W) planes, (H, W) mask."""
    height, width = hidden.shape
    planes[:height][hidden] = luma
    # a chroma sample belongs to four luma samples: grey as soon as one of them is hidden
    quarter = hidden.reshape(height // 2, 2, width // 2, 2).any(axis=(1, 3))
    planes[height:].reshape(2, height // 2, width // 2)[:, quarter] = _BLACK_CHROMA


def fit(width_px: int, height_px: int, longest_side_px: int) -> tuple[int, int]:
    """The size at which the longer side is at most ``longest_side_px``; both even and at least 16."""
    scale = min(1.0, longest_side_px / max(width_px, height_px))
    width, height = (max(SMALLEST_PX, round(side_px * scale / 2) * 2) for side_px in (width_px, height_px))
    return width, height


def turned(planes: Levels, quarter_turns: int) -> Levels:
    """4:2:0 planes turned ``quarter_turns`` times counterclockwise."""
    if quarter_turns % 4 == 0:
        return planes
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    luma = np.rot90(planes[:height], quarter_turns)
    chroma = np.rot90(planes[height:].reshape(2, height // 2, width // 2), quarter_turns, axes=(1, 2))
    return np.concatenate([luma.reshape(-1), chroma.reshape(-1)]).reshape(-1, luma.shape[1])


def _range_of(frame: av.VideoFrame) -> int:
    """Full range when the frame or its format says so; cameras that say nothing send limited range."""
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return int(ColorRange.JPEG if full else ColorRange.MPEG)
