"""Hold what the model said against what the camera's own embeddings saw.

A language model fills gaps with likely things. Each of its claims is a sentence, so the encoder that triggers events
can score it on the event's own windows; a claim without support is kept, but marked. Pure, but for the ports.

    c_j = crop − background of window j        t, r_k = a claim and the reference sentences, divided by their spread σ
    z_j = (c_j · t − mean_k c_j · r_k) / std_k c_j · r_k          support = mean_j z_j

Absolute scores do not do: whatever moves resembles every sentence about things more than an empty ground does
(benchmarks/grounding.py). So a claim has to stand out among sentences about anything that could be there.

D = dimension of the embedding space, N = claims, M = windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.description.schema import Threat, VideoAnswer
from vidsense_daemon.domain.events import EventRecord, Severity

# where true and false claims part best on the tuning cameras of benchmarks/grounding.py
SUPPORTED = 0.5
# what could be before a camera around a home, none of it more than the rest
REFERENCES = (
    *("a person", "a child", "an animal", "a dog", "a cat", "a bird", "a car", "a truck", "a motorcycle", "a bicycle"),
    *("a package", "a bag", "a ball", "a chair", "a ladder", "a lamp", "a sign", "a gate", "a door opening", "a tree"),
    *("leaves moving", "a shadow", "smoke", "rain"),
)
_MOST_CLAIMS = 16
_RAISED = {Threat.MEDIUM: Severity.WARNING, Threat.HIGH: Severity.ALERT}


class Evidence(Protocol):
    """What the encoder makes of sentences on an event's stored windows."""

    def support(self, record: EventRecord, claims: Sequence[str]) -> Sequence[float] | None:
        """How far each claim stands out among sentences about anything; none when no window is kept."""


class WindowEvidence:
    """Support from stored windows; used by the description thread.

    ``changes`` gives an event's window changes, each (D,): `crop_change` of the stored windows of its encoder between
    its start and end. ``embed_texts`` gives (N, D) of that same encoder, unit length divided by each text's spread; it
    must be safe to call while perception runs.
    """

    def __init__(
        self,
        *,
        changes: Callable[[EventRecord], Sequence[NDArray[np.float32]]],
        embed_texts: Callable[[Sequence[str]], NDArray[np.float32]],
    ) -> None:
        self._changes = changes
        self._embed_texts = embed_texts
        self._references: NDArray[np.float32] | None = None

    def support(self, record: EventRecord, claims: Sequence[str]) -> list[float] | None:
        changes = self._changes(record)
        if not changes or not claims:
            return None
        if self._references is None:
            self._references = self._embed_texts(REFERENCES)
        return [float(s) for s in support(np.stack(changes), self._embed_texts(claims), self._references)]


def support(
    changes: NDArray[np.float32], claims: NDArray[np.float32], references: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N,) of ``changes`` (M, D) and ``claims`` (N, D): the formula of the module's head."""
    scores = changes @ claims.T  # (M, N)
    common = changes @ references.T  # (M, references)
    spread = np.maximum(common.std(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(((scores - common.mean(axis=1, keepdims=True)) / spread).mean(axis=0), np.float32)  # (N,)


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing the model said, and how much of it the camera's own embeddings show."""

    text: str
    support: float | None  # none: there was nothing to hold it against

    @property
    def certain(self) -> bool:
        return self.support is not None and self.support >= SUPPORTED

    def as_details(self) -> dict[str, Any]:
        return {
            "claim": self.text,
            "support": None if self.support is None else round(self.support, 3),
            "certain": self.certain,
        }


def claims_of(answer: VideoAnswer) -> list[str]:
    """What the answer says is there and happens; each once."""
    return list(dict.fromkeys(text for text in [*answer.actions, *answer.objects] if text))[:_MOST_CLAIMS]


def held_against(evidence: Evidence | None, record: EventRecord, answer: VideoAnswer) -> list[Claim]:
    """The answer's claims with their support; unsupported ones are marked, never taken out."""
    texts = claims_of(answer)
    scores = evidence.support(record, texts) if evidence is not None and texts else None
    if scores is None:
        return [Claim(text, None) for text in texts]
    return [Claim(text, float(score)) for text, score in zip(texts, scores, strict=True)]


def raised(severity: Severity, threat: Threat) -> Severity:
    """The event's severity in the light of the model's word: raised or as it was, never lower.

    Anybody can hold a sign before the camera that says "all is well".
    """
    wanted = _RAISED.get(threat, severity)
    return max(severity, wanted, key=lambda one: one.rank)
