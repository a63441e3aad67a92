"""Where the milliseconds of a busy camera with a substream go.

    python benchmarks/capture_steps.py               motion of which no event was made
    python benchmarks/capture_steps.py --event       an event all the time: large stills
    python benchmarks/capture_steps.py --no-clips    without the ring of packets for clips

The capture child's own loop runs in this process, over a real RTSP server and into a real pipe, twice: as it is, for
the total, and under a profiler, which makes small calls look larger than they are, for the shares. CPU ms a
camera-second; about four minutes, most of it encoding the clips.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from capture import PICTURE_PX, WARM_UP_S, RtspCamera, make_streams

from vidsense_daemon.capture.child import PipeOutlet
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.process import LEAN_ENVIRONMENT
from vidsense_daemon.capture.watching import watch

MEASURED_S = 12.0
QUICK_WARM_UP_S = 5.0
STEPS = {  # by function: none of them calls another one
    "taking the substream in": ("source.py:packets",),
    "ring of packets for clips": ("clips.py:saw",),
    "decoding the substream": ("source.py:decode",),
    "working picture": ("views.py:working_picture",),
    "gate": ("views.py:small_luma", "change.py:compare", "change.py:switched", "change.py:block_changes"),
    "background": ("scene.py:_follow",),
    "cuts": ("views.py:cut",),
    "keyframes of the main stream": ("mainstream.py:picture",),
    "JPEG": ("views.py:jpeg",),
    "packing": ("wire.py:pack_frame",),
    "pipe": ("child.py:send",),
}
DRAIN = "import os\nwhile os.read(0, 1 << 20): pass"  # the parent's side of the pipe


class EnoughError(Exception):
    """Enough was measured."""


class Meter:
    """Stands where the parent's orders would come from: asked at every packet, it starts and ends the measuring."""

    def __init__(self, *, in_event: bool, profiled: bool, warm_up_s: float) -> None:
        self._orders = [{"order": "event_begin", "event_id": "1-e"}] if in_event else []
        self.profile = cProfile.Profile(time.thread_time) if profiled else None
        self._starts_mono_s = time.monotonic() + warm_up_s
        self._began: tuple[float, float, float] | None = None
        self.passed_s = self.process_ms = self.thread_ms = 0.0

    def take_orders(self) -> Sequence[dict[str, Any]]:
        now = (time.monotonic(), time.process_time(), time.thread_time())
        if self._began is None and now[0] > self._starts_mono_s:
            self._began = now
            if self.profile:
                self.profile.enable()
        elif self._began is not None and now[0] - self._began[0] > MEASURED_S:
            if self.profile:
                self.profile.disable()
            self.passed_s, process_s, thread_s = (b - a for a, b in zip(self._began, now, strict=True))
            self.process_ms, self.thread_ms = (s / self.passed_s * 1000 for s in (process_s, thread_s))
            raise EnoughError
        orders, self._orders = self._orders, []
        return orders


def measure(options: StreamOptions, meter: Meter) -> Meter:
    reads_fd, writes_fd = os.pipe()
    with subprocess.Popen([sys.executable, "-c", DRAIN], stdin=reads_fd):
        os.close(reads_fd)
        with contextlib.suppress(EnoughError):
            watch(
                options,
                PipeOutlet(writes_fd),
                meter.take_orders,
                now=lambda: datetime.now(UTC),
                mono_s=time.monotonic,
                sleep=time.sleep,
            )
        os.close(writes_fd)
    return meter


def print_steps(whole: Meter, profiled: Meter) -> None:
    assert profiled.profile is not None
    spent_ms = dict.fromkeys(STEPS, 0.0)
    rows: dict[Any, Any] = pstats.Stats(profiled.profile).stats  # type: ignore[attr-defined]
    for (file, _line, name), (_calls, _primitive, _own_s, with_callees_s, _callers) in rows.items():
        for step, functions in STEPS.items():
            if f"{Path(file).name}:{name}" in functions:
                spent_ms[step] += with_callees_s / profiled.passed_s * 1000
    spent_ms["the loop around all that"] = profiled.thread_ms - sum(spent_ms.values())
    spent_ms["the main stream's thread"] = profiled.process_ms - profiled.thread_ms
    print("\n| step | ms |\n|---|---|")
    for step, ms in spent_ms.items():
        print(f"| {step} | {ms:.1f} |")
    print(f"| together, with the profiler's own share | {profiled.process_ms:.1f} |")
    print(f"| together, without it | {whole.process_ms:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--event", action="store_true")
    parser.add_argument("--no-clips", action="store_true")
    parser.add_argument("--quick", action="store_true", help="the first seconds of a motion, with their many stills")
    arguments = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in LEAN_ENVIRONMENT.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | LEAN_ENVIRONMENT)  # as the child's is
    with tempfile.TemporaryDirectory() as name:
        make_streams(Path(name), codecs=["h264"], kinds=["busy"])
        with RtspCamera(Path(name)) as camera:
            options = StreamOptions(
                url=camera.url("h264-busy-main.mp4"),
                substream_url=camera.url("h264-busy-sub.mp4"),
                picture_px=PICTURE_PX,
                clips=not arguments.no_clips,
            )
            warm_up_s = QUICK_WARM_UP_S if arguments.quick else WARM_UP_S
            meters = (Meter(in_event=arguments.event, profiled=each, warm_up_s=warm_up_s) for each in (False, True))
            print_steps(*(measure(options, meter) for meter in meters))


if __name__ == "__main__":
    main()
