"""An encoder that keeps its sentences' embeddings on disk: a restart has the triggers' and the labels' at once.

One file in the cache folder holds the newest of one encoder. The encoder's name, which holds a digest of its weights,
says whose they are; the templates that every sentence is said in stand beside it. Whatever is damaged or of another
encoder is left aside and written anew.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from vidsense_daemon.base.files import hand_over, make_private
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.perception.encoders.phrasing import TEMPLATES
from vidsense_daemon.perception.encoders.wrapped import WrappedEncoder

_FORMAT = 1
_KEPT = 500  # sentences; 1 MB, where a house has some hundred


class RememberedTexts(WrappedEncoder):
    """Around another encoder; not thread-safe."""

    def __init__(self, encoder: Encoder, *, path: Path) -> None:
        """``path`` is read now, and written whenever a new sentence comes."""
        super().__init__(encoder)
        self._path = path
        self._owner = {"format": _FORMAT, "encoder": encoder.name, "templates": list(TEMPLATES)}
        self._vectors = self._read()  # least recently asked first
        self._can_write = True

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D), unit length: only those that are not remembered are embedded."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if missing:
            new = zip(missing, super().embed_texts(missing), strict=True)
            found = {**{text: self._vectors[text] for text in texts if text in self._vectors}, **dict(new)}
            self._keep({text: vector for text, vector in found.items() if np.isfinite(vector).all()})
        else:
            found = {text: self._vectors[text] for text in texts}
        return np.stack([found[text] for text in texts]) if texts else np.empty((0, self.dimension), np.float32)

    def _keep(self, asked: dict[str, NDArray[np.float32]]) -> None:
        others = {text: vector for text, vector in self._vectors.items() if text not in asked}
        self._vectors = dict(list({**others, **asked}.items())[-_KEPT:])
        if self._vectors and self._can_write:
            self._write()

    def _read(self) -> dict[str, NDArray[np.float32]]:
        try:
            with self._path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                head, vectors = json.loads(str(found["head"])), found["vectors"]
            texts = [str(text) for text in head.pop("texts")]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
            return {}
        fits = vectors.shape == (len(texts), self.dimension) and vectors.dtype == np.float32
        if head != self._owner or not fits or not np.isfinite(vectors).all():
            return {}
        return dict(zip(texts, vectors, strict=True))

    def _write(self) -> None:
        """Write and rename, so that nobody reads half a file."""
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        head = json.dumps({**self._owner, "texts": list(self._vectors)})
        try:
            make_private(self._path.parent)
            with partial.open("wb") as file:
                hand_over(file.fileno(), of=partial.parent)
                np.savez(file, head=np.array(head), vectors=np.stack(list(self._vectors.values())))
            partial.replace(self._path)
        except OSError as error:  # a full disk costs a second at the next start, nothing else
            self._can_write = False
            structlog.get_logger().warning(
                "texts_not_kept", folder=str(self._path.parent), reason=error.strerror or str(error)
            )
