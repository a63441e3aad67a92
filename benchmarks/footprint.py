"""How much memory and processor the whole daemon takes: one camera, the builtin encoder, the builtin describer.

    python benchmarks/footprint.py [--seconds 60] [--cameras 1] [CLIP]

Plays CLIP (default: the demo's street footage) for ever over RTSP and lets `vidsense run` watch it. RSS is the kernel's
(VmRSS, VmHWM), read from /proc every half second; processor time is the kernel's too. One row is the daemon itself, the
others are its cameras' processes.
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
import time
from pathlib import Path

from _processes import camera_processes, cpu_s, status_mib

from vidsense_daemon.cli.footage import played_once, street_footage

_SETTLE_S = 10.0  # the first frames are slower than the others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cameras", type=int, default=1)
    args = parser.parse_args()
    clip = (args.clip or street_footage()).absolute()
    with played_once(clip) as url, tempfile.TemporaryDirectory() as folder:
        always = url.replace("play_count=1", "play_count=0")
        config = Path(folder) / "vidsense.yaml"
        triggers = {"person": {"prompt": "a person walking"}, "car": {"prompt": "a car driving"}}
        cameras = {f"camera_{n}": {"url": always, "triggers": list(triggers)} for n in range(args.cameras)}
        backends = {"encoder": {"backend": "builtin"}, "describer": {"backend": "builtin"}}
        config.write_text(json.dumps({"cameras": cameras, "triggers": triggers, **backends}))
        daemon = subprocess.Popen(
            [sys.executable, "-m", "vidsense_daemon", "run", "--config", str(config)],
            env={**os.environ, "VIDSENSE_STATE_DIR": folder},
            stderr=subprocess.DEVNULL,
        )
        try:
            measure(daemon.pid, seconds=args.seconds)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(20)


def measure(pid: int, *, seconds: float) -> None:
    while not (cameras := camera_processes(pid)):  # cameras start once the encoder is loaded
        time.sleep(0.2)
    time.sleep(_SETTLE_S)
    start_mono_s, start_cpu_s = time.monotonic(), {each: cpu_s(each) for each in (pid, *cameras)}
    rss: dict[int, list[float]] = {each: [] for each in (pid, *cameras)}
    while time.monotonic() - start_mono_s < seconds:
        for each, values in rss.items():
            values.append(status_mib(each, "VmRSS"))
        time.sleep(0.5)
    wall_s = time.monotonic() - start_mono_s
    print(f"{'process':<10} {'RSS MiB, median':>16} {'peak':>8} {'CPU, % of a core':>17}")
    for each, values in rss.items():
        name = "daemon" if each == pid else "camera"
        used = 100 * (cpu_s(each) - start_cpu_s[each]) / wall_s
        print(f"{name:<10} {statistics.median(values):>16.0f} {status_mib(each, 'VmHWM'):>8.0f} {used:>17.1f}")


if __name__ == "__main__":
    main()
