"""Logins and UDP, against GStreamer's RTSP server; skipped where Debian's packages are not installed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vidsense_daemon.capture.faults import Fault
from vidsense_daemon.capture.options import StreamOptions

from .watched import Watched

PYTHON = "/usr/bin/python3"
PASSWORD = "p@ss/w#rd?50%!"

pytestmark = pytest.mark.gstreamer


@contextmanager
def camera(kind: str) -> Iterator[int]:
    """A camera that asks for a login; its port."""
    asked = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if not Path(PYTHON).exists() or subprocess.run([PYTHON, "-c", asked], capture_output=True, check=False).returncode:
        pytest.skip("needs Debian's gst-rtsp-server and its Python bindings")
    server = subprocess.Popen(
        [PYTHON, str(Path(__file__).with_name("gst_server.py")), "cam", PASSWORD, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin
    assert server.stdout
    with server.stdin, server.stdout:
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()
            server.wait()


@pytest.mark.parametrize("kind", ["basic", "digest"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_password_with_special_characters_opens_the_camera(kind: str, transport: str) -> None:
    """Written into the url as it is; whichever way of login and transport the camera speaks."""
    with camera(kind) as port:
        options = StreamOptions(url=f"rtsp://cam:{PASSWORD}@127.0.0.1:{port}/cam", transport=transport)
        with Watched(options) as watched:
            watched.wait_frames(3)

    assert watched.supervisor.state.faults == 0


@pytest.mark.parametrize("kind", ["basic", "digest"])
def test_a_wrong_password_is_named_as_such(kind: str) -> None:
    """And it stays out of the message."""
    with (
        camera(kind) as port,
        Watched(StreamOptions(url=f"rtsp://cam:wr0ng-one@127.0.0.1:{port}/cam")) as watched,
    ):
        state = watched.wait_fault(Fault.UNAUTHORIZED)

    assert "wr0ng-one" not in state.message
