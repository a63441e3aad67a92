"""How often does a frame need the builtin encoder, and what does a frame cost then, its backgrounds kept?

    python benchmarks/frame_cost.py [FOLDER] [--rounds 15] [--quick]     FOLDER as for triggers.py

A frame is up to four pictures: the whole and the crop, and the same cuts of the camera's background. A background that
looks as it did is embedded once and kept. The labelled cameras are played through capture; the perception's own
embedder asks an encoder that only counts. Then the real network takes turns in PyTorch's float32 and in OpenVINO's
eight bits, one thread, a picture at a time: processor milliseconds a picture, medians. `--quick` plays the shortest
cameras.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from _footage import Footage, cameras, footage_of
from _networks import lite0_vision, quantized
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Frame, Picture
from vidsense_daemon.perception.embedding import FrameEmbedder
from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.in_openvino import OpenVinoTower
from vidsense_daemon.perception.runtimes.tower import TorchTower, Tower

QUICK = ("car park", "room 1", "room 3")


class Counting:
    """An encoder that looks at nothing and counts what it is asked."""

    name, dimension, picture_px = "counting", 4, 224

    def __init__(self) -> None:
        self.pictures = 0

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        self.pictures += len(pictures)
        return np.ones((len(pictures), self.dimension), np.float32)

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], None]:
        return self.embed_pictures(pictures), None

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), self.dimension), np.float32)

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ones(len(texts), np.float32)


def views_of(frame: Frame) -> int:
    """Pictures that the frame brings, its backgrounds included."""
    views = [frame.whole] if frame.crop is None else [frame.whole, frame.crop]
    return sum(1 + (view.background is not None) for view in views)


def row(footage: Footage) -> tuple[str, int, int]:
    """A line of the table; its frames and the pictures that they needed."""
    encoder = Counting()
    embedder = FrameEmbedder(encoder)
    cells, needed = [], {True: 0, False: 0}
    for frame in footage.frames:
        before = encoder.pictures
        embedder.embed([frame])
        needed[frame.moving] += encoder.pictures - before
    for moving in (False, True):
        frames = [frame for frame in footage.frames if frame.moving == moving]
        without = sum(views_of(frame) for frame in frames)
        cells.append(
            f"{len(frames)} | {without / max(1, len(frames)):.2f} | {needed[moving] / max(1, len(frames)):.2f}"
        )
    return f"| {footage.camera.name} | {' | '.join(cells)} |", len(footage.frames), encoder.pictures


def milliseconds(rounds: int, cache: Path) -> dict[str, float]:
    """Of a picture, by what computes it; they take turns."""
    model = lite0_vision(cache)
    towers: dict[str, Tower] = {"PyTorch float32": TorchTower(model)}
    if in_openvino.is_installed():
        towers["OpenVINO int8"] = OpenVinoTower(quantized(model, cache), precision="int8", threads=1)
    picture = np.random.default_rng(0).integers(0, 256, (1, model.picture_px, model.picture_px, 3), np.uint8)
    taken: dict[str, list[float]] = {name: [] for name in towers}
    for _ in range(rounds + 2):
        for name, tower in towers.items():
            began_s = time.process_time()
            tower(picture)
            taken[name].append(1000 * (time.process_time() - began_s))
    return {name: statistics.median(each[2:]) for name, each in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    frames = pictures = 0
    print("| camera | calm frames | pictures brought | embedded | moving frames | pictures brought | embedded |")
    print("|---|---|---|---|---|---|---|")
    for camera in cameras(options.folder):
        if not options.quick or camera.name in QUICK:
            line, of_frames, of_pictures = row(footage_of(camera))
            print(line, flush=True)
            frames, pictures = frames + of_frames, pictures + of_pictures
    with tempfile.TemporaryDirectory() as cache:
        for name, ms in milliseconds(options.rounds, Path(cache)).items():
            each = pictures / max(1, frames)
            print(f"{name}: {ms:.1f} ms a picture; {each:.2f} pictures a frame: {each * ms:.1f} ms a frame")


if __name__ == "__main__":
    main()
