"""The encoder that needs no download, with the weights that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.perception.encoders.bridge import load_bridge
from vidsense_daemon.perception.encoders.builtin import SHIPPED_BRIDGE, BuiltinEncoder

from .pictures import pattern, plain


def test_pictures_and_texts_become_unit_vectors_of_one_space(builtin_encoder: BuiltinEncoder) -> None:
    encoder: Encoder = builtin_encoder
    pictures = encoder.embed_pictures([pattern(), plain(80)])
    texts = encoder.embed_texts(["a person", "a car", "a dog"])

    assert pictures.shape == (2, encoder.dimension)
    assert texts.shape == (3, encoder.dimension)
    assert pictures.dtype == texts.dtype == np.float32
    assert np.linalg.norm(np.concatenate([pictures, texts]), axis=1) == pytest.approx(np.ones(5), abs=1e-4)


def test_a_picture_means_the_same_alone_and_in_a_batch(builtin_encoder: BuiltinEncoder) -> None:
    together = builtin_encoder.embed_pictures([pattern(), plain(200), pattern(phase=99)])
    alone = builtin_encoder.embed_pictures([pattern(phase=99)])

    assert together[2] == pytest.approx(alone[0], abs=1e-4)


def test_a_scene_is_embedded_as_any_picture_and_tile_by_tile_beside(builtin_encoder: BuiltinEncoder) -> None:
    """One pass gives both, and what is new in a corner shows in that corner's tile most."""
    before, after = plain(120), plain(120)
    after[:50, :35] = pattern()[:50, :35]
    whole, tiles = builtin_encoder.embed_scenes([before, after])

    assert whole == pytest.approx(builtin_encoder.embed_pictures([before, after]), abs=1e-5)
    assert np.linalg.norm(tiles, axis=-1) == pytest.approx(np.ones((2, TILES)), abs=1e-4)
    assert int(np.linalg.norm(tiles[1] - tiles[0], axis=-1).argmax()) == 0


def test_nothing_in_nothing_out(builtin_encoder: BuiltinEncoder) -> None:
    assert builtin_encoder.embed_pictures([]).shape == (0, 512)
    assert builtin_encoder.embed_texts([]).shape == (0, 512)
    assert builtin_encoder.text_spread(np.empty((0, 512), np.float32)).shape == (0,)


def test_braces_in_a_prompt_are_only_braces(builtin_encoder: BuiltinEncoder) -> None:
    assert np.isfinite(builtin_encoder.embed_texts(["a {} and {0} and {car}"])).all()


def test_a_bare_floor_looks_emptier_than_anything_else(builtin_encoder: BuiltinEncoder) -> None:
    """What a camera sees when nothing is there must not look like a person: most captions name one."""
    speckle = np.random.default_rng(0).integers(-6, 7, (224, 224, 3))
    floor = (120 + speckle).astype(np.uint8)
    texts = builtin_encoder.embed_texts(["an empty place", "a person", "a car", "a dog"])
    empty, *things = texts @ builtin_encoder.embed_pictures([floor])[0]

    assert empty > max(things) + 0.2


def test_the_spread_is_what_ordinary_pictures_show(builtin_encoder: BuiltinEncoder) -> None:
    """sigma of t is the root of tᵀCt, so it is never below nothing and grows with the text's length."""
    texts = builtin_encoder.embed_texts(["a person", "an empty place"])
    spread = builtin_encoder.text_spread(texts)

    assert (spread > 0.05).all()
    assert (spread < 0.5).all()
    assert builtin_encoder.text_spread(2 * texts) == pytest.approx(2 * spread, rel=1e-4)


def test_another_bridge_has_another_name(tmp_path: Path, weights_cache: Path, builtin_encoder: BuiltinEncoder) -> None:
    """Embeddings of two bridges lie in two spaces: the store must be able to tell them apart."""
    other = tmp_path / "own.safetensors"
    load_bridge(SHIPPED_BRIDGE).save(other, notes={"seed": "7"})
    encoder = BuiltinEncoder(cache_dir=weights_cache, threads=1, bridge=other)

    assert encoder.name.startswith("builtin-lite0-minilm-")
    assert encoder.name != builtin_encoder.name


def test_a_bridge_survives_saving_within_half_precision(tmp_path: Path) -> None:
    shipped = load_bridge(SHIPPED_BRIDGE)
    shipped.save(tmp_path / "again.safetensors", notes={})
    again = load_bridge(tmp_path / "again.safetensors")

    assert torch.equal(again.picture_weight, shipped.picture_weight)
    assert torch.allclose(again.covariance, shipped.covariance, atol=1e-6)


def test_a_missing_bridge_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"own\.safetensors.*vidsense train bridge"):
        load_bridge(tmp_path / "own.safetensors")


@pytest.mark.parametrize("damage", ["truncated", "another file", "another format", "not a number"])
def test_a_damaged_bridge_is_refused_with_the_next_step(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "own.safetensors"
    shipped = load_bridge(SHIPPED_BRIDGE)
    if damage == "truncated":
        path.write_bytes(SHIPPED_BRIDGE.read_bytes()[:100_000])
    elif damage == "another file":
        path.write_text("cameras: {}")
    elif damage == "another format":
        from safetensors.torch import save_file

        save_file({"weight": torch.zeros(3)}, path)
    else:
        shipped.text_bias[0] = torch.nan
        shipped.save(path, notes={})

    with pytest.raises(ConfigError, match="vidsense train bridge"):
        load_bridge(path)
