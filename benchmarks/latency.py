"""How long after somebody has come into the picture a webhook is told, by the whole daemon on a real stream.

    python benchmarks/latency.py [--events 40] [--cameras 1]

A clip in which a cyclist crosses a yard every 10 s is played over RTSP; `vidsense run` watches it with the builtin
encoder and tells a webhook on this machine. Printed are the times until the message's arrival from two moments: the
capture of the first frame that held the trigger's evidence, and that of the frame that completed it (k of n looks) and
so opened the event. Describing comes later and is not in it. Capture times are the daemon's own (`captured_at`), so
the camera's and the network's delay before the first byte is not in it either.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from cameras import RtspCamera
from e2e.street import make_visit

_ROUND_S = 10.0  # the clip's length
_VISIT = (4.0, 7.0)
_START_LIMIT_S = 120.0


class Arrivals(BaseHTTPRequestHandler):
    """Answers 204 and notes when each opening came, with the times that it names."""

    protocol_version = "HTTP/1.1"
    came: list[tuple[float, float]] = []  # noqa: RUF012 - seconds since the first frame of evidence, and since the last
    changed = threading.Condition()

    def do_POST(self) -> None:
        now_ms = time.time() * 1000
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(204)
        self.end_headers()
        with self.changed:
            self.came.append(((now_ms - message["started_at_ms"]) / 1000, (now_ms - message["ended_at_ms"]) / 1000))
            self.changed.notify_all()

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--cameras", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clips").mkdir()
        make_visit(folder / "clips" / "visit.mp4", seconds=_ROUND_S, visit=_VISIT)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Arrivals)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with RtspCamera(folder / "clips") as camera:
            watch(folder, camera.url("visit.mp4"), server.server_address[1], args.events, args.cameras)
        server.shutdown()
        server.server_close()
    for what, times_s in zip(
        ("first frame of evidence", "frame that completed it"), zip(*Arrivals.came, strict=True), strict=True
    ):
        p50, p95 = statistics.median(times_s), statistics.quantiles(times_s, n=20)[-1]
        print(f"{what:>24} to webhook: p50 {p50:.2f} s, p95 {p95:.2f} s, worst {max(times_s):.2f} s")
    print(f"{len(Arrivals.came)} events, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def watch(folder: Path, url: str, port: int, events: int, cameras: int) -> None:
    """Run the daemon until so many openings have come."""
    config = {
        "cameras": {f"yard_{number}": {"url": url, "triggers": ["person"]} for number in range(cameras)},
        "triggers": {"person": {"prompt": "a person", "contrast": ["an empty yard"], "cooldown_s": 1}},
        "encoder": {"backend": "builtin"},
        "describer": {"backend": "builtin"},
        "hooks": [{"kind": "webhook", "url": f"http://127.0.0.1:{port}/", "phases": ["opened"]}],
    }
    (folder / "vidsense.yaml").write_text(json.dumps(config))
    daemon = subprocess.Popen(
        [sys.executable, "-m", "vidsense_daemon", "run", "--config", str(folder / "vidsense.yaml")],
        env={**os.environ, "VIDSENSE_STATE_DIR": str(folder / "state")},
        stderr=subprocess.DEVNULL,
    )
    try:
        with Arrivals.changed:
            limit_s = _START_LIMIT_S + 3 * _ROUND_S * events / cameras
            if not Arrivals.changed.wait_for(lambda: len(Arrivals.came) >= events, limit_s):
                raise SystemExit(f"only {len(Arrivals.came)} of {events} events came within {limit_s:g} s")
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(20)


if __name__ == "__main__":
    main()
