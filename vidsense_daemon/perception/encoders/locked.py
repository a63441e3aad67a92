"""An encoder that several threads may ask, one at a time: perception for its frames, others for a sentence."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.perception.encoders.wrapped import WrappedEncoder


class LockedEncoder(WrappedEncoder):
    """Around another encoder; every method is thread-safe.

    A sentence waits for the batch of pictures under way: some hundred milliseconds. Whoever asks from a second thread
    pays PyTorch's own thread count there, which is all right for a sentence.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self._lock = threading.Lock()

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        with self._lock:
            return super().embed_pictures(pictures)

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        with self._lock:
            return super().embed_scenes(pictures)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            return super().embed_texts(texts)

    def text_spread(self, texts: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._lock:
            return super().text_spread(texts)
