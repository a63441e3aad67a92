"""Build a LLaVA-1.6-shaped model pair of 1.6 MB from random weights; a real engine runs it, it always says the same.

The text model is a two-layer llama in Q2_K, the quantisation of the documented default model; the eye is CLIP
ViT-L/14-336 in shape only (two thin layers), with LLaVA 1.6's grid of tiles, so that pictures cost the real thing's
tokens. `E` = embedding, `V` = vocabulary, `D` = the eye's embedding.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from numpy.typing import NDArray

Weights = NDArray[np.floating[Any]]

E, TEXT_LAYERS, TEXT_INNER, HEADS, KV_HEADS = 256, 2, 768, 4, 2
D, EYE_LAYERS, EYE_INNER, EYE_HEADS = 64, 2, 128, 2
PICTURE_PX, PATCH_PX = 336, 14
GRID_PINPOINTS_PX = [336, 672, 672, 336, 672, 672, 1008, 336, 336, 1008]
SENTENCE = "a person walks to the door"
_Q2_K_BLOCK, _Q2_K_BLOCK_BYTES = 256, 84  # 256 weights in 84 bytes: 16 scales, 64 of weights, 2 + 2 of factors
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6
_NEWLINE = 10
_STRENGTH = 1.0  # of the wish for the next piece, against noise of 0.05 · √E = 0.8
_CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %} {{ m['content'] }}"
    "{% else %}[INST] {{ m['content'] }} [/INST]{% endif %}{% endfor %}"
)


def build(folder: Path) -> tuple[Path, Path]:
    """Write the pair into ``folder``: (text model, eye). The same bytes every time."""
    random = np.random.default_rng(7)
    text, eye = folder / "tiny-llava-q2_k.gguf", folder / "tiny-llava-mmproj.gguf"
    _write_text(text, random)
    _write_eye(eye, random)
    return text, eye


def _vocabulary() -> tuple[list[str], list[float], list[int]]:
    """SentencePiece's shape: three marks, 256 bytes, the letters, then whole words as the likeliest pieces."""
    rows: list[tuple[str, float, int]] = [
        ("<unk>", 0.0, _UNKNOWN),
        ("<s>", 0.0, _CONTROL),
        ("</s>", 0.0, _CONTROL),
    ]
    rows += [(f"<0x{byte:02X}>", 0.0, _BYTE if _is_plain(byte) else _UNUSED) for byte in range(256)]
    rows += [("▁", -1.0, _NORMAL)]
    rows += [(chr(code), -2.0 - code / 1000, _NORMAL) for code in range(33, 127)]
    rows += [(f"▁{word}", -0.5 - index / 1000, _NORMAL) for index, word in enumerate(sorted(set(SENTENCE.split())))]
    rows += [(f"<x{index}>", -1e4, _UNUSED) for index in range(-len(rows) % _Q2_K_BLOCK)]
    pieces, scores, kinds = zip(*rows, strict=True)
    return list(pieces), list(scores), list(kinds)


def _wishes() -> list[tuple[str, str, float]]:
    """(piece, what should follow it, how much): one sentence, then the end of whatever it stands in.

    In free text that is the model's end; inside JSON the engine's grammar forbids it, and the next best closes.
    """
    words = [f"▁{word}" for word in SENTENCE.split()]
    starts = [('"', words[0], 1.0), ("]", words[0], 0.8)]  # a prompt ends with "[/INST]"
    ends = [(words[-1], "</s>", 1.0), (words[-1], '"', 0.8)]
    closes = [('"', "]", 0.6), ("}", "]", 0.8), (":", "1", 0.8), ("1", ",", 0.8), ("1", "}", 0.6)]
    return [*starts, *((one, next_, 1.0) for one, next_ in pairwise(words)), *ends, *closes]


def _embeddings(random: np.random.Generator, pieces: list[str]) -> tuple[Weights, Weights]:
    """(V, E) into and out of the model: noise, and for each wish a direction that the next piece listens to.

    Random weights alone would write letters up to every limit: no answer would ever come to its end.
    """
    row = {piece: index for index, piece in enumerate(pieces)}
    embedded, heard = (_noise(random, len(pieces), E).astype(np.float32) for _ in range(2))
    directions: dict[str, Weights] = {}
    for piece, next_, strength in _wishes():
        if piece not in directions:
            direction = random.standard_normal(E)
            directions[piece] = (direction / np.linalg.norm(direction)).astype(np.float32)
            embedded[row[piece]] += _STRENGTH * directions[piece]
        heard[row[next_]] += strength * directions[piece]
    return embedded.astype(np.float16), heard.astype(np.float16)


def _is_plain(byte: int) -> bool:
    """Whether a random model may write this byte: others would make broken UTF-8 of its words."""
    return byte == _NEWLINE or 32 <= byte < 127


def _write_text(path: Path, random: np.random.Generator) -> None:
    pieces, scores, kinds = _vocabulary()
    writer = GGUFWriter(str(path), "llama")
    writer.add_name("tiny-llava-random")
    writer.add_file_type(10)  # MOSTLY_Q2_K
    writer.add_context_length(32768)
    writer.add_embedding_length(E)
    writer.add_block_count(TEXT_LAYERS)
    writer.add_feed_forward_length(TEXT_INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(E // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(pieces))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_chat_template(_CHAT_TEMPLATE)
    kv = KV_HEADS * E // HEADS
    embedded, heard = _embeddings(random, pieces)
    _add(writer, "token_embd.weight", embedded)
    _add(writer, "output_norm.weight", _ones(E))
    _add(writer, "output.weight", heard)
    for layer in range(TEXT_LAYERS):
        block = f"blk.{layer}"
        _add(writer, f"{block}.attn_norm.weight", _ones(E))
        _add(writer, f"{block}.ffn_norm.weight", _ones(E))
        for name, out, into in (
            ("attn_q", E, E),
            ("attn_k", kv, E),
            ("attn_v", kv, E),
            ("attn_output", E, E),
            ("ffn_gate", TEXT_INNER, E),
            ("ffn_up", TEXT_INNER, E),
            ("ffn_down", E, TEXT_INNER),
        ):
            _add_q2_k(writer, f"{block}.{name}.weight", random, out, into)
    _finish(writer)


def _write_eye(path: Path, random: np.random.Generator) -> None:
    writer = GGUFWriter(str(path), "clip")
    writer.add_bool("clip.has_text_encoder", False)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.has_llava_projector", True)
    writer.add_bool("clip.use_gelu", False)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_file_type(1)  # MOSTLY_F16
    for key, value in (
        ("image_size", PICTURE_PX),
        ("patch_size", PATCH_PX),
        ("embedding_length", D),
        ("feed_forward_length", EYE_INNER),
        ("projection_dim", E),
        ("block_count", EYE_LAYERS),
        ("attention.head_count", EYE_HEADS),
    ):
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.48145466, 0.4578275, 0.40821073])
    writer.add_array("clip.vision.image_std", [0.26862954, 0.26130258, 0.27577711])
    writer.add_array("clip.vision.image_grid_pinpoints", GRID_PINPOINTS_PX)
    writer.add_string("clip.vision.mm_patch_merge_type", "spatial_unpad")
    patches = (PICTURE_PX // PATCH_PX) ** 2
    _add(writer, "v.class_embd", _noise(random, D, half=False))
    _add(writer, "v.patch_embd.weight", _noise(random, D, 3, PATCH_PX, PATCH_PX))
    _add(writer, "v.position_embd.weight", _noise(random, patches + 1, D, half=False))
    _add_norm(writer, "v.pre_ln")
    for layer in range(EYE_LAYERS):
        block = f"v.blk.{layer}"
        _add_norm(writer, f"{block}.ln1")
        _add_norm(writer, f"{block}.ln2")
        for name, out, into in (
            ("attn_q", D, D),
            ("attn_k", D, D),
            ("attn_v", D, D),
            ("attn_out", D, D),
            ("ffn_up", EYE_INNER, D),
            ("ffn_down", D, EYE_INNER),
        ):
            _add_linear(writer, f"{block}.{name}", random, out, into)
    _add_linear(writer, "mm.0", random, E, D)
    _add_linear(writer, "mm.2", random, E, E)
    _add(writer, "model.image_newline", _noise(random, E, half=False))
    _finish(writer)


def _noise(random: np.random.Generator, *shape: int, half: bool = True) -> Weights:
    return (random.standard_normal(shape) * 0.05).astype(np.float16 if half else np.float32)


def _ones(size: int) -> Weights:
    return np.ones(size, dtype=np.float32)


def _add(writer: GGUFWriter, name: str, values: Weights) -> None:
    writer.add_tensor(name, values)


def _add_norm(writer: GGUFWriter, name: str) -> None:
    writer.add_tensor(f"{name}.weight", _ones(D))
    writer.add_tensor(f"{name}.bias", np.zeros(D, dtype=np.float32))


def _add_linear(writer: GGUFWriter, name: str, random: np.random.Generator, out: int, into: int) -> None:
    writer.add_tensor(f"{name}.weight", _noise(random, out, into))
    writer.add_tensor(f"{name}.bias", _noise(random, out, half=False))


def _add_q2_k(writer: GGUFWriter, name: str, random: np.random.Generator, out: int, into: int) -> None:
    """Random blocks of Q2_K, with factors small enough that the activations stay finite."""
    blocks = random.integers(0, 256, (out * into // _Q2_K_BLOCK, _Q2_K_BLOCK_BYTES), dtype=np.uint8)
    blocks[:, -4:] = np.full((len(blocks), 2), 0.0003, dtype=np.float16).view(np.uint8)
    row_bytes = into // _Q2_K_BLOCK * _Q2_K_BLOCK_BYTES
    writer.add_tensor(
        name,
        blocks.reshape(out, row_bytes),
        raw_shape=(out, row_bytes),
        raw_dtype=GGMLQuantizationType.Q2_K,
    )


def _finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
