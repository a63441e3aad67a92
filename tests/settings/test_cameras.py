"""What applies to a camera: its own keys, then the top ones, then the defaults."""

from __future__ import annotations

import pytest

from vidsense_daemon.domain.events import Severity

from .conftest import Read

HOUSE = """\
stall_limit_s: 30
transport: udp
sampling: {calm_fps: 0.5, busy_fps: 8}
motion: {threshold_levels: 20, masks: ["0,0,1,0,1,0.1"]}
cameras:
  porch:
    url: rtsp://192.168.1.10/main
    substream_url: rtsp://192.168.1.10/sub
    transport: tcp
    sampling: {busy_fps: 4}
    motion: {masks: []}
    zones: {steps: {coordinates: "0,0,1,0,1,1"}}
    privacy_masks: ["0,0,0.1,0,0.1,0.1"]
    triggers: [person, parcel]
    describer: {queries: ["Is it the postman?"]}
  yard:
    url: /dev/video0
triggers:
  person: {prompt: a person, zones: [steps], severity: warning}
  parcel: {prompt: a parcel, enabled: false}
"""


def test_a_camera_inherits_what_it_does_not_say_itself(read: Read) -> None:
    """A key at the top holds for every camera that does not give it."""
    yard = read(HOUSE).camera("yard")

    assert (yard.stall_limit_s, yard.transport) == (30, "udp")
    assert (yard.sampling.calm_fps, yard.sampling.busy_fps, yard.sampling.max_frames_per_s) == (0.5, 8, 5)
    assert yard.motion.masks == (((0.0, 0.0), (1.0, 0.0), (1.0, 0.1)),)


def test_a_cameras_own_key_wins_and_leaves_its_neighbours_alone(read: Read) -> None:
    """One key of a block is overridden; the block's other keys still come from the top."""
    porch = read(HOUSE).camera("porch")

    assert (porch.stall_limit_s, porch.transport) == (30, "tcp")
    assert (porch.sampling.calm_fps, porch.sampling.busy_fps) == (0.5, 4)
    assert (porch.motion.threshold_levels, porch.motion.masks) == (20, ())


def test_a_camera_knows_its_areas_and_questions(read: Read) -> None:
    """Outlines are numbers here, ready for capture; the camera's questions come beside the common ones."""
    porch = read(HOUSE).camera("porch")

    assert porch.zones == {"steps": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))}
    assert porch.privacy_masks == (((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)),)
    assert porch.queries == ("Is it the postman?",)


def test_only_enabled_triggers_reach_a_camera(read: Read) -> None:
    """A trigger that is switched off is off for every camera."""
    triggers = read(HOUSE).camera("porch").triggers

    assert list(triggers) == ["person"]
    assert triggers["person"].severity is Severity.WARNING


def test_the_address_is_not_in_the_cameras_repr(read: Read) -> None:
    """A traceback that shows a camera shows no password."""
    settings = read(HOUSE)

    assert "192.168.1.10" not in repr(settings.camera("porch"))
    assert "192.168.1.10" not in repr(settings)


def test_an_unknown_camera_is_a_key_error(read: Read) -> None:
    """Asking for a camera that is not there is the caller's mistake."""
    with pytest.raises(KeyError):
        read(HOUSE).camera("attic")
