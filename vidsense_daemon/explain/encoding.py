"""The frames as perception sees them: embedded, cut into windows, scored. All of it perception's own code.

F = frames, T = frames of a window, D = dimension of the embedding space, Q = queries.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.windows import EmbeddedFrame, Window, unit
from vidsense_daemon.perception.embedding import FrameEmbedder
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.scoring import TriggerTexts, look_at, score
from vidsense_daemon.perception.temporal import Contextualised, TemporalTransformer
from vidsense_daemon.perception.triggers import TriggerRule
from vidsense_daemon.perception.windows import SlidingWindow, inputs_of, seconds_of

Floats = NDArray[np.float32]

MOST_QUERY_WORDS = 50  # CLIP reads 77 tokens, some 55 words, and cuts off the rest without a word
_MOST_QUERY_LETTERS = 400


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A clip's frames in the encoder's space, and what that took."""

    pairs: tuple[tuple[Frame, EmbeddedFrame], ...]
    pictures: int  # that went through the encoder: whole, crop and backgrounds
    encode_s: float

    @property
    def frames(self) -> tuple[EmbeddedFrame, ...]:
        return tuple(embedded for _frame, embedded in self.pairs)

    @property
    def wholes(self) -> Floats:
        """(F, D): the whole pictures' embeddings."""
        return np.stack([frame.whole for frame in self.frames]).astype(np.float32)

    @property
    def scenes(self) -> NDArray[np.int64]:
        """(F,): which scene each frame belongs to, counted from 0."""
        return np.cumsum([frame.scene_changed and place > 0 for place, frame in enumerate(self.frames)])


def encode(frames: Sequence[Frame], encoder: Encoder) -> Encoded:
    """The frames embedded as the daemon embeds them; blocks for some 10 to 100 ms a picture.

    Raises:
        PermanentError: the encoder can't use a single one.
    """
    embedder = FrameEmbedder(encoder)
    begun_s = time.perf_counter()
    embedded = embedder.embed(frames)
    took_s = time.perf_counter() - begun_s
    if not embedded:
        raise PermanentError(f"the encoder {encoder.name} could not use any of the {len(frames)} frames")
    places = {(frame.run_id, frame.index): frame for frame in frames}
    pairs = tuple((places[each.run_id, each.index], each) for each in embedded)
    return Encoded(pairs=pairs, pictures=embedder.embedded_pictures, encode_s=took_s)


def check_queries(queries: Sequence[str]) -> None:
    """Refuse sentences that no encoder reads to their end.

    Raises:
        PermanentError: one is empty, or too long; the message says how long it may be.
    """
    for query in queries:
        words = len(query.split())
        if not words:
            raise PermanentError("--query is empty: write what to look for, such as --query 'a person'")
        if words > MOST_QUERY_WORDS or len(query) > _MOST_QUERY_LETTERS:
            raise PermanentError(
                f'--query "{query[:40]}…" has {words} words: encoders read one short sentence. Write at most '
                f"{MOST_QUERY_WORDS} words, such as --query 'a person at the door'"
            )


def texts_of(queries: Sequence[str], encoder: Encoder) -> dict[str, TriggerTexts]:
    """Each query as a trigger's texts: with the empty phrases, synonyms and rivals that a trigger would have.

    Raises:
        PermanentError: the encoder can't make vectors of one.
    """
    book = PromptBook(encoder)
    return {query: book.texts_of(TriggerRule(name=query[:40], prompt=query)) for query in queries}


@torch.inference_mode()
def contextualised(
    frames: Sequence[EmbeddedFrame], temporal: TemporalTransformer, *, with_attention: bool = False
) -> Contextualised:
    """One window through the temporal transformer, causal as it is live. (1, T, D)"""
    x = torch.from_numpy(inputs_of(frames))[None]  # (1, T, D)
    seconds = torch.from_numpy(seconds_of(frames))[None]  # (1, T)
    made: Contextualised = temporal(x, seconds, causal=True, with_attention=with_attention)
    return made


def windows_of(frames: Sequence[EmbeddedFrame], temporal: TemporalTransformer, *, window_frames: int) -> list[Window]:
    """The window that each frame ends, as perception makes them live."""
    sliding = SlidingWindow(window_frames=window_frames)
    windows = []
    for frame in frames:
        if not sliding.takes(frame):
            sliding.clear()
        inside = sliding.add(frame)
        made = contextualised(inside, temporal)
        windows.append(Window(inside, made.frames[0].numpy(), made.pooled[0].numpy()))
    return windows


def scores(windows: Sequence[Window], texts: dict[str, TriggerTexts]) -> Floats:
    """(Q, F): each query's score s as each frame came; NaN where another scene has just begun."""
    values = np.full((len(texts), len(windows)), np.nan, np.float32)
    for place, window in enumerate(windows):
        look = look_at(window)
        if look is not None:
            values[:, place] = [score(look, each).presence for each in texts.values()]
    return values


def evenly(count: int, most: int) -> list[int]:
    """Places of at most ``most`` of ``count`` things, evenly spread from the first to the last."""
    return [int(place) for place in np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))]


def cosines(vectors: Floats) -> Floats:
    """(F, D) → (F, F): each with each."""
    units = unit(vectors)
    return np.asarray(np.clip(units @ units.T, -1, 1), np.float32)
