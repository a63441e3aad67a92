"""What else might make CLIP's eight bits cheaper, and what it gives: options of OpenVINO and NNCF, and embedding less.

    python benchmarks/shortcuts.py [--rounds 5] [--footage FOLDER]

options   each against the daemon's own way (batch 8, one thread, latency hint, smooth quantization), taking turns. CLIP
          is a ViT-B/16 with random weights, calibrated on made-up pictures: its speed counts, its accuracy does not
footage   whole pictures of recordings, one a second: how alike an embedding is to the last one when the picture has
          changed so little that it might be used again. The gate that every runtime must pass asks for 0.99 in the
          mean and 0.98 at worst. Builtin encoder, true weights; every video below the folder
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _networks import PICTURE_PX, clip_vision, products_int8, quantized

from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.learning.clips import looks
from vidsense_daemon.perception.embedding import blocks_of
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.runtimes import in_openvino
from vidsense_daemon.perception.runtimes.gate import made_up_pictures
from vidsense_daemon.perception.runtimes.in_openvino import converted

BATCH = 8
OURS = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_PRECISION_HINT": "f32",
    "INFERENCE_NUM_THREADS": "1",
    "NUM_STREAMS": "1",
}
FPS = 1.0
Run = Callable[[], object]
LIMITS: Mapping[str, tuple[float, float]] = {  # grey levels of a block, share of blocks that may exceed them
    "no block by more than 4 levels": (4.0, 0.0),
    "no block by more than 8 levels": (8.0, 0.0),
    "3 % of the blocks by more than 4": (4.0, 0.03),
    "10 % of the blocks by more than 4": (4.0, 0.10),
}


def option_runs(cache: Path) -> dict[str, tuple[Run, int]]:
    """What takes turns, and how many pictures each embeds."""
    model = clip_vision(cache)
    openvino = in_openvino.library()
    import nncf

    graph = quantized(model, cache)
    random = np.random.default_rng(0)

    def run(graph: Any, batch: int = BATCH, **options: str) -> tuple[Run, int]:
        compiled = openvino.compile_model(graph, "CPU", {**OURS, **options})
        shown = random.integers(0, 256, (batch, PICTURE_PX, PICTURE_PX, 3), dtype=np.uint8)
        return lambda: compiled([shown]), batch

    def calibrated(alpha: float | None, **more: Any) -> Any:
        shown = [np.stack([picture]) for picture in made_up_pictures(PICTURE_PX, count=16)]
        if alpha is not None:
            smooth = nncf.AdvancedSmoothQuantParameters(matmul=alpha)
            more["advanced_parameters"] = nncf.AdvancedQuantizationParameters(smooth_quant_alphas=smooth)
        return nncf.quantize(converted(model, folder=cache), nncf.Dataset(shown), subset_size=len(shown), **more)

    fixed = quantized(model, cache)
    fixed.reshape([BATCH, PICTURE_PX, PICTURE_PX, 3])
    transformer = {"model_type": nncf.ModelType.TRANSFORMER}
    multiply = products_int8(1)
    return {
        "ours": run(graph),
        **{f"batch {batch}": run(graph, batch) for batch in (1, 4, 16)},
        "a fixed batch": run(fixed),
        "throughput hint": run(graph, PERFORMANCE_HINT="THROUGHPUT"),
        "without pinning": run(graph, ENABLE_CPU_PINNING="NO"),
        "denormals as zero": run(graph, CPU_DENORMALS_OPTIMIZATION="YES"),
        "bfloat16 beside int8": run(graph, INFERENCE_PRECISION_HINT="bf16"),
        "attention in int8, too": run(calibrated(None)),
        "without smooth quantization": run(calibrated(-1, **transformer)),
        "symmetric activations": run(calibrated(None, preset=nncf.QuantizationPreset.PERFORMANCE, **transformer)),
        "the floor": (lambda: multiply(made_up_pictures(PICTURE_PX, count=BATCH)), BATCH),
    }


def report_options(rounds: int, cache: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):  # NNCF draws bars
        runs = option_runs(cache)
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, (run, batch) in runs.items():
            started = time.process_time()
            run()
            if turn:  # the first round warms up
                spent[name].append((time.process_time() - started) / batch * 1e3)
    ours = statistics.median(spent["ours"])
    print(f"CLIP ViT-B/16 in eight bits, processor ms a picture, median of {rounds} rounds")
    for name, times in spent.items():
        print(f"{name:32}{statistics.median(times):8.1f}{statistics.median(times) / ours:8.2f} of ours")


def steps_of(clip: Path, encoder: BuiltinEncoder) -> Iterator[tuple[np.ndarray, float]]:
    """How far each block of a picture is from the one before, and how alike their embeddings are."""
    scaler = Scaler(picture_px=encoder.picture_px)
    pictures: Sequence[Picture] = [picture for _, picture, _ in looks(clip, scaler=scaler, fps=FPS)]
    embedded = encoder.embed_pictures(pictures)
    for number in range(1, len(pictures)):
        change = np.abs(blocks_of(pictures[number]) - blocks_of(pictures[number - 1])).mean(-1)
        yield change, float(embedded[number] @ embedded[number - 1])


def report_reuse(footage: Path, cache: Path) -> None:
    encoder = BuiltinEncoder(cache_dir=cache, threads=1)
    steps = [step for clip in sorted(footage.rglob("*.mp4")) for step in steps_of(clip, encoder)]
    print(f"\nthe whole picture's embedding used again, {len(steps)} steps of a second; changed at most:")
    for name, (levels, share) in LIMITS.items():
        alike = [cosine for change, cosine in steps if (change > levels).mean() <= share]
        says = f"cosine {statistics.fmean(alike):.3f} in the mean, {min(alike):.3f} at worst" if alike else "never"
        print(f"{name:36}{len(alike) / len(steps):6.0%} of the pictures: {says}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--footage", type=Path, help="a folder of recordings")
    parser.add_argument("--cache", type=Path, help="where converted networks are kept (default: nowhere)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        report_options(options.rounds, cache)
        if options.footage:
            report_reuse(options.footage, cache)


if __name__ == "__main__":
    main()
