"""Every way in which a camera is known to fail, against real servers: named, told without the password, recovered."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from cameras import RtspCamera, make_clip, yard
from fakes import wait_until

from vidsense_daemon.base.worker import Worker
from vidsense_daemon.capture.faults import Fault
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.state import CameraPhase

from . import servers
from .servers import FaultyWire, Listener, listening, scripted
from .watched import Watched

PASSWORD = "s3cret-p4ss"
STALL_LIMIT_S = 4.0  # 15 s by default; the limits inside derive from it


def watching(port: int, *, scheme: str = "rtsp", path: str = "yard.mp4?play_count=0", **changes: object) -> Watched:
    url = f"{scheme}://cam:{PASSWORD}@127.0.0.1:{port}/{path}"
    return Watched(StreamOptions(url=url, **{"stall_limit_s": STALL_LIMIT_S, **changes}))  # type: ignore[arg-type]


@pytest.fixture
def wire(rtsp_camera: RtspCamera) -> Iterator[FaultyWire]:
    proxy = FaultyWire(rtsp_camera.port)
    yield proxy
    proxy.close()


AT_OPENING: list[tuple[str, Callable[..., object], Fault]] = [
    ("401", scripted(servers.always("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"\r\n')), Fault.UNAUTHORIZED),
    ("403", scripted(servers.always("403 Forbidden")), Fault.FORBIDDEN),
    ("404", scripted(servers.always("404 Not Found")), Fault.NOT_FOUND),
    ("453", scripted(servers.busy_at_setup), Fault.REJECTED),
    ("503", scripted(servers.always("503 Service Unavailable")), Fault.SERVER_ERROR),
    ("silent", servers.silent, Fault.TIMEOUT),
    ("a byte now and then", scripted(servers.drip), Fault.TIMEOUT),
    ("not RTSP", scripted(servers.not_rtsp), Fault.TIMEOUT),
    ("a huge answer", scripted(servers.huge_answer), Fault.BAD_DATA),  # more than memory_limit_mb: refused at once
    ("no packet ever", scripted(servers.no_picture), Fault.STALLED),
]


@pytest.mark.parametrize(("serve", "fault"), [row[1:] for row in AT_OPENING], ids=[row[0] for row in AT_OPENING])
def test_a_camera_that_cannot_be_opened_says_why(serve: Callable[..., None], fault: Fault) -> None:
    """Each failure at opening has a name and a next step, and comes within the stall limit."""
    with listening(serve) as listener, watching(listener.port) as watched:
        state = watched.wait_fault(fault, limit_s=2 * STALL_LIMIT_S)

    assert state.phase is CameraPhase.WAITING
    assert ";" in state.message
    assert PASSWORD not in state.message


def test_a_closed_port_is_told_apart_from_a_dead_host() -> None:
    """Nothing listens: the camera is on, RTSP is not."""
    with listening(servers.silent) as listener:
        port = listener.port
    with watching(port) as watched:
        watched.wait_fault(Fault.REFUSED)


def test_a_host_that_is_down_ends_in_a_timeout() -> None:
    """Requests for a connection vanish, as they do when the camera has no power."""
    with servers.host_down() as port, watching(port) as watched:
        watched.wait_fault(Fault.TIMEOUT)


def test_a_name_that_cannot_be_looked_up_is_named() -> None:
    """A mistyped host name is not mistaken for a dead camera."""
    with Watched(StreamOptions(url=f"rtsp://cam:{PASSWORD}@no-such-camera.invalid/x")) as watched:
        state = watched.wait_fault(Fault.NAME)

    assert "no-such-camera.invalid" in state.message


def test_a_wrong_password_is_not_hammered() -> None:
    """Cameras lock accounts: after a 401 the next try comes a minute later at the earliest."""
    serve = scripted(servers.always("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"\r\n'))
    with listening(serve) as listener, watching(listener.port) as watched:
        state = watched.wait_fault(Fault.UNAUTHORIZED)

    assert state.next_try_in_s is not None
    assert state.next_try_in_s >= 60
    assert "password" in state.message


def test_a_redirect_to_another_host_never_sees_the_password() -> None:
    """The other host is not even connected to."""
    with listening(servers.silent, host="127.0.0.2") as other:
        serve = scripted(servers.redirecting(f"rtsp://127.0.0.2:{other.port}/x"))
        with listening(serve) as listener, watching(listener.port) as watched:
            state = watched.wait_fault(Fault.REDIRECTED)

        assert other.connections == 0
    assert "127.0.0.2" in state.message


def test_a_redirect_to_the_same_host_is_followed(rtsp_camera: RtspCamera) -> None:
    """Some cameras send their viewers to another path or port of their own."""
    serve = scripted(servers.redirecting(rtsp_camera.url("yard.mp4")))
    with listening(serve) as listener, watching(listener.port) as watched:
        watched.wait_frames(1)


def test_a_broken_connection_is_taken_up_again(wire: FaultyWire) -> None:
    """A TCP reset in the middle of the stream: FFmpeg ends quietly, the supervisor does not."""
    with watching(wire.port) as watched:
        watched.wait_frames(2)
        wire.reset()
        watched.wait_phase(CameraPhase.WAITING)
        watched.wait_frames(1)


def test_a_cut_network_is_noticed(wire: FaultyWire) -> None:
    """Nobody says goodbye: only silence tells, and the stream goes on when the network is back."""
    with watching(wire.port) as watched:
        watched.wait_frames(2)
        wire.frozen = True
        watched.wait_fault(Fault.STALLED)
        wire.frozen = False
        watched.wait_frames(1)


def test_a_frozen_encoder_is_noticed(wire: FaultyWire) -> None:
    """The camera answers every question and sends no picture."""
    with watching(wire.port) as watched:
        watched.wait_frames(2)
        wire.rtp_frozen = True
        watched.wait_fault(Fault.STALLED)
        wire.rtp_frozen = False
        watched.wait_frames(1)


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_a_jump_of_the_cameras_clock_starts_a_new_run_at_the_present_time(wire: FaultyWire, jump_s: int) -> None:
    """Daylight saving in the camera's firmware moves no event by an hour."""
    with watching(wire.port) as watched:
        watched.wait_frames(3)
        before = watched.frames[-1]
        wire.timestamp_jump_ticks = jump_s * 90_000
        watched.wait_frames(8)
    after = watched.frames[-1]

    assert after.run_id != before.run_id
    assert 0 <= (after.captured_at - before.captured_at).total_seconds() < 15


def test_a_damaged_stream_goes_on(wire: FaultyWire) -> None:
    """A third of the packets damaged: what can be decoded is used, and nothing crashes."""
    wire.damaged_ratio = 0.3
    with watching(wire.port) as watched:
        watched.wait_frames(5)

    assert wire.damaged > 0


@pytest.mark.parametrize(
    "changes",
    [{"width_px": 640, "height_px": 480}, {"codec": "libx265", "options": {"x265-params": "log-level=none:pools=1"}}],
    ids=["size", "codec"],
)
def test_a_camera_that_comes_back_with_another_picture_is_taken_as_it_is(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """Somebody has changed the camera's settings; the daemon needs no restart."""
    make_clip(tmp_path / "yard.mp4", seconds=4)
    with RtspCamera(tmp_path) as camera, watching(camera.port) as watched:
        watched.wait_frames(2)
        first = watched.supervisor.state
        camera.kill()
        make_clip(tmp_path / "yard.mp4", seconds=4, **changes)  # type: ignore[arg-type]
        camera.start()
        watched.wait_frames(2)
        state = watched.supervisor.state

    assert (state.codec, state.width_px) != (first.codec, first.width_px)


def test_a_fault_is_logged_once_and_its_end_once(rtsp_camera: RtspCamera, capsys: pytest.CaptureFixture[str]) -> None:
    """A camera that is away for a night fills no log."""
    with watching(rtsp_camera.port) as watched:
        watched.wait_frames(1)
        rtsp_camera.kill()
        watched.wait_fault(Fault.REFUSED)
        faults = watched.supervisor.state.faults
        wait_until(lambda: watched.supervisor.state.faults >= faults + 1, what="another try")
        rtsp_camera.start()
        watched.wait_frames(1)
    lines = capsys.readouterr().out.splitlines()

    assert sum("camera_streaming" in line for line in lines) == 2
    assert sum("refused" in line for line in lines) == 1


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A camera's own certificate and key, signed by nobody."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=camera "
        "-addext subjectAltName=IP:127.0.0.1"
    )
    try:
        subprocess.run(
            [*command.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("needs the openssl program")
    return certificate, key


def test_an_encrypted_camera_with_a_strange_certificate_is_refused_until_it_is_trusted(
    rtsp_camera: RtspCamera, certificate: tuple[Path, Path]
) -> None:
    """rtsps means that the camera is who it says; its own certificate is trusted by naming its file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    wire = FaultyWire(rtsp_camera.port, tls=context)
    try:
        with watching(wire.port, scheme="rtsps") as watched:
            state = watched.wait_fault(Fault.TLS)
        with watching(wire.port, scheme="rtsps", tls_ca_file=str(certificate[0])) as watched:
            watched.wait_frames(1)
    finally:
        wire.close()

    assert "tls_ca_file" in state.message


def test_the_password_is_nowhere_after_every_fault(rtsp_camera: RtspCamera, capsys: pytest.CaptureFixture[str]) -> None:
    """States, log lines and thread names are searched after each way to fail."""
    said = []
    for serve in (row[1] for row in AT_OPENING[:5]):
        with listening(serve) as listener, watching(listener.port) as watched:  # type: ignore[arg-type]
            watched.wait_phase(CameraPhase.WAITING)
            said.append(repr(watched.states) + repr(watched.supervisor.state))
    with watching(rtsp_camera.port) as watched:
        watched.wait_frames(1)
        rtsp_camera.kill()
        watched.wait_phase(CameraPhase.WAITING)
        said.append(repr(watched.states))
    said += [*capsys.readouterr(), repr([thread.name for thread in threading.enumerate()])]
    said.append(repr(StreamOptions(url=f"rtsp://cam:{PASSWORD}@h/x")))

    assert "camera_lost" in "".join(said)
    assert PASSWORD not in "".join(said)


def test_one_cameras_fault_does_not_touch_another(rtsp_camera: RtspCamera) -> None:
    """While one camera hangs, the others' frames go on."""
    with listening(servers.silent) as hanging, watching(hanging.port), watching(rtsp_camera.port) as well:
        well.wait_frames(3)

    assert isinstance(well.worker, Worker)
    assert isinstance(hanging, Listener)
    assert well.supervisor.state.faults == 0


def snapshot(connection: socket.socket) -> None:
    """A camera's address for single pictures."""
    connection.recv(65536)
    encoded, jpeg = cv2.imencode(".jpg", yard(320, 240))
    assert encoded
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {jpeg.size}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + jpeg.tobytes())


def test_the_address_of_a_snapshot_is_named_and_fills_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    """One picture comes and the stream is over, every time: it must not be tried and told of twice a second."""
    with listening(snapshot) as listener, watching(listener.port, scheme="http", path="snap.jpg") as watched:
        assert "a single picture came" in watched.wait_fault(Fault.BAD_DATA).message
        wait_until(lambda: watched.supervisor.state.faults >= 4, limit_s=60, what="four tries")
        waits_s = [state.next_try_in_s or 0 for state in watched.states if state.phase is CameraPhase.WAITING]
    lines = capsys.readouterr().out.splitlines()

    assert waits_s[3] > 0.7 > waits_s[2]  # the third in a row is the last that is tried again at once
    assert sum("camera_streaming" in line for line in lines) == 3
    assert sum("camera_lost" in line for line in lines) == 3
