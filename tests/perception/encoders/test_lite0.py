"""The picture network: the published weights, in our own architecture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs

from vidsense_daemon.perception.encoders.lite0 import FEATURES, Lite0, load_lite0, to_input

from .pictures import pattern, plain


@pytest.fixture(scope="module")
def network(weights_cache: Path) -> Lite0:
    return load_lite0(cache_dir=weights_cache)


def features_of(network: Lite0, *pictures: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        return network(to_input(pictures))


def test_it_computes_what_the_published_network_computes(network: Lite0) -> None:
    """The sum and the strongest features of a drawn pattern, as PyPI's efficientnet-lite-pytorch 0.1.0 has them."""
    features = features_of(network, pattern())[0]
    strongest = features.topk(5)

    assert features.shape == (FEATURES,)
    assert features.sum().item() == pytest.approx(193.7002, abs=0.01)
    assert strongest.indices.tolist() == [714, 1219, 245, 927, 327]
    assert strongest.values.tolist() == pytest.approx([4.9715, 4.5246, 4.3853, 4.0511, 4.0262], abs=1e-3)


def test_a_picture_means_the_same_alone_and_in_a_batch(network: Lite0) -> None:
    together = features_of(network, pattern(), plain(90), pattern(phase=50))

    assert torch.allclose(together[2], features_of(network, pattern(phase=50))[0], atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_the_second_start_reads_the_cache_and_says_the_same(network: Lite0, weights_cache: Path) -> None:
    kept = list(weights_cache.glob("*.safetensors"))
    again = load_lite0(cache_dir=weights_cache)

    assert len(kept) == 1
    assert torch.equal(features_of(again, pattern()), features_of(network, pattern()))


@pytest.mark.parametrize("damage", [b"", b"not a weights file", b"\xff" * 4096])
def test_a_damaged_cache_is_made_again(tmp_path: Path, network: Lite0, damage: bytes) -> None:
    """A power cut while the cache was written costs a second at the next start, nothing else."""
    load_lite0(cache_dir=tmp_path)
    kept = next(tmp_path.glob("*.safetensors"))
    kept.write_bytes(damage)

    mended = load_lite0(cache_dir=tmp_path)

    assert torch.equal(features_of(mended, pattern()), features_of(network, pattern()))
    assert kept.stat().st_size > 10_000_000


def test_weights_of_another_shape_in_the_cache_are_made_again(tmp_path: Path, network: Lite0) -> None:
    from safetensors.torch import save_file

    load_lite0(cache_dir=tmp_path)
    kept = next(tmp_path.glob("*.safetensors"))
    save_file({"_conv_stem.weight": torch.zeros(2, 2)}, kept)

    assert torch.equal(features_of(load_lite0(cache_dir=tmp_path), pattern()), features_of(network, pattern()))


def test_a_full_disk_costs_a_line_and_no_daemon(tmp_path: Path, network: Lite0) -> None:
    """The next start takes a fraction of a second longer, that is all."""
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    with capture_logs() as logs:
        found = load_lite0(cache_dir=blocked / "cache")

    assert torch.equal(features_of(found, pattern()), features_of(network, pattern()))
    assert [(line["event"], "a-file" in line["folder"]) for line in logs] == [("weights_not_kept", True)]


def test_pixels_are_scaled_as_the_weights_were_trained() -> None:
    prepared = to_input([plain(0), plain(127), plain(255)])

    assert prepared.shape == (3, 3, 224, 224)
    assert prepared[:, 0, 0, 0].tolist() == [-127 / 128, 0, 1]
