"""Hold what the model said against what the camera's own embeddings saw.

A language model fills gaps with likely things. Each of its claims is a sentence, so the encoder that triggers events
can score it on the event's own window; a claim without support is kept, but marked. Pure, but for the port.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vidsense_daemon.description.schema import Threat, VideoAnswer
from vidsense_daemon.domain.events import EventRecord, Severity

# in the unit of `Event.score`: spreads of ordinary pictures over the camera's background. Noise reaches 0.1 or so;
# a claim has to stand out less than a trigger, since the trigger has already said that something is there.
SUPPORTED = 0.15
_MOST_CLAIMS = 16
_RAISED = {Threat.MEDIUM: Severity.WARNING, Threat.HIGH: Severity.ALERT}
_ORDER = tuple(Severity)


class Evidence(Protocol):
    """What the encoder makes of sentences on an event's stored window."""

    def support(self, record: EventRecord, claims: Sequence[str]) -> Sequence[float] | None:
        """A score for each claim, in the unit of `Event.score`; none when the window is no longer kept."""


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
    return max(severity, wanted, key=_ORDER.index)
