"""The encoder that needs no download: everything it runs on came with pip.

EfficientNet-Lite0 looks, all-MiniLM-L6-v2 reads, and the bridge that ships beside this file brings both into one space
of 512 dimensions. It knows people, animals and vehicles about as well as Flickr's photographs teach them; it does not
see what somebody is doing to somebody. weights/MODEL_CARD.md has its figures, `unsupported_prompt` its limits.
`B` pictures, `S` = 224 px, `N` texts, `D` = 512.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vidsense_daemon.base.files import sha256_of
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.perception.encoders.bridge import DIMENSION, load_bridge
from vidsense_daemon.perception.encoders.limits import unsupported_prompt
from vidsense_daemon.perception.encoders.lite0 import PICTURE_PX, load_lite0
from vidsense_daemon.perception.encoders.minilm import MiniLM
from vidsense_daemon.perception.encoders.phrasing import ensemble, phrased
from vidsense_daemon.perception.encoders.vision import Lite0Vision
from vidsense_daemon.perception.runtimes.tower import PyTorch, Runtimes, VisionModel, embed

__all__ = ["SHIPPED_BRIDGE", "BuiltinEncoder", "unsupported_prompt"]

SHIPPED_BRIDGE = Path(__file__).parent / "weights" / "bridge.safetensors"

# In eight bits throughout, the embeddings' cosine to float32 is 0.96 in the mean and 0.79 at worst; with these parts as
# they are it is 0.996 and 0.990, for a sixth more time: the first layers, whose few channels differ much in range,
# and the bridge.
_EXACT_PARTS = (r".*_conv_stem.*", r".*_blocks\.0\..*", r".*_blocks\.1\._depthwise_conv.*", r".*linear.*")
_PICTURES_AT_ONCE = 1  # a larger batch falls out of the processor's cache: slower in PyTorch, measured


class BuiltinEncoder:
    """The `Encoder` port over packages from pip; construct it in the thread that uses it."""

    dimension = DIMENSION
    picture_px = PICTURE_PX

    def __init__(
        self, *, cache_dir: Path, threads: int, bridge: Path = SHIPPED_BRIDGE, runtimes: Runtimes | None = None
    ) -> None:
        """Load all weights; some two seconds, some 320 MB.

        ``cache_dir`` keeps the picture network in a form that loads without a pickle; ``threads`` is PyTorch's for
        this process. Another ``bridge`` is one that this household trained itself. ``runtimes`` decides what computes
        the pictures; PyTorch if there are none.

        Raises:
            ConfigError: weights are missing or damaged; the message says what to run.
        """
        torch.set_num_threads(threads)
        self._bridge = load_bridge(bridge)
        # a bridge makes its space: its content names it, so that embeddings of two bridges are never compared
        digest = sha256_of(bridge)[:8]
        self._name = f"builtin-lite0-minilm-{digest}"
        self.vision = VisionModel(
            Lite0Vision(load_lite0(cache_dir=cache_dir), self._bridge).eval(),
            key=f"builtin-{digest}",
            picture_px=PICTURE_PX,
            dimension=DIMENSION,
            pictures_at_once=_PICTURES_AT_ONCE,
            attends=False,
            exact_parts=_EXACT_PARTS,
            worth_converting=False,  # float32 gains a quarter there, and converting costs seconds of the first start
        )
        self._tower = (runtimes or PyTorch()).tower(self.vision)
        self._language = MiniLM()

    @property
    def name(self) -> str:
        return self._name

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """(B, D), unit length, of B RGB pictures of (S, S, 3)."""
        return self.embed_scenes(pictures)[0]

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(B, D) and (B, TILES, D), unit length: the features that are pooled for the whole, pooled for each tile."""
        if not pictures:
            return np.empty((0, DIMENSION), np.float32), np.empty((0, TILES, DIMENSION), np.float32)
        embeddings, tiles = embed(self._tower, pictures)
        assert tiles is not None  # its network gives both
        return embeddings, tiles

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D), unit length: the normalised mean over the templates."""
        if not texts:
            return np.empty((0, DIMENSION), np.float32)
        sentences = self._bridge.texts(torch.from_numpy(self._language(phrased(texts))))  # (N · templates, D)
        return np.asarray(ensemble(sentences).numpy(), np.float32)

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,): √(tᵀ C t), with the covariance C of the bridge's training views."""
        covariance = self._bridge.covariance.numpy()
        return np.asarray(np.sqrt(np.einsum("nd,de,ne->n", texts, covariance, texts)), np.float32)
