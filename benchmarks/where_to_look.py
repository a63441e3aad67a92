"""The crop around what moves, or the whole picture? What each adds, on small and on large subjects.

    python benchmarks/where_to_look.py [FOLDER] [--most 60]     FOLDER as for triggers.py; default ../shared/data

For every labelled subject that moves: how surely the background-referenced score of its prompt tells the moment from
a calm one, by the crop alone, by the whole picture alone, and by the sum of both. AUC, so 50 is a coin. Subjects are
sorted by the share of the picture that their box takes. A calm moment is the same box, and the same whole picture, when
nothing moves there. On cameras where somebody is always there a calm whole picture holds another subject.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _footage import Footage, KeptEmbeddings, Sighting, cameras, footage_of, sightings
from numpy.typing import NDArray
from triggers import auc

from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.scoring import TriggerTexts
from vidsense_daemon.perception.triggers import TriggerRule

SIZES = (("small, below 1 %", 0.0, 0.01), ("middle, 1 to 5 %", 0.01, 0.05), ("large, above 5 %", 0.05, 1.01))
LEAST = 12  # of a size: fewer say nothing
Scores = NDArray[np.float32]  # (N, 3): crop, whole, both


def scores(encoder: Encoder, seen: Sequence[Sighting], texts: TriggerTexts) -> tuple[Scores, Scores]:
    """Of the moving and of the calm moments."""

    def of(pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> NDArray[np.float32]:
        change = encoder.embed_pictures([picture for picture, _ in pairs])
        change = change - encoder.embed_pictures([background for _, background in pairs])  # (N, D)
        return np.asarray((change @ texts.own.T).max(axis=1) - (change @ texts.nothing.T).mean(axis=1), np.float32)

    def both(crop: NDArray[np.float32], whole: NDArray[np.float32]) -> Scores:
        return np.stack([crop, whole, crop + whole], axis=1)

    moving = both(of([one.crop for one in seen]), of([one.whole for one in seen]))
    calm = both(of([one.calm_crop for one in seen]), of([one.calm_whole for one in seen]))
    return moving, calm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--most", type=int, default=60, help="sightings of a camera and trigger")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as cache:
        encoder = KeptEmbeddings(BuiltinEncoder(cache_dir=Path(cache), threads=1))
    print("| camera | subject | size | sightings | crop | whole | both |\n|---|---|---|---|---|---|---|")
    total: defaultdict[str, list[tuple[Scores, Scores]]] = defaultdict(list)
    for camera in cameras(options.folder):
        for size, row, part in rows_of(footage_of(camera), encoder, options.most):
            print(row, flush=True)
            total[size].append(part)
    for size, _, _ in SIZES:
        if total[size]:
            values = [np.mean([auc(moving[:, way], calm[:, way]) for moving, calm in total[size]]) for way in range(3)]
            print(
                f"| **mean** | | {size} | {len(total[size])} sets | "
                + " | ".join(f"{100 * v:.0f}" for v in values)
                + " |"
            )


def rows_of(footage: Footage, encoder: Encoder, most: int) -> list[tuple[str, str, tuple[Scores, Scores]]]:
    rows, book, scaler = [], PromptBook(encoder), Scaler(picture_px=encoder.picture_px)
    for trigger, (prompt, contrast) in footage.camera.prompts.items():
        if trigger not in footage.camera.present_s or not footage.truth(trigger):
            continue
        found = sightings(footage, trigger, scaler)
        found = random.Random(0).sample(found, min(most, len(found)))
        texts = book.texts_of(TriggerRule(trigger, prompt, contrast=contrast))
        for size, above, below in SIZES:
            seen = [one for one in found if above <= one.area_ratio < below]
            if len(seen) < LEAST:
                continue
            moving, calm = scores(encoder, seen, texts)
            values = " | ".join(f"{100 * auc(moving[:, way], calm[:, way]):.0f}" for way in range(3))
            rows.append(
                (size, f"| {footage.camera.name} | {trigger} | {size} | {len(seen)} | {values} |", (moving, calm))
            )
    return rows


if __name__ == "__main__":
    main()
