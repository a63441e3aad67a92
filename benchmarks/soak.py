"""Does it stay as it is for hours? N cameras, faults all the time: memory, descriptors, threads, and every event told.

    python benchmarks/soak.py [--hours 0.75] [--cameras 8] [--warm-up-s 300] [--seed 1]

`vidsense run` watches cameras of a real RTSP server each, which play the demo's street footage for ever. A fault comes
every few seconds, drawn by the seed: a camera is cut off, freezes, comes back; the hook's receiver is away; the whole
daemon is told to reload. A row is printed every half minute. At the end: how much the daemon's RSS has grown since the
warm-up (a line fitted through all readings), and whether every event that the database holds was told to the hook and
every event that the hook was told of is in the database. Ends with status 1 when RSS grew by more than 2 % or an event
was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from _processes import camera_processes, status_mib

from vidsense_daemon.cli.footage import street_footage

_FAULT_EVERY_S = (4.0, 12.0)
_FAULT_LASTS_S = (3.0, 25.0)  # longer than stall_limit_s, now and then
_ROW_EVERY_S = 30.0
_READ_EVERY_S = 2.0
_GROWTH_ALLOWED = 0.02
_TOLD_WITHIN_S = 90.0  # what is owed at the end may wait for its next try

_SERVER = """
import asyncio, sys
from aio_rtsp_toolkit.server import RtspServer
asyncio.run(RtspServer(sys.argv[1], "127.0.0.1", int(sys.argv[2])).serve_forever())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Camera:
    """A server of its own, so that it can be cut off alone."""

    name: str
    clip: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/{self.clip.name}?play_count=0"

    def start(self) -> None:
        command = [sys.executable, "-c", _SERVER, str(self.clip.parent), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def cut_off(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGSTOP)

    def recover(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)
        else:
            self.start()


class Receiver:
    """The hook's other side: remembers whom it was told of, and can be away."""

    def __init__(self) -> None:
        self.told: set[str] = set()
        self.away = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if not receiver.away:
                    receiver.told.add(json.loads(body)["id"])
                self.send_response(503 if receiver.away else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/soak"


class Faults:
    """One fault after the other; each ends after a while."""

    def __init__(self, cameras: list[Camera], receiver: Receiver, daemon: subprocess.Popen[bytes], seed: int) -> None:
        self._cameras, self._receiver, self._daemon = cameras, receiver, daemon
        self._random = random.Random(seed)
        self._over: list[tuple[float, Camera | None]] = []
        self._next_mono_s = time.monotonic()
        self.counts: dict[str, int] = {}

    def go_on(self) -> None:
        now_mono_s = time.monotonic()
        for over in [each for each in self._over if each[0] <= now_mono_s]:
            self._over.remove(over)
            self._end(over[1])
        if now_mono_s >= self._next_mono_s:
            self._next_mono_s = now_mono_s + self._random.uniform(*_FAULT_EVERY_S)
            self._over.append((now_mono_s + self._random.uniform(*_FAULT_LASTS_S), self._begin()))

    def end_all(self) -> None:
        for _, camera in self._over:
            self._end(camera)
        self._over.clear()

    def _begin(self) -> Camera | None:
        kind = self._random.choices(["cut_off", "freeze", "hook_away", "reload"], weights=[4, 3, 2, 1])[0]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        camera = self._random.choice(self._cameras)
        if kind == "reload":
            self._daemon.send_signal(signal.SIGHUP)
        elif kind == "hook_away":
            self._receiver.away = True
        else:
            getattr(camera, kind)()
            return camera
        return None

    def _end(self, camera: Camera | None) -> None:
        if camera:
            camera.recover()
        else:
            self._receiver.away = False


def events_in(database: Path) -> set[str]:
    if not database.exists():
        return set()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM events")}


def growth_ratio(readings: list[tuple[float, float]]) -> float:
    """By how much a line through the readings rises from its first to its last, of its first."""
    seconds, mib = zip(*readings, strict=True)
    slope, intercept = statistics.linear_regression(seconds, mib)
    first = intercept + slope * seconds[0]
    return slope * (seconds[-1] - seconds[0]) / first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=0.75)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--warm-up-s", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    receiver = Receiver()
    cameras = [Camera(f"camera_{number}", street_footage().absolute()) for number in range(args.cameras)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        daemon = start(folder, cameras, receiver)
        try:
            return soak(daemon, folder, cameras, receiver, args)
        finally:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()
            for camera in cameras:
                camera.cut_off()


def start(folder: Path, cameras: list[Camera], receiver: Receiver) -> subprocess.Popen[bytes]:
    for camera in cameras:
        camera.start()
    triggers = {
        "person": {"prompt": "a person riding a bicycle", "contrast": ["an empty street"], "cooldown_s": 5},
        "car": {"prompt": "a car driving", "contrast": ["an empty street"], "cooldown_s": 5},
    }
    settings = {
        "cameras": {camera.name: {"url": camera.url, "triggers": list(triggers)} for camera in cameras},
        "triggers": triggers,
        "stall_limit_s": 5,
        "encoder": {"backend": "builtin"},
        "describer": {"backend": "builtin"},
        "hooks": [{"kind": "webhook", "url": receiver.url}],
        "review": {"enabled": False},
    }
    (folder / "vidsense.yaml").write_text(json.dumps(settings))
    return subprocess.Popen(
        [sys.executable, "-m", "vidsense_daemon", "run", "--config", str(folder / "vidsense.yaml")],
        env={**os.environ, "VIDSENSE_STATE_DIR": str(folder / "state")},
        stderr=(folder / "log").open("wb"),
    )


def soak(
    daemon: subprocess.Popen[bytes],
    folder: Path,
    cameras: list[Camera],
    receiver: Receiver,
    args: argparse.Namespace,
) -> int:
    database = folder / "state" / "vidsense.db"
    while not camera_processes(daemon.pid):  # cameras start once the encoder is loaded
        if daemon.poll() is not None:
            print((folder / "log").read_text())
            return 1
        time.sleep(0.2)
    faults = Faults(cameras, receiver, daemon, args.seed)
    start_mono_s = row_mono_s = time.monotonic()
    readings: list[tuple[float, float]] = []
    print(f"{'s':>6} {'RSS MiB':>8} {'cameras MiB':>12} {'fds':>5} {'threads':>8} {'events':>7} {'told':>6}")
    while (elapsed_s := time.monotonic() - start_mono_s) < args.hours * 3600:
        faults.go_on()
        if daemon.poll() is not None:
            print(f"the daemon ended with status {daemon.returncode}\n{(folder / 'log').read_text()[-3000:]}")
            return 1
        if elapsed_s >= args.warm_up_s:
            readings.append((elapsed_s, status_mib(daemon.pid, "VmRSS")))
        if time.monotonic() >= row_mono_s:
            row_mono_s += _ROW_EVERY_S
            print_row(daemon.pid, elapsed_s, len(events_in(database)), len(receiver.told))
        time.sleep(_READ_EVERY_S)
    faults.end_all()
    return verdict(daemon, database, receiver, readings, faults)


def print_row(pid: int, elapsed_s: float, events: int, told: int) -> None:
    children_mib = 0.0
    for child in camera_processes(pid):
        try:
            children_mib += status_mib(child, "VmRSS")
        except (OSError, KeyError):  # it has just ended
            continue
    fds, threads = (len(list(Path(f"/proc/{pid}/{each}").iterdir())) for each in ("fd", "task"))
    rss_mib = status_mib(pid, "VmRSS")
    print(
        f"{elapsed_s:>6.0f} {rss_mib:>8.1f} {children_mib:>12.0f} {fds:>5} {threads:>8} {events:>7} {told:>6}",
        flush=True,
    )


def verdict(
    daemon: subprocess.Popen[bytes],
    database: Path,
    receiver: Receiver,
    readings: list[tuple[float, float]],
    faults: Faults,
) -> int:
    """What was lost and what has grown; the daemon is stopped when all is told, or when the time for it is over."""
    end_mono_s = time.monotonic() + _TOLD_WITHIN_S
    while events_in(database) - receiver.told and time.monotonic() < end_mono_s:
        time.sleep(1)
    stored = events_in(database)
    untold, unknown = stored - receiver.told, receiver.told - stored
    daemon.send_signal(signal.SIGTERM)
    status = daemon.wait(30)
    grown = growth_ratio(readings) if len(readings) > 1 else float("nan")
    print(f"faults: {', '.join(f'{count} × {kind}' for kind, count in sorted(faults.counts.items()))}")
    print(f"events: {len(stored)} stored, {len(untold)} never told, {len(unknown)} told and not stored")
    print(f"RSS since the warm-up: {grown:+.1%} over {len(readings)} readings; stopped with status {status}")
    failed = untold or unknown or status or (len(readings) > 1 and grown > _GROWTH_ALLOWED)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
