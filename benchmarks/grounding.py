"""Can the camera's own embeddings tell a model's true claims from its false ones?

    python benchmarks/grounding.py [FOLDER]        FOLDER holds clips/, ped2/ and labels.yaml; default ../shared/data

Labelled footage is cut into stretches of eight moving frames, each taken for an event; sentences about what is there
are true claims, sentences about what is not are false ones. `score` is the triggers' own measure (over the empty
ground), `support` the product's (how far a claim stands out among sentences about anything). AUC is the chance that a
true claim gets more than a false one; the threshold was chosen on the cameras marked `tune`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _footage import Footage, cameras, footage_of, seconds
from numpy.typing import NDArray

from vidsense_daemon.description.grounding import REFERENCES, SUPPORTED, support
from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.perception.embedding import FrameEmbedder
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.vocabulary import EMPTY

STRETCH = 8
CLAIMS = {
    "person": ("a man", "a person walks", "a man in a dark jacket", "a woman walking along the path", "people"),
    "car": ("a white car", "a car drives past", "a vehicle", "a parked van"),
    "bicycle": ("bicycle", "a person riding a bike", "a cyclist passes"),
    "dog": ("a dog runs", "a brown dog on the lawn"),
    "": ("a delivery box", "a gun", "a fire", "a cat on the wall", "an open window"),  # never there
}
# cyclists pass here, unlabelled
UNSURE = {("campus, odd days", "bicycle")}

Scores = list[float]


def claims_on(footage: Footage, encoder: BuiltinEncoder) -> dict[str, tuple[Scores, Scores]]:
    """By method: what true claims got, what false claims got."""
    things = [(thing, claim) for thing, claims in CLAIMS.items() for claim in claims]
    texts = divided([claim for _, claim in things], encoder)
    empty, references = divided(EMPTY, encoder), divided(REFERENCES, encoder)
    found: dict[str, tuple[Scores, Scores]] = {"score": ([], []), "support": ([], [])}
    for stretch, there in stretches(footage, FrameEmbedder(encoder).embed(footage.frames)):
        changes = np.stack([frame.crop - frame.crop_background for frame in stretch])  # type: ignore[operator]
        score = (changes @ texts.T - (changes @ empty.T).mean(axis=1, keepdims=True)).max(axis=0)
        for method, values in (("score", score), ("support", support(changes, texts, references))):
            for (thing, _), value in zip(things, values, strict=True):
                if (footage.camera.name, thing) not in UNSURE:
                    found[method][thing not in there].append(float(value))
    return found


def stretches(footage: Footage, frames: Sequence[EmbeddedFrame]) -> list[tuple[list[EmbeddedFrame], set[str]]]:
    """Moving frames in eights, and what is there in each."""
    usable = [
        frame for frame in frames if frame.moving and frame.crop is not None and frame.crop_background is not None
    ]
    cut = [usable[start : start + STRETCH] for start in range(0, len(usable), STRETCH)]
    marked = [(stretch, present(footage, stretch[len(stretch) // 2])) for stretch in cut]
    return [(stretch, there) for stretch, there in marked if there]


def present(footage: Footage, frame: EmbeddedFrame) -> set[str]:
    at_s = seconds(frame.captured_at)
    there = {
        thing
        for thing in CLAIMS
        if thing in footage.camera.present_s and any(start <= at_s <= end for start, end in footage.truth(thing))
    }
    return there | {"person"} if "bicycle" in there else there


def divided(texts: Sequence[str], encoder: BuiltinEncoder) -> NDArray[np.float32]:
    vectors = encoder.embed_texts(texts)
    return np.asarray(vectors / encoder.text_spread(vectors)[:, None], np.float32)


def auc(true: Scores, false: Scores) -> float:
    return float((np.array(true)[:, None] > np.array(false)[None, :]).mean())


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    totals: dict[tuple[str, bool], tuple[Scores, Scores]] = {}
    with TemporaryDirectory() as cache:
        encoder = BuiltinEncoder(cache_dir=Path(cache), threads=1)
        print(f"{'camera':<22}{'claims':>14}{'AUC score':>12}{'AUC support':>13}")
        for camera in cameras(folder):
            found = claims_on(footage_of(camera), encoder)
            true, false = found["support"]
            if not true or not false:
                continue
            for method, (trues, falses) in found.items():
                total = totals.setdefault((method, camera.tune), ([], []))
                total[0].extend(trues)
                total[1].extend(falses)
            by_method = f"{auc(*found['score']):>12.2f}{auc(true, false):>13.2f}"
            print(f"{camera.name:<22}{len(true):>6} /{len(false):>6}{by_method}")
    for tune in (True, False):
        true, false = totals["support", tune]
        kept, wrong = np.mean(np.array(true) >= SUPPORTED), np.mean(np.array(false) >= SUPPORTED)
        score_auc, support_auc = auc(*totals["score", tune]), auc(true, false)
        print(f"{'tune' if tune else 'confirm'}: AUC score {score_auc:.2f}, AUC support {support_auc:.2f}; "
              f"certain at {SUPPORTED}: {kept:.0%} of true, {wrong:.0%} of false claims")  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data")
