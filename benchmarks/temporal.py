"""What the temporal transformer costs, and whether it foretells a camera's tiles better than ridge-AR and persistence.

    OPENBLAS_NUM_THREADS=1 python benchmarks/temporal.py [--quick] [--data ../shared/data] [--steps 400] [--seeds 1]

Cost is measured on made-up embeddings of 512 dimensions, one thread, the contenders taking turns; processor time of
this process, medians. Without the variable, NumPy's product spins on threads that wait for each other while the machine
is busy, and that counts. The held-out errors need labelled footage beside the checkout (the training clips of UCSD
Ped2, which nobody may pass on, and a car park): they are left out where it is not. Clips are sixteen frames at 5 a
second, the newest 15 % held out, as `vidsense learn` splits a camera's days. --quick trains for a few steps only.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.learning.dataset import dataset_of
from vidsense_daemon.learning.experience import Clip, Pace
from vidsense_daemon.learning.foretelling import Sizes, fit_ridge, squared_error, train_foresight
from vidsense_daemon.learning.recording import CLIP_FRAMES, LEAST_FRAMES
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.foresight import Foresight
from vidsense_daemon.perception.surprise import Persistence, RidgeAR
from vidsense_daemon.perception.temporal import TemporalTransformer, TilePredictor

D = 512
WHOLE_FRAMES = (5, 8, 16, 32, 64)
SAMPLED_FPS = 5.0


def made_up(frames: int, seed: int = 0) -> Clip:
    """A clip of unit embeddings that drift."""
    random = np.random.default_rng(seed)
    tiles = random.standard_normal((1, TILES, D)) + 0.1 * random.standard_normal((frames, TILES, D)).cumsum(axis=0)
    tiles /= np.linalg.norm(tiles, axis=-1, keepdims=True)
    seconds = np.arange(frames) / SAMPLED_FPS
    at_ms = (1000 * seconds).astype(np.int64) + 3_600_000 * seed
    still = np.zeros(frames, np.float32)
    return Clip(
        "made up",
        "none",
        str(seed),
        Pace.BUSY,
        at_ms,
        seconds,
        tiles[:, 0].astype(np.float16),
        tiles.astype(np.float16),
        still,
    )


def medians_ms(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor milliseconds of each, taking turns; the first round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, run in contenders.items():
            started_s = time.process_time()
            run()
            if turn:
                taken[name].append((time.process_time() - started_s) * 1e3)
    return {name: statistics.median(times) for name, times in taken.items()}


def untrained() -> Foresight:
    mean, weights = np.zeros(D, np.float32), np.zeros((3 * D, D), np.float32)
    return Foresight(RidgeAR("none", mean, weights), TilePredictor(dimension=D).eval())


def cost(rounds: int) -> None:
    trunk, model = TemporalTransformer(dimension=D).eval(), untrained()
    clip = made_up(64)
    whole, seconds = torch.from_numpy(clip.whole).float()[None], torch.from_numpy(clip.pts_s).float()[None]
    tiles = clip.tiles.astype(np.float32)

    def window(frames: int) -> object:
        with torch.inference_mode():
            return trunk(whole[:, :frames], seconds[:, :frames], skip_closed_gate=False)

    contenders: dict[str, Callable[[], object]] = {
        f"whole, {frames} frames": (lambda frames=frames: window(frames))
        for frames in WHOLE_FRAMES  # type: ignore[misc]
    }
    contenders["24 tiles x 8 frames, surprise"] = lambda: model.errors(tiles[:8], clip.pts_s[:8])
    for name, taken_ms in medians_ms(contenders, rounds).items():
        print(f"  {name:44}{taken_ms:8.1f} ms")
    print(f"  {'file of a trained model':44}{len(model.to_bytes()) / 1e6:8.1f} MB")
    print(f"  {'file of a ridge-AR':44}{len(model.ridge.to_bytes()) / 1e6:8.1f} MB")


def reuse(rounds: int, encoder: BuiltinEncoder) -> None:
    """A new frame ends one more window of eight: what is computed anew?"""
    model, clip = untrained(), made_up(16)
    tiles, random = clip.tiles.astype(np.float32), np.random.default_rng(0)
    pictures = [random.integers(0, 256, (encoder.picture_px, encoder.picture_px, 3), dtype=np.uint8) for _ in range(8)]

    def a_window_for_each_frame() -> None:
        for end in range(9, 17):
            model.errors(tiles[end - 9 : end], clip.pts_s[end - 9 : end])

    taken = medians_ms(
        {
            "pictures: each frame embedded once": lambda: encoder.embed_scenes(pictures[:1]),
            "pictures: every window embeds its eight": lambda: encoder.embed_scenes(pictures),
            "surprise of 8 frames: one causal pass": lambda: model.errors(tiles, clip.pts_s),
            "surprise of 8 frames: a window for each": a_window_for_each_frame,
        },
        rounds,
    )
    for name, taken_ms in taken.items():
        print(f"  {name:44}{taken_ms:8.1f} ms")
    once, naive, causal, each = taken.values()
    print(
        f"  reuse saves {naive / once:.1f}x of the pictures' cost, one causal pass {each / causal:.1f}x of surprise's"
    )


def training_time(steps: int) -> None:
    """400 steps, from fewer on made-up clips: a step costs the same whatever is shown."""
    clips = [made_up(CLIP_FRAMES, seed) for seed in range(20)]
    ridge = fit_ridge(clips[:18], clips[18:])
    started_s, wall_s = time.process_time(), time.perf_counter()
    train_foresight(ridge, clips[:18], clips[18:], sizes=Sizes(steps=steps))
    taken_s, wall_s = time.process_time() - started_s, time.perf_counter() - wall_s
    print(f"  {steps} steps: {taken_s:.0f} s of a processor ({wall_s:.0f} s by the clock)", end="")
    print(f"; 400 steps: about {400 * taken_s / steps:.0f} s of a processor")


def sampled(file: Path, picture_px: int) -> Iterator[tuple[float, np.ndarray]]:
    """Pictures of a video at the pace of a busy camera, squashed to a square as capture does."""
    next_s = 0.0
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= next_s - 1e-3:
                next_s = frame.time + 1 / SAMPLED_FPS - 0.02
                pixels = frame.to_ndarray(format="rgb24")
                yield frame.time, cv2.resize(pixels, (picture_px, picture_px), interpolation=cv2.INTER_AREA)


def clips_of(files: Sequence[Path], encoder: BuiltinEncoder) -> list[Clip]:
    """The files' frames as clips, each file an hour after the one before."""
    clips = []
    for number, file in enumerate(files):
        seen = list(sampled(file, encoder.picture_px))
        whole, tiles = encoder.embed_scenes([picture for _, picture in seen])
        seconds = np.array([at_s for at_s, _ in seen])
        for first in range(0, len(seen) - LEAST_FRAMES + 1, CLIP_FRAMES):
            part = slice(first, first + CLIP_FRAMES)
            at_ms = (1000 * seconds[part]).astype(np.int64) + 3_600_000 * number
            half = (array[part].astype(np.float16) for array in (whole, tiles))
            still = np.zeros(len(at_ms), np.float32)
            clips.append(Clip(file.stem, encoder.name, file.stem, Pace.BUSY, at_ms, seconds[part], *half, still))
    return clips


def foretold(name: str, clips: Sequence[Clip], steps: int, seeds: int) -> None:
    data = dataset_of(clips)
    parts = f"{len(data.train)} + {len(data.tune)} + {len(data.held_out)} clips"
    ridge = fit_ridge(data.train, data.tune).as_kept()
    still = squared_error(Persistence(), data.held_out)
    linear = squared_error(ridge, data.held_out) / still
    print(f"  {name:12}{parts:24}persistence 1.000   ridge-AR {linear:.3f}", end="", flush=True)
    for seed in range(seeds):
        model, best = train_foresight(ridge, data.train, data.tune, sizes=Sizes(steps=steps), seed=seed)
        error = squared_error(model.as_kept(), data.held_out) / still
        print(f"   transformer {error:.3f} (seed {seed}, step {best})", end="", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds, few steps")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="labelled footage")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    rounds, steps = (3, 20) if options.quick else (15, options.steps)
    torch.set_num_threads(1)
    print(f"one thread, PyTorch {torch.__version__}, D = {D}; processor time, median of {rounds} rounds")
    cost(rounds)
    with tempfile.TemporaryDirectory() as cache:
        encoder = BuiltinEncoder(cache_dir=Path(cache), threads=1)
        reuse(rounds, encoder)
        print("training, two layers, eight heads")
        training_time(min(steps, 40))
        footage = {
            "Ped2": sorted(options.data.glob("ped2/train_*.mp4")),
            "car park": sorted(options.data.glob("clips/car-detection.mp4")),
        }
        print("squared error of what was held out, of persistence's")
        for name, files in footage.items():
            if not files:
                print(f"  {name:12}left out: no footage in {options.data}")
                continue
            try:
                foretold(name, clips_of(files, encoder), steps, options.seeds)
            except PermanentError as error:
                print(f"  {name:12}left out: {error}")


if __name__ == "__main__":
    main()
