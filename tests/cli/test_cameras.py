"""`vidsense cameras`: which there are, which still learn, and what their streams are like."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cameras import make_clip

from vidsense_daemon.cli.main import main
from vidsense_daemon.perception.unusual_file import Kept, UnusualFile
from vidsense_daemon.perception.usual import PEAK_EVERY, PEAKS_TO_KNOW, Peak
from vidsense_daemon.settings.load import parse


def test_a_camera_says_that_it_still_learns_what_is_usual_and_until_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One has been watched for a day, one for half of it, one not at all."""
    (tmp_path / "vidsense.yaml").write_text(
        "cameras: {door: {url: /dev/video0}, garden: {url: /dev/video1}, cellar: {url: /dev/video2}}"
    )
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("VIDSENSE_CONFIG", str(tmp_path / "vidsense.yaml"))
    now = datetime.now(UTC)
    for camera, peaks in (("door", PEAKS_TO_KNOW), ("garden", PEAKS_TO_KNOW // 2)):
        kept = Kept([Peak(now - number * PEAK_EVERY, 1.0) for number in range(peaks, 0, -1)])
        UnusualFile(tmp_path / "cache" / "usual", camera=camera, encoder="any").save(kept)

    assert main(["cameras", "list", "--json"]) == 0
    rows = {row["name"]: row["learning_until_at_ms"] for row in json.loads(capsys.readouterr().out)}
    assert rows["door"] is None
    for camera, learns in (("garden", timedelta(hours=12)), ("cellar", timedelta(days=1))):
        assert rows[camera] == pytest.approx((now + learns).timestamp() * 1000, abs=60_000)

    assert main(["cameras", "list"]) == 0
    assert capsys.readouterr().out.count("learning") == 2


def test_a_stream_that_shows_one_keyframe_gets_no_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A camera with a keyframe every ten seconds, looked at for less: said in words, with the advice to change it."""
    clip = make_clip(tmp_path / "long.mp4", seconds=4, keyframe_every_s=60)

    assert main(["cameras", "probe", str(clip)]) == 0
    said = capsys.readouterr().out
    assert "keyframes    fewer than two were seen\n" in said
    assert "keyframe (I-frame) interval to 1 or 2 s" in said
    assert list(parse(said[said.index("\ncameras:\n") :], source="pasted").cameras) == ["camera"]
    assert main(["cameras", "probe", str(clip), "--seconds", "1"]) == 0  # too short a look for advice
    assert "I-frame" not in capsys.readouterr().out
