"""Where an encoder looks: what is drawn must be what the encoder computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from perception.encoders.tiny_models import PICTURE_PX, save_clip, save_siglip

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.explain.attention import rollout
from vidsense_daemon.explain.lenses import BuiltinLens, ClipLens
from vidsense_daemon.perception.encoders.bridge import load_bridge
from vidsense_daemon.perception.encoders.builtin import SHIPPED_BRIDGE
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.encoders.lite0 import load_lite0, to_input


def picture(side_px: int, seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 255, (side_px, side_px, 3)).astype(np.uint8)


def test_the_builtin_cells_mean_is_the_frames_cosine(tmp_path: Path) -> None:
    """The map is no illustration: averaged, it is exactly the number that triggers are decided by."""
    frame = picture(224, 1)
    lens = BuiltinLens(cache_dir=tmp_path)
    bridge = load_bridge(SHIPPED_BRIDGE)
    with torch.inference_mode():
        text = torch.nn.functional.normalize(torch.randn(1, 512, generator=torch.Generator().manual_seed(0)), dim=-1)
        cosine = bridge.pictures(load_lite0(cache_dir=tmp_path)(to_input([frame]))) @ text.T

    maps = lens.look([frame], text.numpy())
    assert maps.relevance.shape == (1, 1, 7, 7)
    assert maps.relevance.mean() == pytest.approx(cosine.item(), abs=1e-5)


def test_the_builtin_encoder_admits_that_it_has_no_tokens(tmp_path: Path) -> None:
    lens = BuiltinLens(cache_dir=tmp_path)

    assert not lens.grid.has_tokens
    assert lens.look([picture(224, 1)], np.zeros((0, 512), np.float32)).rollout is None


def test_clips_attention_is_laid_on_its_own_patches(tmp_path: Path) -> None:
    """A picture of 32 px in patches of 8 is a grid of 4 × 4; what is looked at adds up to one."""
    folder = save_clip(tmp_path / "tiny")
    texts = ClipEncoder(str(folder), threads=1).embed_texts(["a person", "a car"])
    maps = ClipLens(str(folder)).look([picture(PICTURE_PX, 1), picture(PICTURE_PX, 2)], texts)

    assert maps.relevance.shape == (2, 2, 4, 4)
    assert maps.last_layer is not None
    assert maps.rollout is not None
    assert np.allclose(maps.rollout.sum(axis=(1, 2)), 1, atol=1e-5)
    assert np.allclose(maps.last_layer.sum(axis=(1, 2)), 1, atol=1e-5)


def test_clips_relevance_depends_on_the_text(tmp_path: Path) -> None:
    """Another sentence weighs the same attention otherwise; none of it is below nothing."""
    folder = save_clip(tmp_path / "tiny")
    texts = ClipEncoder(str(folder), threads=1).embed_texts(["a person", "a car"])
    person, car = ClipLens(str(folder)).look([picture(PICTURE_PX, 1)], texts).relevance

    assert (person >= 0).all()
    assert not np.allclose(person, car)


def test_a_model_without_a_class_token_is_refused_in_words(tmp_path: Path) -> None:
    """SigLIP pools otherwise: the report shows the rest and says so here."""
    with pytest.raises(ConfigError, match=r"siglip.*no class token"):
        ClipLens(str(save_siglip(tmp_path / "tiny")))


def test_weights_that_are_not_here_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vidsense models pull"):
        ClipLens("nobody/has-this", models_dir=tmp_path)


def test_rollout_of_even_attention_is_even() -> None:
    """Abnar & Zuidema's product by hand: one even layer of two tokens, half of it itself."""
    even = np.full((1, 1, 2, 2), 0.5, np.float32)

    assert rollout(even) == pytest.approx(np.array([[0.75, 0.25], [0.25, 0.75]]))
