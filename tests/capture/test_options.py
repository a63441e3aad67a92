"""Urls, polygons and options as operators write them."""

from __future__ import annotations

import numpy as np
import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.capture.masks import PrivacyMask, covered
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.urls import quoted


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("rtsp://h/x", "rtsp://h/x"),
        ("rtsp://cam:plain@h:554/x", "rtsp://cam:plain@h:554/x"),
        ("rtsp://cam:p@ss@h/x", "rtsp://cam:p%40ss@h/x"),
        ("rtsp://cam:p/ss@h/x", "rtsp://cam:p%2Fss@h/x"),
        ("rtsp://cam:p#s?s@h/x", "rtsp://cam:p%23s%3Fs@h/x"),
        ("rtsp://cam:p@s/s#?@10.0.0.7:554/x", "rtsp://cam:p%40s%2Fs%23%3F@10.0.0.7:554/x"),
        ("rtsp://cam:pw@h/x@y", "rtsp://cam:pw@h/x@y"),
        ("rtsp://cam:pw@[fe80::1]/x", "rtsp://cam:pw@[fe80::1]/x"),
        ("rtsp://cam:p:ss@h/x", "rtsp://cam:p%3Ass@h/x"),
        ("rtsp://cam:p%40ss@h/x", "rtsp://cam:p%40ss@h/x"),
        ("rtsp://cam:grün €@h/x", "rtsp://cam:gr%C3%BCn%20%E2%82%AC@h/x"),
        ("rtsp://h:554/user=a&mail=b@c", "rtsp://h:554/user=a&mail=b@c"),
        ("rtsp://[fe80::1]:554/x", "rtsp://[fe80::1]:554/x"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_passwords_may_hold_any_character(written: str, meant: str) -> None:
    """Cameras' web pages let people choose what urls do not allow."""
    assert quoted(written) == meant or quoted(written) == meant.replace("%3A", ":")


@pytest.mark.parametrize(
    "url",
    ["concat:a|b", "ftp://h/x", "data:text/plain,x", "pipe:0", "lavfi:testsrc"],
)
def test_only_cameras_and_files_are_opened(url: str) -> None:
    """A url of the settings cannot make FFmpeg do something else."""
    with pytest.raises(ConfigError, match=r"scheme|file"):
        StreamOptions(url=url)


def test_an_options_password_is_not_shown() -> None:
    """A traceback or a debug line holds no secret."""
    options = StreamOptions(url="rtsp://cam:s3cret@h/x", substream_url="rtsp://cam:s3cret@h/y")

    assert "s3cret" not in repr(options)
    assert StreamOptions.from_json(options.to_json()).to_json() == options.to_json()


@pytest.mark.parametrize(
    "change", [{"transport": "quic"}, {"pace": "slow"}, {"hwaccel": "abacus"}, {"busy_fps": 0}, {"stall_limit_s": -1}]
)
def test_an_impossible_option_is_named(change: dict[str, object]) -> None:
    """The message says which key, and what is allowed."""
    with pytest.raises(ConfigError, match=next(iter(change))):
        StreamOptions(url="rtsp://h/x", **change)  # type: ignore[arg-type]


def test_a_polygon_covers_the_pixels_inside_it() -> None:
    """Corners are ratios of the picture, so that a mask fits every stream of the camera."""
    triangle = covered([[(0, 0), (1, 0), (0, 1)]], 100, 50)

    assert triangle[:5, :5].all()
    assert not triangle[-5:, -5:].any()
    assert triangle.mean() == pytest.approx(0.5, abs=0.02)


def test_a_privacy_mask_hides_at_least_its_polygon_at_any_size() -> None:
    """Half a pixel of the neighbour's window is one too much."""
    polygon = [(0.31, 0.33), (0.52, 0.33), (0.52, 0.71), (0.31, 0.71)]
    mask = PrivacyMask([polygon])
    for width_px, height_px in ((320, 180), (768, 432), (1920, 1080)):
        hidden = mask(width_px, height_px)
        ys, xs = np.nonzero(hidden)

        assert xs.min() <= 0.31 * width_px
        assert xs.max() >= 0.52 * width_px - 1
        assert ys.min() <= 0.33 * height_px
        assert ys.max() >= 0.71 * height_px - 1
