"""What training a low-rank adapter (LoRA) came to: printed, kept beside the adapter, and read by reports."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from vidsense_daemon.base.errors import PermanentError


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How well good events are told from bad ones, on days that nothing was trained on."""

    events: int
    good: int
    bad: int
    auc: float  # chance that a good event scores above a bad one; 0.5 is chance
    auc_low: float  # 95 % interval, bootstrap over the events
    auc_high: float
    loss: float  # the contrastive loss, without its anchor


@dataclass(frozen=True, slots=True)
class LoraReport:
    """One training, and whether it goes live."""

    part: str  # temporal | clip
    encoder: str  # whose space it is for
    rank: int
    parameters_trained: int
    parameters_frozen: int
    size_bytes: int  # of the adapter's file
    duration_s: float
    events_trained: int
    days_trained: int
    days_held_out: int
    before: HeldOut  # the un-adapted
    after: HeldOut
    promoted: bool
    reason: str  # of the promotion, or why it stays in shadow

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_report(path: Path) -> LoraReport:
    """The report that stands beside an adapter.

    Raises:
        PermanentError: it is not there, or is no report.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return LoraReport(
            **{**fields, "before": HeldOut(**fields["before"]), "after": HeldOut(**fields["after"])},
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PermanentError(f"{path} is no report of a LoRA training: {error}") from error
