"""From a camera's stream to windows: what a second of it costs, against the way that comes to mind first.

    python benchmarks/pipeline.py [--rounds 3] [--seconds 10] [--only "naive|int8|floor"]

naive    every frame of the 1080p main stream becomes RGB; one a second is prepared with PIL, and each window of five,
         overlapping by half, is embedded anew, in PyTorch's float32
ours     the 640×360 substream through capture's own gate and cuts, one frame a second through the perceiver. Each
         frame is embedded once, but as two pictures, the whole and the crop; "whole alone" is what naive looks at
floor    ours, with nothing but the encoder's multiply-adds in its place, at the speed of this machine's own matrix
         product in eight bits: what no runtime beats here
closed   the same camera while nothing moves: a frame each five seconds (`sampling.calm_fps: 0.2`), or none at all

Milliseconds of one thread's processor time a camera-second, medians over rounds in which all take turns. Clips are made
here: 15 and 5 fps, H.264, somebody walks all the time. CLIP is a ViT-B/16 with random weights, which cost what trained
ones do; eight bits are calibrated on made-up pictures, so only their speed counts here. The database is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import torch
from _networks import PICTURE_PX, Embed, clip_vision, products_int8, quantized
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from cameras import make_clip

from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.sampling import Sampler
from vidsense_daemon.capture.scene import Scene
from vidsense_daemon.capture.source import Source
from vidsense_daemon.capture.timeline import RecordedTimeline
from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.domain.events import Event, EventStill
from vidsense_daemon.domain.frames import Frame, Picture
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.in_openvino import OpenVinoTower, converted
from vidsense_daemon.perception.runtimes.machine import this_machine
from vidsense_daemon.perception.runtimes.tower import Outputs, Pictures, TorchTower, Tower, embed

WINDOW_FRAMES = 5
STRIDES = (2, 3)  # in turns: an overlap of half of five
EMBEDDED_FPS, CALM_FPS, LOOK_FPS = 1.0, 0.2, 5.0
NAIVE = "naive, torch fp32"
STARTED_AT = datetime(2030, 1, 1, tzinfo=UTC)
Way = Callable[[Path], None]  # watches the clips in a folder once


class NoSink:
    """Nobody listens."""

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None: ...
    def extended(self, event: Event) -> None: ...
    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None: ...
    def observed(self, window: Window, encoder: str) -> None: ...


class TowerEncoder:
    """The `Encoder` port over a tower alone; nobody asks it for sentences."""

    name, dimension, picture_px = "random", 512, PICTURE_PX

    def __init__(self, tower: Tower) -> None:
        self._tower = tower

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        return embed(self._tower, pictures)[0] if len(pictures) else np.empty((0, self.dimension), np.float32)

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        return embed(self._tower, pictures)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), self.dimension), self.dimension**-0.5, np.float32)

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ones(len(texts), np.float32)


def naive(tower: Tower) -> Way:
    """As a first draft does it."""

    def watch(folder: Path) -> None:
        taken = [np.zeros((PICTURE_PX, PICTURE_PX, 3), np.uint8)] * (WINDOW_FRAMES - 1)  # of the time before
        strides, due = itertools.cycle(STRIDES), WINDOW_FRAMES
        with av.open(str(folder / "busy-main.mp4")) as container:
            container.streams.video[0].codec_context.thread_count = 1
            fps = float(container.streams.video[0].average_rate or 15)
            for number, frame in enumerate(container.decode(video=0)):
                full = frame.to_ndarray(format="rgb24")
                if number % round(fps / EMBEDDED_FPS) == 0:
                    small = Image.fromarray(full).resize((PICTURE_PX, PICTURE_PX), Image.Resampling.BICUBIC)
                    taken.append(np.asarray(small, np.uint8))
                    if len(taken) == due:
                        embed(tower, taken[-WINDOW_FRAMES:])  # every frame of the window, whether seen before or not
                        due += next(strides)

    return watch


def ours(tower: Tower | None, *, stream: str = "busy-sub.mp4", crops: bool = True, calm_fps: float = CALM_FPS) -> Way:
    """As the daemon does it; without a tower only to the gate."""

    def watch(folder: Path) -> None:
        perceiver = None
        if tower is not None:
            perceiver = Perceiver(
                encoder=TowerEncoder(tower), sink=NoSink(), mailbox=FrameMailbox(), triggers={}, window_frames=5
            )
        for frame in frames_of(folder / stream, calm_fps=calm_fps):
            if perceiver is not None:
                perceiver.process([frame if crops else replace(frame, crop=None, box=None)])

    return watch


class FloorTower:
    """Takes the time of the pictures' multiply-adds, and no more."""

    label, pictures_at_once, runs_network = "floor", 8, False

    def __init__(self, multiply: Embed) -> None:
        self._multiply = multiply

    def __call__(self, pictures: Pictures) -> Outputs:
        self._multiply(list(pictures))
        return np.ones((len(pictures), TowerEncoder.dimension), np.float32), None


def frames_of(clip: Path, *, calm_fps: float) -> Iterator[Frame]:
    """What the capture process would send."""
    options = StreamOptions(url=str(clip), pace="asap")
    scaler = Scaler(picture_px=PICTURE_PX)
    sampler = Sampler(calm_fps=calm_fps, busy_fps=LOOK_FPS, max_frames_per_s=EMBEDDED_FPS)
    scene = Scene(options, scaler=scaler, sampler=sampler, new_run_id=lambda: "run")
    source = Source(str(clip))
    timeline = RecordedTimeline(started_at=STARTED_AT, frame_s=1 / (source.facts.fps or 25.0))
    scene.start_run()
    sampler.start_run()
    with contextlib.closing(source):
        for packet in source.packets():
            for decoded in source.decode(packet):
                moment = timeline.place(decoded.pts_s)
                if sampler.looks(moment.pts_s):
                    picture = scaler.working_picture(decoded.video, quarter_turns=decoded.quarter_turns)
                    if frame := scene.look(picture, moment, lambda _begins: None):
                        yield frame


def ways(cache: Path) -> dict[str, Way]:
    model = clip_vision(cache)
    exact = TorchTower(model)
    found = {NAIVE: naive(exact), "ours, torch fp32": ours(exact)}
    if in_openvino.is_installed():
        with contextlib.redirect_stdout(io.StringIO()):  # NNCF draws bars
            graphs = {"fp32": converted(model, folder=cache), "int8": quantized(model, cache)}
            multiply = products_int8(1)
        if this_machine().has_bf16:
            graphs["bf16"] = graphs["fp32"]
        for precision, graph in graphs.items():
            tower = OpenVinoTower(graph, precision=precision, threads=1)
            found[f"ours, openvino {precision}"] = ours(tower)
            found[f"ours, openvino {precision}, whole alone"] = ours(tower, crops=False)
            if precision == "int8":
                found["closed, openvino int8"] = ours(tower, stream="static-sub.mp4")
        least = FloorTower(multiply)
        found |= {"the floor": ours(least), "the floor, whole alone": ours(least, crops=False)}
    return {**found, "ours, to the gate": ours(None), "closed, to the gate": ours(None, stream="static-sub.mp4")}


def make_streams(folder: Path, seconds: int) -> None:
    for kind, walks in (("busy", [(k * 4.0, k * 4.0 + 3.9) for k in range(seconds // 4)]), ("static", [])):
        for name, size_px, fps in (("main", (1920, 1080), 15), ("sub", (640, 360), 5)):
            if (kind, name) != ("static", "main"):
                make_clip(
                    folder / f"{kind}-{name}.mp4",
                    seconds=seconds,
                    width_px=size_px[0],
                    height_px=size_px[1],
                    fps=fps,
                    walks=walks,
                    keyframe_every_s=2.0,
                    codec="libx264",
                    options={"preset": "veryfast", "crf": "26"},
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--only", default="", help="a regular expression: the ways to take turns, beside naive")
    parser.add_argument("--cache", type=Path, help="where converted networks are kept (default: nowhere)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        make_streams(Path(folder), options.seconds)
        found = ways(options.cache or Path(folder))
        each = {name: way for name, way in found.items() if name == NAIVE or re.search(options.only, name)}
        spent: dict[str, list[float]] = {name: [] for name in each}
        for turn in range(options.rounds + 1):
            for name, watch in each.items():
                started = time.process_time()
                watch(Path(folder))
                if turn:  # the first round warms up
                    spent[name].append((time.process_time() - started) / options.seconds * 1e3)
    print(f"{this_machine().name}, one thread; processor ms a camera-second, median of {options.rounds} rounds")
    least = statistics.median(spent[NAIVE])
    for name, times in spent.items():
        print(f"{name:36}{statistics.median(times):9.1f}{least / statistics.median(times):8.1f} × cheaper than naive")


if __name__ == "__main__":
    main()
