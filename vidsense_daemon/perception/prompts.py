"""A trigger's sentences as vectors: embedded once, divided by their spread, shared between cameras.

Called by the perception thread, which owns the encoder. A prompt that the encoder can't embed costs its own trigger
only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import PermanentError, VidsenseError
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.perception.scoring import TriggerTexts
from vidsense_daemon.perception.triggers import TriggerRule
from vidsense_daemon.perception.vocabulary import EMPTY, class_of, rivals_of


class PromptBook:
    """Sentences and their vectors; each sentence is embedded once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def texts_of(self, rule: TriggerRule) -> TriggerTexts:
        """The vectors that ``rule`` is scored with.

        Raises:
            PermanentError: the encoder can't make vectors of the rule's sentences.
        """
        own = class_of(rule.prompt)
        own_texts = (rule.prompt, *(own.texts + own.wider if own else ()))
        rival_texts = [text for rival in rivals_of(rule.prompt) for text in rival.texts]
        try:
            return TriggerTexts(
                own=self._vectors_of(own_texts),
                nothing=self._vectors_of((*EMPTY, *rule.contrast)),
                rivals=self._vectors_of((*rival_texts, *rule.contrast)),
            )
        except (VidsenseError, ValueError, RuntimeError) as error:  # RuntimeError is what torch raises
            raise PermanentError(
                f'trigger {rule.name}: the encoder {self._encoder.name} can\'t embed its sentences ("{rule.prompt}"): '
                f"{error}. Put the prompt into short, plain English"
            ) from error

    def texts_of_label(self, label: str) -> TriggerTexts:
        """The vectors that a label is scored with: its own words only.

        Raises:
            PermanentError: the encoder can't make vectors of it.
        """
        rivals = [text for rival in rivals_of(label) for text in rival.texts]
        try:
            return TriggerTexts(
                own=self._vectors_of([label]), nothing=self._vectors_of(EMPTY), rivals=self._vectors_of(rivals)
            )
        except (VidsenseError, ValueError, RuntimeError) as error:
            raise PermanentError(
                f'the encoder {self._encoder.name} can\'t embed the label "{label}": {error}'
            ) from error

    def _vectors_of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if missing:
            self._vectors |= dict(zip(missing, self._embed(missing), strict=True))
        dimension = self._encoder.dimension
        return np.stack([self._vectors[text] for text in texts]) if texts else np.zeros((0, dimension), np.float32)

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = self._encoder.embed_texts(texts)  # (N, D)
        spread = self._encoder.text_spread(vectors)  # (N,)
        if not (np.isfinite(vectors).all() and np.isfinite(spread).all() and (spread > 0).all()):
            raise ValueError("the vectors hold values that are no numbers")
        return np.asarray(vectors / spread[:, None], np.float32)  # (N, D)
