"""`vidsense cameras probe` against real streams."""

from __future__ import annotations

from pathlib import Path

import pytest
from cameras import RtspCamera, make_clip

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.capture.faults import CameraError, Fault
from vidsense_daemon.capture.probe import probe


def test_a_probe_tells_what_a_camera_sends(rtsp_camera: RtspCamera) -> None:
    """Codec, size, rate and keyframes, measured on the stream itself."""
    found = probe(rtsp_camera.url("yard.mp4"), measure_s=3.5)

    assert (found.codec, found.width_px, found.height_px) == ("h264", 320, 240)
    assert found.measured_fps == pytest.approx(10, rel=0.3)
    assert found.keyframe_interval_s == pytest.approx(1.0, rel=0.3)
    assert found.clock == "steady"
    assert found.first_frame_s is not None


def test_the_suggested_settings_hold_the_url_without_the_password(rtsp_camera: RtspCamera) -> None:
    """The owner copies the block; the password stays in the environment."""
    found = probe(rtsp_camera.url("yard.mp4", user="cam", password="s3cret"), measure_s=1, name="yard")

    assert "s3cret" not in repr(found)
    assert f"url: rtsp://{{CAM_USER}}:{{CAM_PASSWORD}}@127.0.0.1:{rtsp_camera.port}/yard.mp4" in found.yaml


def test_a_probe_advises_a_substream_and_more_keyframes(tmp_path: Path) -> None:
    """A large stream with rare keyframes costs most of what could be saved."""
    clip = make_clip(
        tmp_path / "large.mp4", seconds=6, fps=5, width_px=1920, height_px=1080, keyframe_every_s=5, noise_levels=0
    )
    advice = " ".join(probe(str(clip)).advice)

    assert "substream_url" in advice
    assert "keyframe" in advice


def test_a_probe_of_nothing_says_what_to_check(rtsp_camera: RtspCamera) -> None:
    """The fault comes with its next step."""
    with pytest.raises(CameraError, match="check the path") as raised:
        probe(rtsp_camera.url("mistyped.mp4"))

    assert raised.value.fault is Fault.NOT_FOUND


def test_a_probe_refuses_what_is_no_camera() -> None:
    """A scheme that could read files or run commands never reaches FFmpeg."""
    with pytest.raises(ConfigError, match="scheme"):
        probe("concat:/etc/passwd|/etc/group")
