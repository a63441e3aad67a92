"""What watching a camera costs, against decoding everything, and what the gate sees.

    python benchmarks/capture.py                     cost, memory, and the gate on made clips (about 15 minutes)
    python benchmarks/capture.py --labels FILE       the gate on real, labelled clips too (a YAML file beside them)

Cost: the capture child watches a real RTSP server in real time; its CPU time is read from the kernel. Against it, over
the same streams and at the same time: a loop that turns every frame into RGB ("naive"); ffmpeg -f null where installed.
Streams are 1080p at 15 fps and 640×360 at 5 fps, a keyframe every 2 s; `static` is noise only, in `busy` someone walks
all the time: `in an event` the daemon has made one of it, else it has not, and large stills are left out. CPU ms a
camera-second, medians over the rounds. The gate: windows of 1 s, sampled at 5 fps.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from _processes import cpu_s, status_mib

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from cameras import RtspCamera, make_clip, with_walker, yard

from vidsense_daemon.capture.change import GATE_HEIGHT_PX, GATE_WIDTH_PX, ChangeGate
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.process import CaptureProcess
from vidsense_daemon.capture.scenechange import SceneWatch
from vidsense_daemon.capture.source import Source
from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.capture.wire import unpack_frame

CODECS = {"h264": "libx264", "h265": "libx265"}
CLIP_S = 40
WARM_UP_S = 27.0  # background, keyframes, what moves for long; the clip must not begin again while it is measured
KINDS = {"static": [], "busy": [(k * 4.0, k * 4.0 + 3.9) for k in range(CLIP_S // 4)]}  # when someone walks, in s
LOOK_FPS = 5.0
PICTURE_PX = 224

NAIVE = """
import av, sys, time
container = av.open(sys.argv[1], options={"rtsp_transport": "tcp"}, timeout=(10, 5))
container.streams.video[0].codec_context.thread_count = 1
opened, started = time.monotonic(), None
for frame in container.decode(video=0):
    frame.to_ndarray(format="rgb24")
    if time.monotonic() - opened < float(sys.argv[2]):
        continue  # what opening has gathered is three seconds of video, decoded in one
    started = started or (time.monotonic(), time.process_time())
    if time.monotonic() - started[0] >= float(sys.argv[3]):
        break
print((time.process_time() - started[1]) / (time.monotonic() - started[0]) * 1000)
"""


@dataclass
class Cost:
    """Figures of one way to watch, over the rounds."""

    cpu_ms: list[float] = field(default_factory=list)  # a camera-second
    parent_ms: list[float] = field(default_factory=list)
    rss_mib: float = 0.0

    @property
    def median_ms(self) -> float:
        return statistics.median(self.cpu_ms)


def make_streams(folder: Path, *, codecs: Sequence[str] = tuple(CODECS), kinds: Sequence[str] = tuple(KINDS)) -> None:
    """The streams of the benchmark; slow, because they are encoded as a camera would."""
    for codec, encoder in ((codec, CODECS[codec]) for codec in codecs):
        for kind, walks in ((kind, KINDS[kind]) for kind in kinds):
            for name, size_px, fps in (("main", (1920, 1080), 15), ("sub", (640, 360), 5)):
                print(f"making {codec}-{kind}-{name}", file=sys.stderr)
                options = {"preset": "veryfast", "crf": "26"}
                if encoder == "libx265":
                    options |= {"preset": "ultrafast", "x265-params": "log-level=none:pools=2"}
                make_clip(
                    folder / f"{codec}-{kind}-{name}.mp4",
                    seconds=CLIP_S,
                    width_px=size_px[0],
                    height_px=size_px[1],
                    fps=fps,
                    walks=walks,
                    keyframe_every_s=2.0,
                    codec=encoder,
                    options=options,
                )


def watch(options: StreamOptions, seconds: float, cost: Cost, *, in_event: bool = False) -> None:
    """Watch for some seconds after the start has settled, and note what it took."""
    scenes, started = SceneWatch(), time.monotonic()
    with CaptureProcess(options) as child:
        if in_event:
            child.order("event_begin", event_id="1-e")
        began: tuple[float, float, float] | None = None
        while began is None or time.monotonic() - began[0] < seconds:
            for message in child.read(0.5):
                if message.kind == "fault":
                    raise SystemExit(str(message.header))
                if message.kind == "frame":
                    scenes.changed(unpack_frame(message, camera="c", picture_px=PICTURE_PX))
            if began is None and time.monotonic() - started > WARM_UP_S:
                began = (time.monotonic(), cpu_s(child.pid), time.thread_time())
        passed_s = time.monotonic() - began[0]
        cost.cpu_ms.append((cpu_s(child.pid) - began[1]) / passed_s * 1000)
        cost.parent_ms.append((time.thread_time() - began[2]) / passed_s * 1000)
        cost.rss_mib = max(cost.rss_mib, status_mib(child.pid, "VmHWM"))


def naive(url: str, seconds: float, cost: Cost) -> None:
    command = [sys.executable, "-c", NAIVE, url, str(WARM_UP_S), str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    cost.cpu_ms.append(float(done.stdout))


def ffmpeg_null(clip: Path, cost: Cost) -> None:
    before = os.times()
    subprocess.run(
        ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(clip), "-an", "-f", "null", "-"],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    after = os.times()
    spent_s = after.children_user + after.children_system - before.children_user - before.children_system
    cost.cpu_ms.append(spent_s / CLIP_S * 1000)


def measure_costs(folder: Path, camera: RtspCamera, *, rounds: int, seconds: float) -> None:
    print(
        "\n| stream | ffmpeg null | naive | main only | × naive | with substream | × naive | in an event | × naive "
        "| parent | peak RSS MiB, each of the three |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for codec in CODECS:
        for kind in KINDS:
            costs = {way: Cost() for way in ("ffmpeg", "naive", "main", "dual", "event")}
            main, sub = (camera.url(f"{codec}-{kind}-{name}.mp4") for name in ("main", "sub"))
            for _ in range(rounds):
                if shutil.which("ffmpeg"):
                    ffmpeg_null(folder / f"{codec}-{kind}-main.mp4", costs["ffmpeg"])
                # clips are on, as they are by default: the ring of packets is part of the cost
                ways: dict[str, Any] = {"picture_px": PICTURE_PX, "clips": True}
                small = StreamOptions(url=main, substream_url=sub, **ways)
                with ThreadPoolExecutor() as beside:  # whatever else runs slows all of them alike
                    done = [
                        beside.submit(naive, main, seconds, costs["naive"]),
                        beside.submit(watch, StreamOptions(url=main, **ways), seconds, costs["main"]),
                        beside.submit(watch, small, seconds, costs["dual"]),
                        beside.submit(watch, small, seconds, costs["event"], in_event=True),
                    ]
                    for each in done:
                        each.result()
            print(cost_row(f"{codec} {kind}", costs), flush=True)


def cost_row(name: str, costs: dict[str, Cost]) -> str:
    naive_ms, main, dual, event = costs["naive"].median_ms, costs["main"], costs["dual"], costs["event"]
    ffmpeg_ms = f"{costs['ffmpeg'].median_ms:.0f}" if costs["ffmpeg"].cpu_ms else "-"
    cells = [
        name,
        ffmpeg_ms,
        f"{naive_ms:.0f}",
        f"{main.median_ms:.1f}",
        f"1/{naive_ms / main.median_ms:.1f}",
        f"{dual.median_ms:.1f} ({1000 / dual.median_ms:.0f} cameras a core)",
        f"1/{naive_ms / dual.median_ms:.1f}",
        f"{event.median_ms:.1f}",
        f"1/{naive_ms / event.median_ms:.1f}",
        f"{statistics.median(main.parent_ms + dual.parent_ms + event.parent_ms):.1f}",
        f"{main.rss_mib:.0f}, {dual.rss_mib:.0f}, {event.rss_mib:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def gate_opens(clip: Path) -> Iterator[tuple[float, bool]]:
    """(stream time, whether the gate calls it motion), at the rate at which capture looks."""
    source, scaler = Source(str(clip)), Scaler(picture_px=PICTURE_PX)
    gate, due_s = ChangeGate(threshold_levels=10, changed_ratio=0.00078), 0.0
    for packet in source.packets():
        for frame in source.decode(packet):
            if frame.pts_s is None or frame.pts_s < due_s - 0.01:
                continue
            due_s = max(due_s + 1 / LOOK_FPS, frame.pts_s)
            luma = scaler.small_luma(scaler.working_picture(frame.video), GATE_WIDTH_PX, GATE_HEIGHT_PX)
            yield frame.pts_s, gate.compare(luma).moving
    source.close()


def windows(clip: Path, moving_s: Sequence[Sequence[float]]) -> tuple[list[bool], list[bool]]:
    """Whether the gate opened, for each second with motion in it and for each without; edges are left out."""
    opened: dict[int, bool] = {}
    for at_s, moving in gate_opens(clip):
        opened[int(at_s)] = opened.get(int(at_s), False) or moving
    there, empty = [], []
    for second, is_open in opened.items():
        if any(start <= second and second + 1 <= end for start, end in moving_s):
            there.append(is_open)
        elif not any(start - 1 < second + 1 and second < end + 1 for start, end in moving_s):
            empty.append(is_open)
    return there, empty


def measure_gate(folder: Path, labels: Path | None) -> None:
    print("\n| gate on | seconds with motion | recall | seconds without | false |")
    print("|---|---|---|---|---|")
    walks = [(3.0, 9.0), (15.0, 21.0)]
    for noise_levels in (1.0, 3.0, 6.0):
        clip = make_clip(
            folder / "gate.mp4", seconds=60, width_px=640, height_px=360, walks=walks, noise_levels=noise_levels
        )
        print(gate_row(f"made, noise {noise_levels:g} levels", *windows(clip, walks)), flush=True)
    small = make_clip(
        folder / "small.mp4",
        seconds=30,
        width_px=1280,
        height_px=720,
        picture_at=small_walker(1280, 720),
        noise_levels=2.0,
    )
    print(gate_row("made, a person 30 of 720 px high", *windows(small, [(5.0, 25.0)])), flush=True)
    if labels is None:
        return
    for name, label in yaml.safe_load(labels.read_text()).items():
        for trigger, row in label.get("triggers", {}).items():
            if isinstance(row["present_s"], list) and row["present_s"]:
                clip = labels.parent / name
                print(gate_row(f"{name}, {trigger}", *windows(clip, row["present_s"])), flush=True)


def small_walker(width_px: int, height_px: int) -> Callable[[float], object]:
    """Someone far away, who crosses the yard from 5 s to 25 s."""
    scene = yard(width_px, height_px)
    patch = with_walker(yard(180, 180), 0.5)[88:122, 84:100]

    def picture_at(at_s: float) -> object:
        if not 5.0 <= at_s <= 25.0:
            return scene
        picture, left = scene.copy(), int((at_s - 5) / 20 * (width_px - 20))
        picture[400:434, left : left + 16] = patch
        return picture

    return picture_at


def gate_row(name: str, there: list[bool], empty: list[bool]) -> str:
    recall = f"{sum(there) / len(there):.2f}" if there else "-"
    false = f"{sum(empty) / len(empty):.1%}" if empty else "-"
    return f"| {name} | {len(there)} | {recall} | {len(empty)} | {false} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="measured in each round, after the start")
    parser.add_argument("--labels", type=Path, help="YAML: clip → triggers → present_s, relative to the file")
    parser.add_argument("--only", choices=("cost", "gate"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.only != "gate":
            make_streams(folder)
            with RtspCamera(folder) as camera:
                measure_costs(folder, camera, rounds=arguments.rounds, seconds=arguments.seconds)
        if arguments.only != "cost":
            measure_gate(folder, arguments.labels)


if __name__ == "__main__":
    main()
