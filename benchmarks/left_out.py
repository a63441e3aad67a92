"""What do lessons from cameras teach about another camera? The builtin encoder's bridge, each camera left out once.

    python benchmarks/left_out.py LABELS.yaml --images FOLDER --captions CSV [--bridge FILE] [--seeds 3]

LABELS.yaml is what `vidsense train bridge --clips` takes: one camera a `group`. For every camera the bridge is trained
on the captioned pictures and on the other cameras, and tried on this one's pairs: by day, by infrared, in the dark
(both simulated, pair by pair). `--bridge` is tried beside it, the shipped one by default; `--cache FOLDER` keeps what
the networks say about pictures and clips. A line has

    AUC   of crops in which something labelled stands out against calm ones: prompt / contrast / background / both, as
          `benchmarks/triggers.py` has them
    max   percent of them above the camera's own highest calm score
    δ     percent that a trigger of default settings would count: above 1.5 and above 99 % of the calm ones + 0.25, and
          ahead of the rivals by 0.25

A label of no class has nothing to be found and is left out of the table; its pairs still teach. Training takes half a
minute of a core a camera and seed, the first run some minutes more to look at the clips. `--quick` is one seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from vidsense_daemon.cli.train import camera_clips
from vidsense_daemon.learning.bridge import train_bridge
from vidsense_daemon.learning.bridge_pairs import CALM, PairMaterial
from vidsense_daemon.learning.camera_pairs import CameraClip
from vidsense_daemon.learning.measures import auc
from vidsense_daemon.learning.pair_features import gather_pairs
from vidsense_daemon.perception.encoders.bridge import Bridge, load_bridge
from vidsense_daemon.perception.encoders.builtin import SHIPPED_BRIDGE
from vidsense_daemon.perception.encoders.lite0 import load_lite0
from vidsense_daemon.perception.encoders.minilm import MiniLM
from vidsense_daemon.perception.encoders.phrasing import ensemble
from vidsense_daemon.perception.vocabulary import class_of

VIEWS = {"day": 0, "infrared": 3, "dark": 4}  # of pair_features.VIEWS
Scores = NDArray[np.float32]


def quiet(_what: str, _done: int, _total: int) -> None:
    pass


@torch.inference_mode()
def line(bridge: Bridge, pairs: PairMaterial, chosen: NDArray[np.intp], view: int) -> list[float]:
    """AUC by part of the score, then max and δ, of the chosen pairs in one view; percent."""
    texts = ensemble(bridge.texts(pairs.texts))  # (K, D)
    texts = texts / torch.sqrt(torch.einsum("nd,de,ne->n", texts, bridge.covariance, texts))[:, None]
    labels = pairs.labels[chosen]
    there = labels != CALM
    about = np.where(there, labels, labels[there][0])  # calm pairs are judged by a label of the camera, too
    z = bridge.pictures(pairs.pictures[chosen, view])
    change = z - bridge.pictures(pairs.backgrounds[chosen, view])

    def presence(seen: torch.Tensor) -> tuple[Scores, Scores, Scores]:
        scores = seen @ texts.T  # (P, K)

        def best(rows: torch.Tensor) -> torch.Tensor:
            return scores.masked_fill(~rows[about], -np.inf).amax(1)

        own, empty = best(pairs.lessons.own), pairs.lessons.nothing[about]
        nothing = (scores * empty).sum(1) / empty.sum(1)
        return own.numpy(), (own - nothing).numpy(), (own - best(pairs.lessons.rivals)).numpy()

    columns = [*presence(z)[:2], *presence(change)[:2]]
    both, ahead = columns[3], presence(change)[2]
    calm = both[~there]
    threshold = max(1.5, float(np.quantile(calm, 0.99)) + 0.25)
    counted = (both[there] > threshold) & (ahead[there] > 0.25)
    return [100 * auc(each, there) for each in columns] + [
        100 * float((both[there] > calm.max()).mean()),
        100 * float(counted.mean()),
    ]


def shown(name: str, figures: Sequence[Sequence[float]]) -> str:
    mean, spread = np.mean(figures, axis=0), np.ptp(figures, axis=0)
    ranges = [f" (±{wide / 2:.0f})" if wide >= 2 else "" for wide in spread]
    parts = [f"{value:.0f}{wide}" for value, wide in zip(mean, ranges, strict=True)]
    return f"| {name} | {' / '.join(parts[:4])} | {parts[4]} | {parts[5]} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--captions", type=Path)
    parser.add_argument("--bridge", type=Path, default=SHIPPED_BRIDGE)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if not (options.labels and options.images and options.captions):
        print("left out: it takes labelled clips, pictures and captions")
        return
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        tried(options, Path(folder), options.cache or Path(folder))


def tried(options: argparse.Namespace, folder: Path, cache: Path) -> None:
    clips = camera_clips(options.labels)
    pairs = gather_pairs(
        clips, network=load_lite0(cache_dir=cache), language=MiniLM(), cache_dir=cache, on_progress=quiet
    )
    print("| camera, view, bridge | AUC | max | δ |\n|---|---|---|---|")
    for number, camera in enumerate(sorted({clip.camera for clip in clips})):
        chosen = np.flatnonzero(pairs.cameras == number)
        if not any(class_of(shown.prompt) for clip in clips if clip.camera == camera for shown in clip.shown):
            continue
        others = [clip for clip in clips if clip.camera != camera]
        trained = [train(options, others, folder, cache, seed) for seed in range(1 if options.quick else options.seeds)]
        for view, column in VIEWS.items():
            given = line(load_bridge(options.bridge), pairs, chosen, column)
            print(shown(f"{camera}, {view}, {options.bridge.name}", [given]))
            print(shown(f"{camera}, {view}, left out", [line(b, pairs, chosen, column) for b in trained]), flush=True)


def train(options: argparse.Namespace, clips: Sequence[CameraClip], folder: Path, cache: Path, seed: int) -> Bridge:
    out = folder / "bridge.safetensors"
    train_bridge(
        images_dir=options.images,
        captions_csv=options.captions,
        out=out,
        cache_dir=cache,
        on_progress=quiet,
        clips=clips,
        seed=seed,
    )
    return load_bridge(out)


if __name__ == "__main__":
    main()
