"""What one picture costs each encoder: processor time at batch 1, 5 and 8, and the memory of a process that runs it.

    python benchmarks/encoder.py [--threads 1] [--rounds 15]

The encoders take turns on the same pictures, round by round, so that what else runs on the machine slows all alike. The
medians count, of the process's own milliseconds: with one thread that is how long it takes on a core of its own. CLIP
is a ViT-B/16 in PyTorch's float32 with random weights, which cost the same as trained ones. The floor is what its
17.6 G multiply-adds would take at the speed of this machine's own matrix product. OpenVINO's line appears where it is
installed. Memory is VmRSS in a process of its own; the last line is one that only imports.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.encoders.lite0 import load_lite0, to_input

BATCHES = (1, 5, 8)
VIT_B16_GMAC = 17.6  # a picture of 224 px: 197 tokens through twelve layers of 768
Embed = Callable[[Sequence[Picture]], object]
Build = Callable[[int, Path], Embed]  # from the number of threads and a folder for caches


def builtin(threads: int, cache_dir: Path) -> Embed:
    return BuiltinEncoder(cache_dir=cache_dir, threads=threads).embed_pictures


def picture_network(threads: int, cache_dir: Path) -> Embed:
    """EfficientNet-Lite0 alone, one batch at once."""
    torch.set_num_threads(threads)
    network = load_lite0(cache_dir=cache_dir)
    return torch.inference_mode()(lambda pictures: network(to_input(pictures)))


def clip_random(threads: int, _cache_dir: Path) -> Embed:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.set_num_threads(threads)
    network = CLIPVisionModelWithProjection(CLIPVisionConfig(patch_size=16)).eval()
    return torch.inference_mode()(lambda pictures: network(pixel_values=to_input(pictures)).image_embeds)


def picture_network_openvino(threads: int, cache_dir: Path) -> Embed:
    import openvino

    network = load_lite0(cache_dir=cache_dir)
    model = openvino.convert_model(network, example_input=torch.zeros(1, 3, 224, 224))
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1})
    return lambda pictures: compiled(np.ascontiguousarray(to_input(pictures).numpy()))[0]


def floor(threads: int, _cache_dir: Path) -> Embed:
    """As many multiply-adds as ViT-B/16 needs for the pictures, as plain matrix products."""
    torch.set_num_threads(threads)
    side = 1024
    a, b = torch.randn(side, side), torch.randn(side, side)
    products = round(VIT_B16_GMAC * 1e9 / side**3)

    def multiply(pictures: Sequence[Picture]) -> None:
        for _ in range(products * len(pictures)):
            torch.mm(a, b)

    return multiply


CONTENDERS: dict[str, Build] = {
    "builtin: picture to embedding": builtin,
    "EfficientNet-Lite0 alone": picture_network,
    "EfficientNet-Lite0, OpenVINO": picture_network_openvino,
    "CLIP ViT-B/16, torch float32": clip_random,
    "its multiply-adds alone": floor,
}


def contenders() -> list[str]:
    there = importlib.util.find_spec("openvino") is not None
    return [name for name in CONTENDERS if there or "OpenVINO" not in name]


def pictures(count: int) -> list[Picture]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(count)]


def rss_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def memory_of(name: str, threads: int) -> float:
    """MiB of a fresh process that runs one encoder on one batch."""
    command = [sys.executable, __file__, "--memory-of", name, "--threads", str(threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def times_ms(threads: int, rounds: int, cache_dir: Path) -> dict[tuple[str, int], float]:
    """Milliseconds of processor time a picture, by encoder and batch: medians over the rounds."""
    embeds = {name: CONTENDERS[name](threads, cache_dir) for name in contenders()}
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
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--memory-of", choices=[*CONTENDERS, "nothing"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        if options.memory_of:
            if options.memory_of != "nothing":
                CONTENDERS[options.memory_of](options.threads, Path(cache))(pictures(8))
            print(rss_mib())
            return
        taken = times_ms(options.threads, options.rounds, Path(cache))
    print(
        f"{options.threads} thread(s), PyTorch {torch.__version__}; "
        f"processor ms a picture, median of {options.rounds} rounds"
    )
    print(f"{'':32}" + "".join(f"batch {batch:<4}" for batch in BATCHES) + "RSS, MiB")
    for name in contenders():
        row = "".join(f"{taken[name, batch]:<10.1f}" for batch in BATCHES)
        print(f"{name:32}{row}{memory_of(name, options.threads):.0f}")
    print(f"{'imports alone':62}{memory_of('nothing', options.threads):.0f}")
    per_frame = 4 * taken["builtin: picture to embedding", 1]
    print(f"a frame at worst (whole, crop, and a new background of each): {per_frame:.1f} ms with builtin")


if __name__ == "__main__":
    main()
