"""Dual encoders of a few thousand random weights, laid out as the hub lays them out."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    XCLIPConfig,
    XCLIPModel,
)

PICTURE_PX = 32
DIMENSION = 24
MEAN, DEVIATION = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]

_WORDS = ("[PAD]", "[UNK]", "[START]", "[END]", "a", "an", "of", "from", "above", "seen")
_THINGS = ("photo", "surveillance", "camera", "picture", "person", "car", "dog", "room", "empty", "red", "blue")
_SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def save_clip(folder: Path, *, seed: int = 0, dimension: int = DIMENSION) -> Path:
    vocabulary = len(_WORDS) + len(_THINGS)
    config = CLIPConfig(
        text_config=_SIZES
        | {"vocab_size": vocabulary, "max_position_embeddings": 16}
        | {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3},
        vision_config=_SIZES | {"image_size": PICTURE_PX, "patch_size": 8},
        projection_dim=dimension,
    )
    return _save(folder, lambda: CLIPModel(config), seed)


def save_siglip(folder: Path, *, seed: int = 0) -> Path:
    vocabulary = len(_WORDS) + len(_THINGS)
    config = SiglipConfig(
        text_config=_SIZES
        | {"vocab_size": vocabulary, "max_position_embeddings": 16, "projection_size": 16}
        | {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3},
        vision_config=_SIZES | {"image_size": PICTURE_PX, "patch_size": 8},
    )
    return _save(folder, lambda: SiglipModel(config), seed)


def save_xclip(folder: Path, *, seed: int = 0) -> Path:
    """A video model that reads four pictures at once."""
    config = XCLIPConfig(
        text_config=_SIZES
        | {"vocab_size": len(_WORDS) + len(_THINGS), "max_position_embeddings": 16}
        | {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3},
        vision_config=_SIZES
        | {"image_size": PICTURE_PX, "patch_size": 8, "num_frames": 4}
        | {"mit_hidden_size": DIMENSION, "mit_intermediate_size": 32, "mit_num_attention_heads": 2},
        projection_dim=DIMENSION,
        prompt_num_attention_heads=2,
    )
    return _save(folder, lambda: XCLIPModel(config), seed)


def save_bert(folder: Path) -> Path:
    """A language model: what somebody may name by mistake."""
    return _save(folder, lambda: BertModel(BertConfig(**_SIZES, vocab_size=20)), 0)


def _save(folder: Path, build: type[PreTrainedModel] | object, seed: int) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        build().save_pretrained(folder)  # type: ignore[operator]
    _tokenizer().save_pretrained(folder)
    preprocessing = {"do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
    preprocessing |= {"image_mean": MEAN, "image_std": DEVIATION, "size": {"height": PICTURE_PX, "width": PICTURE_PX}}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    words = {word: index for index, word in enumerate((*_WORDS, *_THINGS))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[START] $A [END]", special_tokens=[("[START]", words["[START]"]), ("[END]", words["[END]"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", bos_token="[START]", eos_token="[END]"
    )
