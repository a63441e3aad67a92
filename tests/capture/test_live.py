"""A real RTSP camera, watched through the child process; the camera is killed, frozen and brought back."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cameras import RtspCamera
from fakes import wait_until

from vidsense_daemon.capture.faults import Fault
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.process import CaptureProcess
from vidsense_daemon.capture.state import CameraPhase

from .watched import Watched

PASSWORD = "s3cret-p4ss"


def options(camera: RtspCamera, clip: str = "yard.mp4", **changes: object) -> StreamOptions:
    return StreamOptions(url=camera.url(clip, user="cam", password=PASSWORD), **changes)  # type: ignore[arg-type]


def test_frames_of_an_rtsp_camera_arrive_with_the_present_time(rtsp_camera: RtspCamera) -> None:
    """A camera that is reachable streams within seconds."""
    with Watched(options(rtsp_camera)) as watched:
        watched.wait_frames(3)
        age_s = (datetime.now(UTC) - watched.frames[-1].captured_at).total_seconds()

    assert watched.frames[-1].camera == "yard"
    assert -1 < age_s < 10


def test_a_computer_that_is_slow_to_start_the_capture_is_not_called_a_stalled_camera(
    rtsp_camera: RtspCamera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty cameras after a boot: what takes long to start is given the time, and not killed and started again."""
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep(3.3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # the child's interpreter runs it before anything of ours

    with Watched(options(rtsp_camera, stall_limit_s=3)) as watched:
        watched.wait_frames(1)

    assert [state.fault for state in watched.states if state.fault] == []


def test_the_state_tells_codec_and_size(rtsp_camera: RtspCamera) -> None:
    """The status page shows what the camera sends."""
    with Watched(options(rtsp_camera)) as watched:
        watched.wait_frames(1)
        state = watched.supervisor.state

    assert (state.codec, state.width_px, state.height_px) == ("h264", 320, 240)


def test_a_camera_that_was_away_comes_back_without_a_restart(rtsp_camera: RtspCamera) -> None:
    """Unplugged and plugged in again: the frames go on, as a new run."""
    with Watched(options(rtsp_camera)) as watched:
        watched.wait_frames(2)
        first_run = watched.frames[-1].run_id
        rtsp_camera.kill()
        watched.wait_phase(CameraPhase.WAITING)
        rtsp_camera.start()
        watched.wait_frames(1)

    assert watched.frames[-1].run_id != first_run
    assert watched.supervisor.state.faults >= 1


def test_a_camera_that_freezes_is_noticed_and_taken_up_again(rtsp_camera: RtspCamera) -> None:
    """A frozen camera keeps its connections open and says nothing: only a time limit tells."""
    with Watched(options(rtsp_camera, stall_limit_s=4.0)) as watched:
        watched.wait_frames(2)
        rtsp_camera.freeze()
        state = watched.wait_fault(Fault.STALLED)
        rtsp_camera.thaw()
        watched.wait_frames(1)

    assert state.phase is CameraPhase.WAITING


def test_a_missing_stream_says_what_to_check(rtsp_camera: RtspCamera) -> None:
    """A mistyped path is told apart from a dead camera."""
    with Watched(options(rtsp_camera, clip="mistyped.mp4")) as watched:
        state = watched.wait_fault(Fault.NOT_FOUND)

    assert "check the path" in state.message
    assert PASSWORD not in state.message


def test_a_child_that_dies_is_started_again(rtsp_camera: RtspCamera) -> None:
    """A crash of the decoder costs a second of frames, not the camera."""
    with Watched(options(rtsp_camera)) as watched:
        watched.wait_frames(1)
        (child,) = children_of(os.getpid())
        os.kill(child, 9)
        state = watched.wait_fault(Fault.CRASHED)
        watched.wait_frames(1)

    assert "SIGKILL" in state.message


def test_the_password_is_in_no_argument_and_no_environment_of_the_child(rtsp_camera: RtspCamera) -> None:
    """`ps` and /proc show no secret to other users of the machine."""
    with Watched(options(rtsp_camera)) as watched:
        watched.wait_frames(1)
        (child,) = children_of(os.getpid())
        shown = Path(f"/proc/{child}/cmdline").read_bytes() + Path(f"/proc/{child}/environ").read_bytes()

    assert PASSWORD.encode() not in shown


def test_the_child_ends_with_its_parent(rtsp_camera: RtspCamera) -> None:
    """Killing the daemon leaves no process behind."""
    program = """
import sys
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.process import CaptureProcess
child = CaptureProcess(StreamOptions(url=sys.stdin.readline().strip()))
while not any(message.kind == "frame" for message in child.read(1.0)): pass
print(child.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin
    assert parent.stdout
    with parent.stdin, parent.stdout:
        parent.stdin.write(rtsp_camera.url("yard.mp4") + "\n")
        parent.stdin.flush()
        child = Path(f"/proc/{int(parent.stdout.readline())}")
        parent.kill()
        parent.wait()

        wait_until(lambda: not child.exists(), what="the child to end")


def test_the_child_imports_no_torch_no_opencv_and_no_database() -> None:
    """A camera's process stays small: none of the daemon's heavy libraries are in it."""
    program = "import sys, vidsense_daemon.capture.child; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert not {"torch", "transformers", "sqlalchemy", "cv2", "scenedetect", "pydantic"} & set(modules)


def test_asking_to_stop_ends_the_child(rtsp_camera: RtspCamera) -> None:
    """A clean stop leaves no process behind either."""
    with Watched(options(rtsp_camera)) as watched:
        watched.wait_frames(1)

    assert children_of(os.getpid()) == []
    assert watched.supervisor.state.phase is CameraPhase.STOPPED


def test_closing_a_capture_process_twice_is_no_error(rtsp_camera: RtspCamera) -> None:
    """Stopping while the child is still opening its camera works as well."""
    with CaptureProcess(options(rtsp_camera)) as child:
        pid = child.pid

    assert not Path(f"/proc/{pid}").exists()


def children_of(pid: int) -> list[int]:
    """Capture children of the process, over all its threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [child for child in children if b"capture.child" in Path(f"/proc/{child}/cmdline").read_bytes()]
