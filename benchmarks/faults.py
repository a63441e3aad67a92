"""How soon each camera fault is noticed and mended, with the default limits. Makes the table of docs/faults.md.

    python benchmarks/faults.py            all faults, four at a time (about 4 minutes); only loopback is used
    python benchmarks/faults.py 401 reset  some of them

Noticed: seconds from the fault until the supervisor says so. Again: seconds from the camera's return until a frame
arrives. Both hold the waiting of real retries; a loaded machine adds to them.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from cameras import RtspCamera, make_clip, wait_until
from capture import servers
from capture.servers import FaultyWire, listening, scripted
from capture.watched import Watched

from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.state import CameraPhase

LIMIT_S = 40.0
AWAY_S = 20.0


@dataclass
class Row:
    """One line of the table."""

    fault: str
    named: str
    noticed_s: float
    again_s: float | None = None


class Scene:
    """A camera behind a proxy, watched, streaming."""

    def __init__(self, folder: Path, *, direct: bool) -> None:
        self.folder = folder
        self.camera = RtspCamera(folder)
        self.camera.start()
        self.wire = FaultyWire(self.camera.port)
        # a proxy keeps its port open while the camera is away; a real one does not
        self.watched = Watched(options(self.camera.port if direct else self.wire.port))

    def noticed_s(self) -> tuple[float, str]:
        """Seconds from now until the supervisor says that the camera is lost, and what it calls it."""
        start_mono_s, before = time.monotonic(), self.watched.supervisor.state.faults
        wait_until(lambda: self.watched.supervisor.state.faults > before, limit_s=LIMIT_S, what="a fault")
        named = next(state.fault for state in self.watched.states if state.faults == before + 1)
        return time.monotonic() - start_mono_s, str(named)

    def again_s(self) -> float:
        start_mono_s = time.monotonic()
        self.watched.wait_frames(1, limit_s=90)
        return time.monotonic() - start_mono_s


def options(port: int, scheme: str = "rtsp") -> StreamOptions:
    return StreamOptions(url=f"{scheme}://cam:s3cret@127.0.0.1:{port}/yard.mp4?play_count=0")


@contextmanager
def streaming(*, direct: bool = False) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as name:
        make_clip(Path(name) / "yard.mp4", seconds=10, walks=[(2, 8)])
        scene = Scene(Path(name), direct=direct)
        with scene.watched:
            scene.watched.wait_frames(5, limit_s=60)
            yield scene
        scene.wire.close()
        scene.camera.kill()


def mid_stream(name: str, hurt: Callable[[Scene], None], mend: Callable[[Scene], None], *, away_s: float = 0.0) -> Row:
    with streaming(direct=away_s > 0) as scene:
        hurt(scene)
        noticed_s, named = scene.noticed_s()
        time.sleep(max(0.0, away_s - noticed_s))
        mend(scene)
        return Row(name, named, noticed_s, scene.again_s())


def clock_jump(name: str, jump_s: int) -> Row:
    """No outage: a new run must begin, at the present time."""
    with streaming() as scene:
        run_id, start_mono_s = scene.watched.frames[-1].run_id, time.monotonic()
        scene.wire.timestamp_jump_ticks = jump_s * 90_000
        wait_until(lambda: scene.watched.frames[-1].run_id != run_id, limit_s=LIMIT_S, what="a new run")
        return Row(name, "new run", time.monotonic() - start_mono_s, 0.0)


def damage(name: str) -> Row:
    with streaming() as scene:
        scene.wire.damaged_ratio = 0.3
        before, start_mono_s = len(scene.watched.frames), time.monotonic()
        wait_until(lambda: time.monotonic() - start_mono_s > 10, limit_s=LIMIT_S)
        return Row(name, f"{len(scene.watched.frames) - before} frames in 10 s", 0.0, 0.0)


def come_back_as(**changes: object) -> Callable[[Scene], None]:
    def mend(scene: Scene) -> None:
        make_clip(scene.folder / "yard.mp4", seconds=4, **changes)  # type: ignore[arg-type]
        scene.camera.start()

    return mend


def at_opening(name: str, serve: Callable[..., None]) -> Row:
    with listening(serve) as listener:
        return opened(name, options(listener.port))


def opened(name: str, to_open: StreamOptions) -> Row:
    start_mono_s = time.monotonic()
    with Watched(to_open) as watched:
        watched.wait_phase(CameraPhase.WAITING, limit_s=LIMIT_S)
        state = watched.supervisor.state
        return Row(name, str(state.fault), time.monotonic() - start_mono_s)


def closed_port(name: str) -> Row:
    with listening(servers.silent) as listener:
        port = listener.port
    return opened(name, options(port))


def host_down(name: str) -> Row:
    with servers.host_down() as port:
        return opened(name, options(port))


def unknown_name(name: str) -> Row:
    return opened(name, StreamOptions(url="rtsp://cam:s3cret@no-such-camera.invalid/x"))


def redirect(name: str) -> Row:
    with listening(servers.silent, host="127.0.0.2") as other:
        row = at_opening(name, scripted(servers.redirecting(f"rtsp://127.0.0.2:{other.port}/x")))
        return Row(name, f"{row.named}; the other host saw {other.connections} connections", row.noticed_s)


def kill(scene: Scene) -> None:
    scene.camera.kill()


def start(scene: Scene) -> None:
    scene.camera.start()


def freeze_wire(scene: Scene) -> None:
    scene.wire.frozen = True


def thaw_wire(scene: Scene) -> None:
    scene.wire.frozen = False


def freeze_encoder(scene: Scene) -> None:
    scene.wire.rtp_frozen = True


def thaw_encoder(scene: Scene) -> None:
    scene.wire.rtp_frozen = False


def nothing(_scene: Scene) -> None:
    pass


def login_asked() -> Callable[..., None]:
    return scripted(servers.always("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"\r\n'))


FAULTS: dict[str, tuple[str, Callable[[str], Row]]] = {
    "kill": ("server killed, back at once", lambda name: mid_stream(name, kill, start)),
    "reboot": (f"camera away for {AWAY_S:g} s", lambda name: mid_stream(name, kill, start, away_s=AWAY_S)),
    "reset": ("connection reset (TCP RST)", lambda name: mid_stream(name, lambda s: s.wire.reset(), nothing)),
    "cut": ("network cut, nobody says goodbye", lambda name: mid_stream(name, freeze_wire, thaw_wire)),
    "stop": (
        "server frozen (SIGSTOP)",
        lambda name: mid_stream(name, lambda s: s.camera.freeze(), lambda s: s.camera.thaw()),
    ),
    "encoder": ("encoder frozen, server answers", lambda name: mid_stream(name, freeze_encoder, thaw_encoder)),
    "size": (
        "back with another picture size",
        lambda name: mid_stream(name, kill, come_back_as(width_px=640, height_px=480)),
    ),
    "codec": (
        "back with another codec (H.265)",
        lambda name: mid_stream(name, kill, come_back_as(codec="libx265", options={"x265-params": "log-level=none"})),
    ),
    "forward": ("RTP clock +3600 s", lambda name: clock_jump(name, 3600)),
    "backward": ("RTP clock −3600 s", lambda name: clock_jump(name, -3600)),
    "damage": ("30 % of the packets damaged", damage),
    "401": ("wrong password (401)", lambda name: at_opening(name, login_asked())),
    "403": ("not allowed (403)", lambda name: at_opening(name, scripted(servers.always("403 Forbidden")))),
    "404": ("no such stream (404)", lambda name: at_opening(name, scripted(servers.always("404 Not Found")))),
    "453": ("too many viewers (453)", lambda name: at_opening(name, scripted(servers.busy_at_setup))),
    "503": ("error in the camera (503)", lambda name: at_opening(name, scripted(servers.always("503 Unavailable")))),
    "closed": ("port closed", closed_port),
    "down": ("host down (no answer to SYN)", host_down),
    "name": ("name that cannot be looked up", unknown_name),
    "silent": ("accepts, then silence", lambda name: at_opening(name, servers.silent)),
    "drip": ("a byte every half second", lambda name: at_opening(name, scripted(servers.drip))),
    "protocol": ("not RTSP at all", lambda name: at_opening(name, scripted(servers.not_rtsp))),
    "huge": ("announces an answer of 2 GB", lambda name: at_opening(name, scripted(servers.huge_answer))),
    "no-packet": ("perfect handshake, no packet", lambda name: at_opening(name, scripted(servers.no_picture))),
    "redirect": ("redirect to another host", redirect),
}


def measure(key: str) -> Row:
    name, fault = FAULTS[key]
    with contextlib.suppress(AssertionError):
        return fault(name)
    return Row(name, f"NOT WITHIN {LIMIT_S:g} s", LIMIT_S)


def line(row: Row) -> str:
    again = "-" if row.again_s is None else "never away" if row.again_s == 0 else f"{row.again_s:.1f}"
    return f"| {row.fault} | {row.named} | {row.noticed_s:.1f} | {again} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--jobs", type=int, default=4)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    print("| fault | named | noticed after s | frames again after s |")
    print("|---|---|---|---|")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(measure, arguments.faults or list(FAULTS)):
            print(line(row), flush=True)


if __name__ == "__main__":
    main()
