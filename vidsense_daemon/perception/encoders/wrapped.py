"""An encoder around another one, which says what that one says: whoever adds something overrides what it changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.ports import Encoder


class WrappedEncoder:
    """The `Encoder` port, handed on."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def name(self) -> str:
        return self._encoder.name

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    @property
    def picture_px(self) -> int:
        return self._encoder.picture_px

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        return self._encoder.embed_pictures(pictures)

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        return self._encoder.embed_scenes(pictures)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encoder.embed_texts(texts)

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._encoder.text_spread(texts)
