"""Part 6, quantization: the same pictures through the encoder in other precisions, measured on this machine.

The variants take turns at every picture, so that a loaded machine slows all of them alike. Whether a precision is good
enough is asked twice: how far its embeddings turn away, and whether a trigger would still decide the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Frame, Picture
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.explain.encoding import Floats, encode, evenly, windows_of
from vidsense_daemon.perception.adapters import fresh_temporal
from vidsense_daemon.perception.scoring import TriggerTexts, look_at, score
from vidsense_daemon.perception.triggers import DEFAULT_THRESHOLD

PICTURES = 8  # timed
_ROUNDS = 3  # the first is not counted: caches, threads and kernels warm up in it
_MOST_FRAMES = 48  # whose decisions are compared

Embedded = tuple[Floats, Floats | None]  # (B, D) unit length; (B, TILES, D) or none


class Variant(Protocol):
    """The encoder's picture side in one precision on one library."""

    @property
    def name(self) -> str:
        """Such as "torch fp32"."""

    @property
    def megabytes(self) -> float:
        """Of its weights in memory."""

    def embed(self, pictures: Sequence[Picture]) -> Embedded:
        """Pictures (S, S, 3)."""


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """One precision."""

    name: str
    megabytes: float
    ms_per_picture: float  # median
    cosine_mean: float  # to the first row's embeddings of the same pictures
    cosine_least: float
    decisions: int  # compared: queries times frames
    same_decisions_ratio: float  # of them: fires or not, as the first row decides


@dataclass(frozen=True, slots=True)
class DescriberRow:
    """One model that could describe."""

    name: str
    size_bytes: int
    parameters: str
    quantization: str
    seconds: float | None  # median of the descriptions that it made here; none when it made none
    events: int


@dataclass(frozen=True, slots=True)
class Quantization:
    """What the machine was seen to do."""

    encoders: tuple[EncoderRow, ...]  # the first one is what the others are compared with
    encoders_left_out: tuple[str, ...]  # which precision is not there, and why
    describers: tuple[DescriberRow, ...]
    describers_note: str  # why there are none, when there are none
    pictures: int  # timed, of this clip
    threshold: float  # of a decision


def encoder_rows(
    variants: Sequence[Variant], frames: Sequence[Frame], encoder: Encoder, texts: Mapping[str, TriggerTexts]
) -> list[EncoderRow]:
    """Every variant beside the first one; blocks for some seconds."""
    if not variants:
        return []
    pictures = [frame.whole.picture for frame in _spread(frames, PICTURES)]
    times_ms = _times_ms(variants, pictures)
    embedded = [variant.embed(pictures)[0] for variant in variants]
    some = _spread(frames, _MOST_FRAMES)
    decisions = [_decisions(_Swapped(encoder, variant), some, texts) for variant in variants]
    rows = []
    for variant, ms, vectors, decided in zip(variants, times_ms, embedded, decisions, strict=True):
        alike = np.einsum("bd,bd->b", vectors, embedded[0])
        rows.append(
            EncoderRow(
                name=variant.name,
                megabytes=variant.megabytes,
                ms_per_picture=ms,
                cosine_mean=float(alike.mean()),
                cosine_least=float(alike.min()),
                decisions=decided.size,
                same_decisions_ratio=float((decided == decisions[0]).mean()) if decided.size else float("nan"),
            )
        )
    return rows


def _times_ms(variants: Sequence[Variant], pictures: Sequence[Picture]) -> list[float]:
    """Medians in milliseconds a picture, one picture at a time, the variants in turn."""
    taken: list[list[float]] = [[] for _ in variants]
    for turn in range(_ROUNDS):
        for picture in pictures:
            for place, variant in enumerate(variants):
                begun_s = time.perf_counter()
                variant.embed([picture])
                if turn:
                    taken[place].append(1000 * (time.perf_counter() - begun_s))
    return [float(np.median(each)) for each in taken]


def _decisions(encoder: Encoder, frames: Sequence[Frame], texts: Mapping[str, TriggerTexts]) -> NDArray[np.bool_]:
    """(Q, F): whether each look is over the default threshold and beats its rivals."""
    embedded = encode(frames, encoder).frames
    windows = windows_of(embedded, fresh_temporal(encoder.dimension), window_frames=len(embedded))
    decided = np.zeros((len(texts), len(windows)), np.bool_)
    for place, window in enumerate(windows):
        look = look_at(window)
        for row, each in enumerate(texts.values()):
            found = None if look is None else score(look, each)
            decided[row, place] = found is not None and found.presence > DEFAULT_THRESHOLD and found.wins
    return decided


def _spread(frames: Sequence[Frame], most: int) -> list[Frame]:
    return [frames[place] for place in evenly(len(frames), most)]


class _Swapped:
    """An encoder whose pictures another variant embeds; the texts stay its own."""

    def __init__(self, encoder: Encoder, variant: Variant) -> None:
        self._encoder = encoder
        self._variant = variant
        self.name = f"{encoder.name} in {variant.name}"
        self.dimension = encoder.dimension
        self.picture_px = encoder.picture_px

    def embed_pictures(self, pictures: Sequence[Picture]) -> Floats:
        return self._variant.embed(pictures)[0]

    def embed_scenes(self, pictures: Sequence[Picture]) -> Embedded:
        return self._variant.embed(pictures)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        return self._encoder.embed_texts(texts)

    def text_spread(self, texts: Floats) -> Floats:
        return self._encoder.text_spread(texts)
