"""Other precisions beside the exact one, and what an adapter would train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.explain.adapting import lora
from vidsense_daemon.explain.encoding import texts_of
from vidsense_daemon.explain.material import watch_clip
from vidsense_daemon.explain.precisions import Embedded, encoder_rows

from .fakes import NOON, SIDE_PX, BlockEncoder


@dataclass(frozen=True)
class Turned:
    """The encoder with its embeddings turned by some noise."""

    name: str
    noise: float
    megabytes: float = 1.0

    def embed(self, pictures: Sequence[Picture]) -> Embedded:
        vectors, tiles = BlockEncoder().embed_scenes(pictures)
        random = np.random.default_rng(5)
        turned = vectors + self.noise * random.standard_normal(vectors.shape).astype(np.float32)
        return turned / np.linalg.norm(turned, axis=1, keepdims=True), tiles


def test_the_exact_variant_is_the_measure_of_the_others(clips: Path) -> None:
    """It agrees with itself in everything; one that is far off shows it in cosine and in decisions."""
    clip = clips / "yard.mp4"
    frames = watch_clip(clip, StreamOptions(url=str(clip), picture_px=SIDE_PX), started_at=NOON).frames
    encoder = BlockEncoder()
    exact, near, far = encoder_rows(
        [Turned("exact", 0.0), Turned("near", 1e-3), Turned("far", 2.0)],
        frames,
        encoder,
        texts_of(["a person"], encoder),
    )

    assert exact.cosine_least == pytest.approx(1, abs=1e-5)
    assert exact.same_decisions_ratio == 1
    assert far.cosine_mean < near.cosine_mean
    assert far.same_decisions_ratio < 1
    assert exact.decisions == len(frames)


def test_an_adapter_of_rank_8_trains_two_percent() -> None:
    """r·(in + out) of each linear layer, by hand: two blocks of four, the two of the tokens, and the gate."""
    counted = lora(None, dimension=512)
    blocks, tokens = 2 * (4 + 2 + 5 + 5), 2 * 2

    assert counted.layers == 10
    assert counted.would_train == 8 * 512 * (blocks + tokens) + 1
    assert counted.would_train / counted.frozen < 0.025
    assert counted.report is None
