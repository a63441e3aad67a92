"""A still's JPEG, made strip by strip: the whole picture at once would take 4 MiB more of each child's memory at 1080p.

FFmpeg's own encoder takes the planes as they are (no RGB array of the full picture is made), but it copies them. Strips
of whole rows of blocks are encoded one after the other and joined by restart markers (ITU-T T.81, B.2): the picture is
the same to the last pixel, and some bytes longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
from av.video.reformatter import ColorRange, VideoReformatter

from vidsense_daemon.capture.samples import frame_of, samples_in

_BLOCK_PX = 16  # a JPEG's unit, in 4:2:0
_STRIP_PIXELS = 1920 * 9 * _BLOCK_PX  # a substream's picture is one strip: each one costs 0.1 ms
_QUALITY_LAMBDA = 4 * 118  # FF_QP2LAMBDA: about quality 85, 250 kB at 1080p
_START, _END = b"\xff\xd8", b"\xff\xd9"
_FRAME, _SCAN, _RESTART_INTERVAL, _FIRST_RESTART = 0xC0, 0xDA, 0xDD, 0xD0  # kinds of markers


def encode_jpeg(frame: av.VideoFrame, to_full_range: VideoReformatter, *, color_range: int) -> bytes:
    """The JPEG of a 4:2:0 frame of even size, whose levels are in ``color_range``."""
    pieces = []
    for number, strip in enumerate(_strips(frame, to_full_range, color_range)):
        head = list(_segments(strip))
        blocks = strip[len(_START) + sum(len(segment) for segment in head) : -len(_END)]
        pieces += [_marker(_FIRST_RESTART + (number - 1) % 8)] if number else _header(head, frame)
        pieces.append(blocks)
    return b"".join([*pieces, _END])


def _strips(frame: av.VideoFrame, to_full_range: VideoReformatter, color_range: int) -> Iterator[bytes]:
    """Each strip as a JPEG of its own."""
    samples, encoder = samples_in(frame), None
    rows = _strip_blocks(frame.width) * _BLOCK_PX
    for top in range(0, frame.height, rows):
        bottom = min(top + rows, frame.height)
        strip = frame_of(samples, (0, top, frame.width, bottom), pixels=frame.format.name)
        strip.colorspace = frame.colorspace
        full = to_full_range.reformat(
            strip, format="yuvj420p", src_color_range=color_range, dst_color_range=ColorRange.JPEG, threads=1
        )
        if encoder is None or encoder.height != full.height:
            encoder = _encoder(full.width, full.height)
        full.pts = top
        yield b"".join(bytes(packet) for packet in encoder.encode(full))


def _strip_blocks(width_px: int) -> int:
    """How many rows of blocks a strip has."""
    return max(1, _STRIP_PIXELS // (width_px * _BLOCK_PX))


def _encoder(width_px: int, height_px: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = width_px, height_px
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.thread_count = 1
    encoder.options = {"huffman": "default"}  # tables made for each picture save 5 % of the size, cost 15 % of the time
    encoder.qscale = True
    encoder.global_quality = _QUALITY_LAMBDA
    return encoder


def _segments(jpeg: bytes) -> Iterator[bytes]:
    """What is before the coded blocks, each piece with its marker; the last one is the scan's header."""
    at, kind = len(_START), 0
    while kind != _SCAN:
        kind = jpeg[at + 1]
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        yield jpeg[at:end]
        at = end


def _header(head: list[bytes], frame: av.VideoFrame) -> list[bytes]:
    """The first strip's, as that of the whole picture: its height, and how many blocks a strip has."""
    blocks = _strip_blocks(frame.width) * -(-frame.width // _BLOCK_PX)
    interval = _marker(_RESTART_INTERVAL) + _number(4) + _number(blocks)
    *tables, scan = (
        segment[:5] + _number(frame.height) + segment[7:] if segment[1] == _FRAME else segment for segment in head
    )
    return [_START, *tables, interval, scan]


def _marker(kind: int) -> bytes:
    return bytes((0xFF, kind))


def _number(value: int) -> bytes:
    return value.to_bytes(2, "big")
