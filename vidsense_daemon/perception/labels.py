"""What else an event shows, in words of the operator's vocabulary: zero-shot tags. Pure.

A label is scored like a trigger's prompt, against the background and against the rivals of its class, but for itself: a
van's label must not borrow the score of "a car". Of the labels of one class only the one that looks most alike stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vidsense_daemon.perception.scoring import Look, TriggerTexts, score
from vidsense_daemon.perception.triggers import DEFAULT_COLD_THRESHOLD, DEFAULT_THRESHOLD
from vidsense_daemon.perception.vocabulary import class_of

_MOST_LABELS = 3  # of one event; what is less clear is a guess

Seen = Mapping[str, float]  # label → how much of it there is to see, in spreads


class Labels:
    """The vocabulary, as vectors."""

    def __init__(self, texts: Mapping[str, TriggerTexts]) -> None:
        self._texts = texts
        self._kinds = {label: found.name if (found := class_of(label)) else label for label in texts}

    def seen_in(self, look: Look) -> Seen:
        """The labels that one look shows."""
        threshold = DEFAULT_COLD_THRESHOLD if look.cold else DEFAULT_THRESHOLD
        scores = {label: score(look, texts) for label, texts in self._texts.items()}
        return {label: seen.presence for label, seen in scores.items() if seen.wins and seen.presence > threshold}

    def clearest(self, looks: Iterable[Seen]) -> tuple[str, ...]:
        """The labels of an event with these looks, clearest first."""
        best: dict[str, float] = {}
        for seen in looks:
            for label, presence in seen.items():
                best[label] = max(presence, best.get(label, presence))
        of_kind: dict[str, str] = {}
        for label in sorted(best, key=lambda label: -best[label]):
            of_kind.setdefault(self._kinds[label], label)
        return tuple(of_kind.values())[:_MOST_LABELS]
