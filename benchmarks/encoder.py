"""What one picture costs each encoder: processor time at batch 1, 5 and 8, and the memory of a process that runs it.

    python benchmarks/encoder.py [--threads 1] [--rounds 7] [--quick]

The encoders take turns on the same pictures, round by round, so that what else runs on the machine slows all alike. The
medians count, of the process's own milliseconds: with one thread that is how long it takes on a core of its own. CLIP
is a ViT-B/16 with random weights, which cost the same as trained ones; its eight bits are calibrated on made-up
pictures, so that their speed counts here and their accuracy does not. The floors are what its 17.6 G multiply-adds
would take at the speed of this machine's own matrix product, in float32 with PyTorch and in eight bits with OpenVINO:
what no runtime beats. ViT-B/32 looks at a quarter of the patches.
OpenVINO's lines appear where it is installed (`pip install 'vidsense-daemon[openvino]'`). Memory is VmRSS in a process
of its own; the last line is one that only imports. `--quick` leaves CLIP out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from _networks import Embed, clip_b32_vision, clip_vision, lite0_vision, products_int8, products_torch, quantized
from _processes import status_mib

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.in_openvino import OpenVinoTower, converted
from vidsense_daemon.perception.runtimes.machine import this_machine
from vidsense_daemon.perception.runtimes.tower import TorchTower, Tower, VisionModel

BATCHES = (1, 5, 8)
Make = Callable[[Path], VisionModel]
EXACT, OURS, SMALL = (
    "CLIP ViT-B/16, torch fp32",
    "CLIP ViT-B/16, openvino int8",
    "CLIP ViT-B/32, openvino int8",
)
FLOOR = "its multiply-adds, openvino int8"
CAMERAS, EMBEDDED_FPS, PICTURES_PER_FRAME = 8, 1, 1


def torch_fp32(model: VisionModel, _threads: int, _cache: Path) -> Tower:
    return TorchTower(model)


def torch_bf16(model: VisionModel, _threads: int, _cache: Path) -> Tower:
    return TorchTower(model, dtype=torch.bfloat16)


def openvino_fp32(model: VisionModel, threads: int, cache: Path) -> Tower:
    return OpenVinoTower(converted(model, folder=cache), precision="fp32", threads=threads)


def openvino_bf16(model: VisionModel, threads: int, cache: Path) -> Tower:
    return OpenVinoTower(converted(model, folder=cache), precision="bf16", threads=threads)


def openvino_int8(model: VisionModel, threads: int, cache: Path) -> Tower:
    return OpenVinoTower(quantized(model, cache), precision="int8", threads=threads)


NETWORKS: dict[str, Make] = {"builtin": lite0_vision, "CLIP ViT-B/16": clip_vision, "CLIP ViT-B/32": clip_b32_vision}
RUNTIMES = (torch_fp32, torch_bf16, openvino_fp32, openvino_bf16, openvino_int8)


def contenders(*, quick: bool) -> list[str]:
    """Names as `build` takes them."""
    there = [
        runtime
        for runtime in RUNTIMES
        if ("openvino" not in runtime.__name__ or in_openvino.is_installed())
        and ("bf16" not in runtime.__name__ or this_machine().has_bf16)
    ]
    networks = ["builtin"] if quick else ["builtin", "CLIP ViT-B/16"]
    names = [f"{network}, {runtime.__name__.replace('_', ' ')}" for network in networks for runtime in there]
    floors = ["its multiply-adds, torch fp32"] + [FLOOR] * in_openvino.is_installed()
    small = [SMALL] * in_openvino.is_installed()  # its other precisions would only repeat the ratios
    return names if quick else names + small + floors


def build(name: str, threads: int, cache: Path) -> Embed:
    torch.set_num_threads(threads)
    network, _, runtime = name.partition(", ")
    if network not in NETWORKS:
        return products_int8(threads) if "int8" in runtime else products_torch(threads)
    make = next(each for each in RUNTIMES if each.__name__ == runtime.replace(" ", "_"))
    tower = make(NETWORKS[network](cache), threads, cache)

    def embed(pictures: Sequence[Picture]) -> None:
        step = len(pictures) if "openvino" in runtime else tower.pictures_at_once
        for start in range(0, len(pictures), step):
            tower(np.stack(pictures[start : start + step]))

    return embed


def pictures(count: int) -> list[Picture]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(count)]


def memory_of(name: str, threads: int, cache: Path) -> float:
    """MiB of a fresh process that runs one encoder on one batch; what was converted before is only read."""
    command = [sys.executable, __file__, "--memory-of", name, "--threads", str(threads), "--cache", str(cache)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def times_ms(names: Sequence[str], threads: int, rounds: int, cache: Path) -> dict[tuple[str, int], float]:
    """Milliseconds of processor time a picture, by encoder and batch: medians over the rounds."""
    with contextlib.redirect_stdout(io.StringIO()):  # NNCF draws bars
        embeds = {name: build(name, threads, cache) for name in names}
    taken: dict[tuple[str, int], list[float]] = {(name, batch): [] for name in embeds for batch in BATCHES}
    for turn in range(rounds + 1):
        for (name, batch), times in taken.items():
            shown = pictures(batch)
            started = time.process_time()
            embeds[name](shown)
            if turn:  # the first round warms up
                times.append((time.process_time() - started) / batch * 1e3)
    return {key: statistics.median(times) for key, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cache", type=Path, help="where converted networks are kept (default: nowhere)")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        if options.memory_of:
            if options.memory_of != "nothing":
                build(options.memory_of, options.threads, cache)(pictures(8))
            print(status_mib(os.getpid(), "VmRSS"))
            return
        names = contenders(quick=options.quick)
        taken = times_ms(names, options.threads, options.rounds, cache)
        report(names, taken, options.threads, options.rounds, cache)


def report(names: Sequence[str], taken: dict[tuple[str, int], float], threads: int, rounds: int, cache: Path) -> None:
    print(f"{this_machine().name}, {threads} thread(s), PyTorch {torch.__version__}, OpenVINO {in_openvino.version()}")
    print(f"processor ms a picture, median of {rounds} rounds")
    print(f"{'':34}" + "".join(f"batch {batch:<4}" for batch in BATCHES) + "RSS, MiB")
    for name in names:
        row = "".join(f"{taken[name, batch]:<10.1f}" for batch in BATCHES)
        memory = "" if "multiply" in name else f"{memory_of(name, threads, cache):.0f}"
        print(f"{name:34}{row}{memory}")
    print(f"{'imports alone':64}{memory_of('nothing', threads, cache):.0f}")
    if OURS in names:
        report_limits(taken)


def report_limits(taken: dict[tuple[str, int], float]) -> None:
    """How near eight bits come to what this machine's own matrix product allows; that is the most a target may ask."""
    exact, ours, floor = (taken[name, 8] for name in (EXACT, OURS, FLOOR))
    print(f"\nint8 against torch fp32: {exact / ours:.1f} times as fast")
    print(
        f"best possible on this machine: {exact / floor:.1f} times, were there nothing but its products in eight bits"
    )
    print(f"int8 against its floor: {ours / floor:.2f} times as slow")
    load, least, small = (
        CAMERAS * EMBEDDED_FPS * PICTURES_PER_FRAME * ms / 1000 for ms in (ours, floor, taken[SMALL, 8])
    )
    print(
        f"{CAMERAS} cameras, one picture a second each, int8: {load:.2f} of a core; the floor: {least:.2f}; "
        f"with ViT-B/32: {small:.2f}"
    )


if __name__ == "__main__":
    main()
