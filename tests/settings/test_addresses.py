"""What a camera, a web address and an outline look like."""

from __future__ import annotations

import pytest

from vidsense_daemon.settings.addresses import camera_address, http_address, outline, outline_text


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://192.168.1.10/stream1",
        "rtsp://user:password@192.168.1.10:554/stream1?channel=1",
        "rtsps://[fe80::1]:322/live",
        "RTSP://camera.lan/live",
        "http://camera.lan/video.mjpg",
        "file:///srv/footage/one.mp4",
        "/srv/footage/one.mp4",
        "/dev/video0",
        "rtsp://admin:p#s/s?@192.168.1.10/stream1",
        "rtsp://admin:p@ss:/w?r#d@192.168.1.10:554/stream1",
    ],
)
def test_a_camera_is_reached_by_these(text: str) -> None:
    """Streams, files and video devices; a password need not be encoded."""
    assert camera_address(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rstp://192.168.1.10/", r"did you mean rtsp://\?"),
        ("gopher://h/", "found the scheme 'gopher'"),
        ("rtmp://h/live", "a restreamer, such as go2rtc, makes rtsp:// of it"),
        ("concat:/etc/passwd", "neither a URL nor an absolute path"),
        ("footage/one.mp4", "neither a URL nor an absolute path"),
        ("192.168.1.10", "neither a URL nor an absolute path"),
        ("rtsp://", "found no host"),
        ("rtsp:///stream1", "found no host"),
        ("rtsp://h:0/", "found no host, or a port"),
        ("rtsp://h:99999/", "found no host, or a port"),
        ("rtsp://h:port/", "found no host, or a port"),
        ("rtsp://user:pass word@h/", "a space is written %20"),
        ("rtsp://h/\nx", "found a space or a line break"),
        ("", "neither a URL nor an absolute path"),
    ],
)
def test_what_is_no_camera_says_why(text: str, said: str) -> None:
    """A typing error in an address is found before anything is connected."""
    with pytest.raises(ValueError, match=said):
        camera_address(text)


@pytest.mark.parametrize("text", ["http://127.0.0.1:9000/vidsense", "https://ntfy.sh/topic"])
def test_a_web_address_is_http_or_https(text: str) -> None:
    """Where Ollama answers and hooks are called."""
    assert http_address(text) == text


@pytest.mark.parametrize("text", ["127.0.0.1:9000", "rtsp://h/", "http://", "http://user:p#w@h/", "https://h:x/"])
def test_what_is_no_web_address_is_refused(text: str) -> None:
    """Anything else is a mistake."""
    with pytest.raises(ValueError, match="found"):
        http_address(text)


def test_an_outline_is_read_and_written_back() -> None:
    """Frigate's way to write an area: one text with commas."""
    points = outline("0,0, 1,0, 0.5,0.75")

    assert points == ((0.0, 0.0), (1.0, 0.0), (0.5, 0.75))
    assert outline(outline_text(points)) == points


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "something else than numbers"),
        ("a,b,c,d,e,f", "something else than numbers"),
        ("0,0,1,0,1", "5 numbers; each point has two"),
        ("0,0,1,1", "2 points; an area has at least 3"),
        ("0,0,640,0,640,480", "divide x by the picture's width"),
        ("0,0,nan,0,1,1", "outside 0 to 1"),
        ("0,0,-0.1,0,1,1", "outside 0 to 1"),
        ("0,0,0.5,0.5,1,1", "enclose no area"),
    ],
)
def test_what_is_no_area_says_why(text: str, said: str) -> None:
    """Pixels instead of ratios, a point too few, points on a line."""
    with pytest.raises(ValueError, match=said):
        outline(text)
