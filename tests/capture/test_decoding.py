"""Sparse decoding loses nothing, and the house's budget is shared fairly."""

from __future__ import annotations

from pathlib import Path

import pytest
from cameras import RtspCamera, make_clip

from vidsense_daemon.capture.budget import FrameBudget
from vidsense_daemon.capture.change import GATE_HEIGHT_PX, GATE_WIDTH_PX, ChangeGate
from vidsense_daemon.capture.decoding import Decoding, SizeWatch
from vidsense_daemon.capture.source import Source
from vidsense_daemon.capture.views import Scaler


def decoded_pts_s(clip: Path, *, calm_s: tuple[float, float]) -> tuple[list[float], Decoding]:
    """The distinct times decoded of a clip that is calm between two times, as it would arrive live."""
    source = Source(str(clip))
    decoding, found = Decoding(source, always_whole=False), []
    for number, packet in enumerate(source.packets()):
        at_s = number / 10
        frames = decoding.frames(packet, calm=calm_s[0] <= at_s < calm_s[1], at_mono_s=at_s)
        found += [frame.pts_s for frame in frames if frame.pts_s is not None]
    source.close()
    return [round(pts_s, 3) for pts_s in dict.fromkeys(found)], decoding


def test_only_keyframes_are_decoded_while_calm(clips: Path) -> None:
    """A calm camera costs a fraction."""
    pts_s, decoding = decoded_pts_s(clips / "yard.mp4", calm_s=(0.0, 99.0))

    assert [at_s for at_s in pts_s if at_s >= 2.0] == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert decoding.skipped_packets > 40


def test_the_moments_before_motion_was_noticed_are_decoded_later(clips: Path) -> None:
    """When calm ends between two keyframes, nothing since the last keyframe is missing."""
    pts_s, _ = decoded_pts_s(clips / "yard.mp4", calm_s=(0.0, 4.6))

    assert pts_s[pts_s.index(4.0) :] == [round(4.0 + k / 10, 3) for k in range(40)]


def test_b_frames_hold_no_keyframe_back(tmp_path: Path) -> None:
    """A decoder that reorders would show the keyframe two seconds late."""
    clip = make_clip(tmp_path / "b.mp4", seconds=6, options={"bf": "2", "preset": "veryfast"})
    pts_s, _ = decoded_pts_s(clip, calm_s=(0.0, 99.0))

    assert [at_s for at_s in pts_s if at_s >= 3.0] == [3.0, 4.0, 5.0]


def test_rare_keyframes_are_not_waited_for(tmp_path: Path) -> None:
    """A camera that sends one every ten seconds is decoded whole, or motion would come late."""
    clip = make_clip(tmp_path / "rare.mp4", seconds=8, keyframe_every_s=4)
    pts_s, _ = decoded_pts_s(clip, calm_s=(0.0, 99.0))

    assert len(pts_s) == 80


def test_a_calm_scenes_rough_pictures_are_no_motion_beside_whole_ones(clips: Path, rtsp_camera: RtspCamera) -> None:
    """When it wakes, the picture gets smoother edges, and that opens no gate; a still of a calm scene is smooth."""
    make_clip(clips / "smooth.mp4", seconds=2, options={"preset": "veryfast", "crf": "34"})
    source, scaler = Source(rtsp_camera.url("smooth.mp4")), Scaler(picture_px=64)
    keyframe = next(packet for packet in source.packets() if packet.is_keyframe)
    rough, whole = (source.decode_alone(keyframe, rough=rough)[0] for rough in (True, False))
    again = source.decode_alone(keyframe, rough=True)[0]
    source.close()
    gate = ChangeGate(threshold_levels=10, changed_ratio=0.00078)
    changes = [
        gate.compare(scaler.small_luma(scaler.working_picture(frame.video), GATE_WIDTH_PX, GATE_HEIGHT_PX))
        for frame in (rough, whole, again)
    ]

    assert (rough.video.to_ndarray() != whole.video.to_ndarray()).any()
    assert (rough.video.to_ndarray() == again.video.to_ndarray()).all()
    assert [change.changed_ratio for change in changes] == [0.0, 0.0, 0.0]


def test_packets_that_suddenly_grow_wake_it() -> None:
    """Something moves between two keyframes: the packets tell at once."""
    watch = SizeWatch()
    calm = [watch.saw(1000 + 50 * (k % 3)) for k in range(40)]

    assert not any(calm)
    assert [watch.saw(4000) for _ in range(2)] == [False, True]


def test_packets_of_one_size_never_wake_it() -> None:
    """At a constant bit rate sizes tell nothing."""
    watch = SizeWatch()

    assert not any(watch.saw(3000) for _ in range(100))


def test_busy_cameras_share_what_calm_ones_leave() -> None:
    """Four cameras, two busy: the calm ones keep a frame a second each."""
    budget = FrameBudget(max_frames_per_s=10)
    for camera, busy in (("a", False), ("b", False), ("c", True), ("d", True)):
        budget.share(camera, busy=busy)

    assert budget.share("c", busy=True) == pytest.approx(4.0)
    assert budget.share("d", busy=True) == pytest.approx(4.0)


def test_a_camera_that_is_gone_leaves_its_share() -> None:
    """A dead camera takes no frames from the others."""
    budget = FrameBudget(max_frames_per_s=10)
    budget.share("a", busy=True)
    budget.share("b", busy=True)
    budget.leave("b")

    assert budget.share("a", busy=True) == pytest.approx(10.0)


def test_however_many_cameras_none_is_silenced() -> None:
    """Thirty cameras and a budget of ten: each still sends now and then."""
    budget = FrameBudget(max_frames_per_s=10)
    shares = [budget.share(f"camera{k}", busy=True) for k in range(30)]

    assert min(shares) >= 0.2
