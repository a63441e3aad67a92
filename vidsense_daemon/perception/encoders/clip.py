"""CLIP and its like through transformers: pictures and sentences that were trained into one space on the whole web.

Any dual encoder that transformers knows (CLIP, SigLIP, …), from a folder or from the hub's local cache. The daemon
never fetches weights: without them it says which command does. Only safetensors are read, since other
formats can run code. Pictures are prepared here and not by transformers' processors, which go through PIL: they come
from capture at the model's own size already. `B` pictures, `S` = picture side in px, `N` texts, `D` = dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.base.files import sha256_of
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.perception.adapters import merge
from vidsense_daemon.perception.encoders.hub_files import (
    PixelScale,
    is_folder,
    model_folder,
    read_pixel_scale,
    weights_digest,
    why_not_here,
)
from vidsense_daemon.perception.encoders.phrasing import ensemble, phrased
from vidsense_daemon.perception.encoders.vision import ClipVision, embedding_in
from vidsense_daemon.perception.runtimes.tower import PyTorch, Runtimes, RuntimeUnusableError, VisionModel, embed

_PICTURES_AT_ONCE = 8
# of exp(-logit_scale): see text_spread
_SPREAD_IN_TEMPERATURES = 2.5


class ClipEncoder:
    """The `Encoder` port over a dual encoder of transformers; construct it in the thread that uses it."""

    def __init__(
        self,
        model: str,
        *,
        threads: int,
        models_dir: Path | None = None,
        runtimes: Runtimes | None = None,
        adapter: Path | None = None,
    ) -> None:
        """Load the weights; some seconds.

        ``model`` is a folder, or a hub's name whose files are in ``models_dir`` (`vidsense models pull` puts them
        there) or in the hub's own cache. ``runtimes`` decides what computes the pictures; PyTorch if there are none.
        ``adapter`` is one of `vidsense train lora --part clip`; an adapted encoder has a space and a name of its own.

        Raises:
            ConfigError: the weights are missing, damaged, or none of a dual encoder; the message says what to do.
        """
        torch.set_num_threads(threads)
        folder = model_folder(model, models_dir=models_dir)
        if folder is None:
            raise ConfigError(why_not_here(model, models_dir=models_dir))
        self._model = model
        pixels = _pixel_scale(model, folder)
        self._network, self._tokenizer = _load(model, folder)
        self._picture_px, self._longest_tokens = _sizes(model, self._network.config)
        self._dimension = self._probe(pixels)
        digest = _digest(model, folder)
        digest += self._adapt(pixels, adapter, f"clip-{Path(model).name}-{digest}")
        self._name = f"clip-{Path(model).name}-{digest}"
        self.vision = VisionModel(
            ClipVision(self._network, pixels, has_tiles=self._probe_tiles(pixels)).eval(),
            key=f"clip-{digest}-{pixels.digest}",
            picture_px=self._picture_px,
            dimension=self._dimension,
            pictures_at_once=_PICTURES_AT_ONCE,
            attends=True,
            exact_parts=(),
            worth_converting=True,
            fresh=partial(
                self._loaded_again,
                partial(ClipEncoder, model, threads=threads, models_dir=models_dir, adapter=adapter),
            ),
        )
        self._tower = (runtimes or PyTorch()).tower(self.vision)
        if not self._tower.runs_network and hasattr(self._network, "vision_model"):
            del self._network.vision_model  # 340 MB of a ViT-B/16, which nobody asks any more

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def picture_px(self) -> int:
        return self._picture_px

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """(B, D), unit length, of B RGB pictures of (S, S, 3)."""
        return self.embed_scenes(pictures)[0]

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """(B, D) and (B, TILES, D), unit length; none for a model whose patches can't be brought into its space."""
        return embed(self._tower, pictures) if len(pictures) else (np.empty((0, self._dimension), np.float32), None)

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D), unit length: the normalised mean over the templates."""
        if not texts:
            return np.empty((0, self._dimension), np.float32)
        for text in texts:
            if unread := self.tokens_unread(text):
                structlog.get_logger().warning("sentence_cut_off", sentence=text[:80], tokens_unread=unread)
        return np.asarray(ensemble(self._read(phrased(texts))).numpy(), np.float32)

    def tokens_unread(self, text: str) -> int:
        """How many of the sentence's tokens stand beyond what the model reads: 77 of CLIP, 64 of SigLIP."""
        return max(0, len(self._tokenizer(text)["input_ids"]) - self._longest_tokens)

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,): the same for every text, 2.5 times the temperature that the model learnt for its cosines.

        Nobody ships a covariance with these models, and the pictures to estimate one from are not there at the start.
        The builtin bridge needs one for each text because its "person" is in most captions; a model trained on
        hundreds of millions of pairs has no such favourite. What must be right is the unit, in which margins are
        set: the learnt temperature is the difference of cosines that the model itself counts as e to 1. CLIP's is
        0.01. The factor is a guess at how many of these the cosines of ordinary pictures to one text deviate by; no
        figure stands behind it, and nothing was measured with trained weights here.
        """
        temperature = (-self._network.logit_scale).exp().item()
        return np.full(len(texts), _SPREAD_IN_TEMPERATURES * temperature, np.float32)

    def _read(self, sentences: Sequence[str]) -> Tensor:
        """Unit embeddings (N, D); what is longer than the model reads is cut off."""
        # padded to the full length: SigLIP reads its answer off the last position, CLIP does not care
        encoded = self._tokenizer(
            list(sentences),
            padding="max_length",
            truncation=True,
            max_length=self._longest_tokens,
            return_tensors="pt",
        )
        inputs = {"input_ids": encoded["input_ids"]}
        if "siglip" not in self._network.config.model_type:  # SigLIP was trained to look at the padding too
            inputs["attention_mask"] = encoded["attention_mask"]
        return _unit(embedding_in(self._network.get_text_features(**inputs)))

    @torch.inference_mode()
    def _probe(self, pixels: PixelScale) -> int:
        """The dimension, found by trying: a model of another kind fails here, not at the first frame at midnight."""
        vision = ClipVision(self._network, pixels, has_tiles=False)
        try:
            picture, texts = _unit(vision(self._black())), self._read(["a person", "an empty room"])
            spread = self.text_spread(texts.numpy())
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise _unusable(self._model, f"it does not work as a dual encoder ({error})") from error
        if picture.shape[-1] != texts.shape[-1]:
            raise _unusable(self._model, "its pictures and its texts have embeddings of different sizes")
        if not (torch.isfinite(picture).all() and torch.isfinite(texts).all() and np.isfinite(spread).all()):
            raise _unusable(self._model, "its weights hold numbers that are none (NaN)")
        if torch.equal(texts[0], texts[1]):  # transformers makes an empty tokenizer where the files are lost
            raise _unusable(self._model, "its tokenizer cannot tell a person from an empty room")
        return picture.shape[-1]

    @torch.inference_mode()
    def _probe_tiles(self, pixels: PixelScale) -> bool:
        """Whether the patches' states lead into the space of the embeddings, found by trying."""
        try:
            _, tiles = ClipVision(self._network, pixels, has_tiles=True)(self._black())
        except (AttributeError, RuntimeError):
            return False
        return bool(tiles.shape == (1, TILES, self._dimension))

    def _adapt(self, pixels: PixelScale, adapter: Path | None, name: str) -> str:
        """Merge the adapter into the network, if it fits; what it adds to the name of the encoder called ``name``."""
        if adapter is None or not adapter.exists():
            return ""
        try:
            merge(ClipVision(self._network, pixels, has_tiles=False), adapter, part="clip", encoder=name)
        except PermanentError as error:
            structlog.get_logger().warning("adapter_left_out", file=str(adapter), reason=str(error))
            return ""
        return f"-lora{sha256_of(adapter)[:8]}"

    def _loaded_again(self, load: Callable[[], ClipEncoder]) -> nn.Module:
        """The picture side with weights of its own, when what computed it instead has failed.

        Raises:
            RuntimeUnusableError: the weights on the disk are no longer those that this encoder is named after, or gone.
        """
        try:
            again = load()
        except ConfigError as error:
            raise RuntimeUnusableError(f"the weights can't be loaded again: {error}") from error
        if again.name != self._name:
            raise RuntimeUnusableError(f"the weights of {self._model} have changed since the start: restart the daemon")
        network = again.vision.network
        assert isinstance(network, ClipVision)
        network.let_texts_go()
        return network

    def _black(self) -> Tensor:
        return torch.zeros(1, self._picture_px, self._picture_px, 3, dtype=torch.uint8)


def available(model: str, *, models_dir: Path | None = None) -> bool:
    """Whether the files of ``model`` are on this machine; opens no connection and reads no weights."""
    return model_folder(model, models_dir=models_dir) is not None


def _load(model: str, folder: Path) -> tuple[Any, Any]:
    """The network and its tokenizer; every weight must be there and fit."""
    # its bars and advice are for people who train; what matters comes back as an error below
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        network, report = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they come in the report, by name
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (KeyError, OSError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
        raise _unusable(model, str(error).splitlines()[0]) from error
    lacking = [*report["missing_keys"], *(key for key, *_shapes in report["mismatched_keys"])]
    if lacking:
        raise _unusable(model, f"{len(lacking)} of its weights are missing or of another shape, such as {lacking[0]}")
    network.eval().requires_grad_(requires_grad=False)
    return network, tokenizer


def _digest(model: str, folder: Path) -> str:
    try:
        return weights_digest(folder)
    except (OSError, ValueError) as error:
        raise _unusable(model, str(error)) from error


def _sizes(model: str, config: Any) -> tuple[int, int]:
    """S, and the longest text in tokens."""
    vision, text = getattr(config, "vision_config", None), getattr(config, "text_config", None)
    picture_px, longest = getattr(vision, "image_size", None), getattr(text, "max_position_embeddings", None)
    if not isinstance(picture_px, int) or not isinstance(longest, int):
        raise _unusable(model, f"it is a {config.model_type}, not a dual encoder of pictures and texts")
    return picture_px, longest


def _pixel_scale(model: str, folder: Path) -> PixelScale:
    try:
        return read_pixel_scale(folder)
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise _unusable(model, f"its preprocessor_config.json cannot be used ({error})") from error


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors.float(), dim=-1)


def _unusable(model: str, why: str) -> ConfigError:
    again = "copy the folder again" if is_folder(model) else f"fetch it again with `vidsense models pull {model}`"
    return ConfigError(f"cannot use {model} as an encoder: {why}; {again}, or use encoder.backend: builtin")
