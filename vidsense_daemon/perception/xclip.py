"""Actions that nobody here has trained: X-CLIP, a video model of transformers, when its weights are on this machine.

It reads eight whole pictures and a few sentences, whatever the encoder is (Ni et al. 2022, arXiv:2208.02816). Weights
are never fetched: `vidsense models pull microsoft/xclip-base-patch16` puts them there. A window takes a second or two
of one core, so it is asked every two seconds of a camera's time, and its last word stands in between.

    s = (l_action − mean l_other)/2.5      l: the model's logits; in the unit of an encoder's score (encoders/clip.py)
    m = l_action − max l_other             it must be likelier than everything that it is told apart from

T = frames, S = the model's picture side in px, N = sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch.nn import functional
from transformers import AutoTokenizer, XCLIPModel

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.perception.actions import NOTHING_SEEN, at_busy_rate
from vidsense_daemon.perception.encoders.hub_files import PixelScale, model_folder, read_pixel_scale
from vidsense_daemon.perception.scoring import Score

DEFAULT_MODEL = "microsoft/xclip-base-patch16"
OTHERWISE = ("an empty place", "people walking", "people standing around", "a car driving")

_SPREAD = 2.5  # logits: the difference that counts as one spread, as for CLIP
_ASKED_EVERY = timedelta(seconds=2)


class VideoModel:
    """The network and its tokenizer; not thread-safe."""

    def __init__(self, model: str, *, models_dir: Path | None = None) -> None:
        """Load the weights; some seconds.

        Raises:
            PermanentError: they are not on this machine, damaged, or of another kind of model.
        """
        folder = model_folder(model, models_dir=models_dir)
        if folder is None:
            raise PermanentError(f"the weights of {model} are not on this machine: run `vidsense models pull {model}`")
        try:
            loaded: Any = XCLIPModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
            network, report = loaded
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._pixels: PixelScale = read_pixel_scale(folder)
        except (KeyError, OSError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
            raise PermanentError(f"cannot use {model} to see actions: {str(error).splitlines()[0]}") from error
        if lacking := [*report["missing_keys"], *report["mismatched_keys"]]:
            raise PermanentError(f"cannot use {model} to see actions: {len(lacking)} of its weights are not there")
        self._network: Any = network.eval().requires_grad_(requires_grad=False)
        self._frames = int(network.config.vision_config.num_frames)
        self._side_px = int(network.config.vision_config.image_size)
        self._longest_tokens = int(network.config.text_config.max_position_embeddings)

    @torch.inference_mode()
    def logits(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> NDArray[np.float32]:
        """(N,): how well the pictures, oldest first and of any number, fit each sentence."""
        chosen = np.linspace(0, len(pictures) - 1, self._frames).round().astype(int)
        pixels = self._pixels.apply([pictures[index] for index in chosen])  # (T, 3, S', S')
        if pixels.shape[-1] != self._side_px:
            pixels = functional.interpolate(pixels, size=self._side_px, mode="bilinear", antialias=True)
        tokens = self._tokenizer(
            list(sentences), padding=True, truncation=True, max_length=self._longest_tokens, return_tensors="pt"
        )
        made = self._network(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], pixel_values=pixels[None]
        )
        return np.asarray(made.logits_per_video[0].numpy(), np.float32)


@dataclass(slots=True, eq=False)
class VideoHead:
    """One sentence of a trigger, looked for by the video model."""

    model: VideoModel
    sentence: str
    otherwise: tuple[str, ...]  # what it is told apart from
    _told: dict[str, tuple[datetime, Score]] = field(default_factory=dict)  # by camera: when it was asked, and its word

    def score_of(self, window: Window) -> Score:
        """Like `ActionHead.score_of`."""
        newest = window.frames[-1]
        if not newest.moving or newest.scene_changed:
            return NOTHING_SEEN
        asked_at, word = self._told.get(window.camera, (None, NOTHING_SEEN))
        if asked_at is not None and timedelta(0) <= newest.captured_at - asked_at < _ASKED_EVERY:
            return word
        pictures = [frame.picture for frame in at_busy_rate(window.frames) if frame.picture is not None]
        if not pictures:
            return NOTHING_SEEN
        own, *other = self.model.logits(pictures, (self.sentence, *self.otherwise)).tolist()
        word = Score(presence=(own - float(np.mean(other))) / _SPREAD, rival_margin=own - max(other))
        self._told[window.camera] = newest.captured_at, word
        return word
