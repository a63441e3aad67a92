"""Train the owner's actions and say what came of it: a model beside its card, or nothing new and the old model stays.

The card is written for the owner: what was learnt from, which candidates were tried on sources that were held out,
which one is shipped and why, and how much it finds and misses at the usual threshold. `vidsense train actions` calls
this, in its own thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.files import replace_file
from vidsense_daemon.evaluation.acting import Gathered, gather
from vidsense_daemon.evaluation.sets import ClassedClips
from vidsense_daemon.learning.actions import STEPS, Choice, Tested, chosen, cross_validated, trained
from vidsense_daemon.learning.clips import ClipReader
from vidsense_daemon.learning.folds import grouped_folds
from vidsense_daemon.learning.measures import precision_recall
from vidsense_daemon.learning.progress import Progress
from vidsense_daemon.perception.actions import NOTHING, ActionModel
from vidsense_daemon.perception.triggers import DEFAULT_THRESHOLD

CARD = "CARD.md"
_NO_SKILL = 0.6  # a lower end of the interval below this tells chance from skill by little


@dataclass(frozen=True, slots=True)
class ActionCard:
    """What a training made of which clips."""

    actions: tuple[str, ...]
    encoder: str
    clips: int
    sources: int
    choice: Choice
    at_threshold: tuple[tuple[str, float, float], ...]  # action, precision and recall of windows out of fold
    notes: tuple[str, ...]

    @property
    def has_skill(self) -> bool:
        """Whether what is shipped is clearly better than guessing."""
        return self.choice.aucs[self.choice.name].low > _NO_SKILL

    def markdown(self) -> str:
        choice = self.choice
        lines = [
            f"# Trained actions: {', '.join(self.actions)}",
            "",
            f"{self.clips} parts of clips from {self.sources} sources, embedded by {self.encoder}.",
            "Every figure is of sources that were held out.",
            "",
            "| candidate | AUC of clips |",
            "|---|---|",
            *(f"| {name.replace('|', chr(92) + '|')} | {figure} |" for name, figure in choice.aucs.items()),
            "",
            f"Shipped: {choice.name}. {self._why()}",
            "",
            *(
                f"At a threshold of {DEFAULT_THRESHOLD}, {action}: {100 * precision:.0f} % of the windows found are "
                f"right, {100 * recall:.0f} % of the right ones are found."
                for action, precision, recall in self.at_threshold
            ),
        ]
        if not self.has_skill:
            lines += ["", "**No skill was shown: do not rely on it.** More clips from more sources may help."]
        lines += ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "actions": list(self.actions),
            "encoder": self.encoder,
            "clips": self.clips,
            "sources": self.sources,
            "shipped": self.choice.name,
            "has_skill": self.has_skill,
            "auc": {name: [figure.value, figure.low, figure.high] for name, figure in self.choice.aucs.items()},
            "transformer_contribution": [
                self.choice.contribution.value,
                self.choice.contribution.low,
                self.choice.contribution.high,
            ],
            "notes": list(self.notes),
        }

    def _why(self) -> str:
        choice = self.choice
        told = f"{choice.contender} less {choice.baseline}: {choice.contribution.as_difference()} points"
        if choice.name == choice.contender:
            return f"It beat its best baseline ({told})."
        return f"The transformer did not beat its best baseline ({told}), so the baseline ships."


def train_actions(
    clips: ClassedClips,
    reader: ClipReader,
    *,
    out: Path,
    encoder: str,
    steps: int = STEPS,
    seed: int = 0,
    on_progress: Progress,
) -> ActionCard:
    """Train on the clips, write the model to ``out`` and its card beside it.

    Raises:
        ConfigError: a class lies in too few sources, nothing could be read or written; what was there before stays.
    """
    found = gather(clips, reader, on_progress=on_progress)
    windows, classes = found.windows, clips.classes
    folds = grouped_folds(found.labels, found.groups, names=classes, seed=seed)[windows.clips]
    tested = cross_validated(windows, folds, classes=len(classes), steps=steps, seed=seed, on_progress=on_progress)
    choice = chosen(tested, windows, seed=seed)
    on_progress("training on everything", 0, 1)
    model = trained(windows, classes, choice, tested, encoder=encoder, steps=steps, seed=seed)
    card = ActionCard(
        actions=tuple(name for name in classes if name != NOTHING),
        encoder=encoder,
        clips=len(found.clips),
        sources=len(np.unique(found.groups)),
        choice=choice,
        at_threshold=tuple(_at_threshold(found, classes, model, choice, tested)),
        notes=found.notes,
    )
    model.save(out)
    try:
        replace_file(out.with_name(CARD), card.markdown().encode())
    except OSError as error:
        raise ConfigError(f"cannot keep the card beside {out}: {error.strerror}") from error
    return card


def _at_threshold(
    found: Gathered, classes: Sequence[str], model: ActionModel, choice: Choice, tested: Sequence[Tested]
) -> list[tuple[str, float, float]]:
    """Each action with precision and recall of its windows, by scores out of fold."""
    scores = next(each.log_odds for each in tested if each.name == choice.name)  # (N, C)
    presence = (scores - model.ordinary[:, 0]) / model.ordinary[:, 1]
    rows = []
    for place, name in enumerate(classes):
        if name != NOTHING:
            rows.append(
                (name, *precision_recall(presence[:, place] > DEFAULT_THRESHOLD, found.windows.labels == place))
            )
    return rows
