"""CLIP and SigLIP through transformers, with random weights that the tests make themselves."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.perception.encoders.clip import ClipEncoder, available

from . import tiny_models
from .pictures import pattern, plain
from .tiny_models import PICTURE_PX, save_bert, save_clip, save_siglip

PICTURES = [pattern(px=PICTURE_PX), plain(30, px=PICTURE_PX), pattern(px=PICTURE_PX, phase=90)]

pytestmark = pytest.mark.parametrize("save", [save_clip, save_siglip], ids=["clip", "siglip"])
Save = Callable[..., Path]


def load(folder: Path) -> ClipEncoder:
    return ClipEncoder(str(folder), threads=1)


def test_pictures_and_texts_become_unit_vectors_of_one_space(tmp_path: Path, save: Save) -> None:
    encoder: Encoder = load(save(tmp_path))
    pictures = encoder.embed_pictures(PICTURES)
    texts = encoder.embed_texts(["a person", "a red car"])

    assert encoder.picture_px == PICTURE_PX
    assert pictures.shape == (3, encoder.dimension)
    assert texts.shape == (2, encoder.dimension)
    assert pictures.dtype == texts.dtype == np.float32
    assert np.linalg.norm(np.concatenate([pictures, texts]), axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert encoder.embed_pictures([]).shape == (0, encoder.dimension)
    assert encoder.embed_texts([]).shape == (0, encoder.dimension)


def test_a_picture_is_prepared_as_the_model_asks(tmp_path: Path, save: Save) -> None:
    """Scaled to 0..1, less the mean, over the deviation: then the model's own features."""
    encoder = load(save(tmp_path))
    pixels = torch.tensor(PICTURES[0]).permute(2, 0, 1) / 255
    mean, deviation = (torch.tensor(x)[:, None, None] for x in (tiny_models.MEAN, tiny_models.DEVIATION))
    network = AutoModel.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        features = network.get_image_features(pixel_values=((pixels - mean) / deviation)[None]).pooler_output[0]

    expected = (features / features.norm()).numpy()
    assert encoder.embed_pictures(PICTURES[:1])[0] == pytest.approx(expected, abs=1e-4)


def test_newer_models_keep_the_preprocessing_elsewhere(tmp_path: Path, save: Save) -> None:
    """Transformers 5 writes it into processor_config.json."""
    before = load(save(tmp_path)).embed_pictures(PICTURES)
    old = tmp_path / "preprocessor_config.json"
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": json.loads(old.read_text())}))
    old.unlink()

    assert load(tmp_path).embed_pictures(PICTURES) == pytest.approx(before, abs=1e-6)


def test_a_picture_means_the_same_alone_and_in_a_batch(tmp_path: Path, save: Save) -> None:
    encoder = load(save(tmp_path))
    many = encoder.embed_pictures(PICTURES * 4)

    assert many[11] == pytest.approx(encoder.embed_pictures(PICTURES[2:])[0], abs=1e-5)


def test_a_scene_is_embedded_as_any_picture_and_tile_by_tile_beside(tmp_path: Path, save: Save) -> None:
    """One pass gives both, alone and in batches."""
    encoder = load(save(tmp_path))
    whole, tiles = encoder.embed_scenes(PICTURES * 3)

    assert whole == pytest.approx(encoder.embed_pictures(PICTURES * 3), abs=1e-5)
    assert tiles is not None
    assert tiles.shape == (9, TILES, encoder.dimension)
    assert np.linalg.norm(tiles, axis=-1) == pytest.approx(np.ones((9, TILES)), abs=1e-4)
    assert tiles[7] == pytest.approx(tiles[1], abs=1e-5)
    assert np.abs(tiles[0] - tiles[1]).max() > 1e-3


def test_a_text_means_the_same_alone_and_beside_a_long_one(tmp_path: Path, save: Save) -> None:
    """The long one is cut off at what the model reads, not refused."""
    encoder = load(save(tmp_path))
    alone = encoder.embed_texts(["a dog"])[0]
    beside, long = encoder.embed_texts(["a dog", "a red car seen from above " * 100])

    assert alone == pytest.approx(beside, abs=1e-5)
    assert np.isfinite(long).all()
    assert beside @ long < 1 - 1e-4


def test_every_text_has_the_same_spread_and_it_follows_the_models_temperature(tmp_path: Path, save: Save) -> None:
    encoder = load(save(tmp_path))
    spread = encoder.text_spread(encoder.embed_texts(["a person", "a car"]))
    temperature = 1 / AutoModel.from_pretrained(tmp_path).logit_scale.exp().item()

    assert spread == pytest.approx([2.5 * temperature] * 2, rel=1e-5)


def test_other_weights_have_another_name(tmp_path: Path, save: Save) -> None:
    """Embeddings that were kept under one name can be compared for ever."""
    first = load(save(tmp_path / "a" / "tiny", seed=0)).name
    same = load(save(tmp_path / "b" / "tiny", seed=0)).name
    other = load(save(tmp_path / "c" / "tiny", seed=1)).name

    assert first.startswith("clip-tiny-")
    assert first == same != other


def test_no_connection_is_ever_opened(tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    """A household's camera daemon talks to no model hub, not even to ask for news."""
    save(tmp_path)

    def refuse(*_: object) -> None:
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load(tmp_path).embed_texts(["a person"])
    with pytest.raises(ConfigError):
        ClipEncoder("nobody/no-such-model", threads=1)


def test_a_folder_with_all_files_is_available(tmp_path: Path, save: Save) -> None:
    assert not available(str(tmp_path))
    assert available(str(save(tmp_path)))


@pytest.mark.parametrize("lost", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_folder_that_is_not_complete_names_what_it_lacks(tmp_path: Path, save: Save, lost: str) -> None:
    (save(tmp_path) / lost).unlink()

    assert not available(str(tmp_path))
    with pytest.raises(ConfigError, match=f"lacks .*{lost.removeprefix('model.')}: copy it again"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nobody/no-such-model", "not on this machine: run `vidsense models pull nobody/no-such-model`"),
        ("/no/such/folder", "the folder /no/such/folder is not there: correct encoder.model"),
        ("a b c", "not on this machine"),
        ("", "not on this machine"),
    ],
)
def test_an_unknown_model_is_not_available(save: Save, name: str, says: str) -> None:
    assert not available(name)
    with pytest.raises(ConfigError, match=says):
        ClipEncoder(name, threads=1)


def test_a_pickle_is_not_taken_for_weights(tmp_path: Path, save: Save) -> None:
    """It could run code: only safetensors are read."""
    folder = save(tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(ConfigError, match="lacks weights in safetensors"):
        load(folder)


def halve(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def forget_a_weight(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({key: weights[key] for key in sorted(weights)[3:]}, path, metadata={"format": "pt"})


def reshape_a_weight(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    key = next(key for key in weights if key.endswith("patch_embedding.weight"))
    save_file(weights | {key: torch.zeros(3, 3)}, path, metadata={"format": "pt"})


def poison_a_weight(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    key = next(key for key in weights if key.endswith("patch_embedding.weight"))
    save_file(weights | {key: weights[key] * torch.nan}, path, metadata={"format": "pt"})


def garble_the_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def name_an_unknown_architecture(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "telepathy"}')


def garble_the_preprocessing(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text('{"image_mean": [0.5], "image_std": "much"}')


def lose_the_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def put_a_language_model_there(folder: Path) -> None:
    save_bert(folder)


@pytest.mark.parametrize(
    "spoil",
    [
        halve,
        forget_a_weight,
        reshape_a_weight,
        poison_a_weight,
        garble_the_config,
        name_an_unknown_architecture,
        garble_the_preprocessing,
        lose_the_tokenizer,
        put_a_language_model_there,
    ],
)
def test_a_spoilt_model_is_refused_with_the_next_step(
    tmp_path: Path, save: Save, spoil: Callable[[Path], None]
) -> None:
    """Random numbers in the place of lost weights would make a daemon that only looks as if it watched."""
    spoil(save(tmp_path))

    with pytest.raises(ConfigError, match=r"(?s)cannot use .*encoder\.backend: builtin") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
