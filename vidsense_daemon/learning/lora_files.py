"""Where the adapters of one part lie, and which one runs.

    <folder>/live.safetensors, .json      what the daemon loads at its start, and its report
    <folder>/before.safetensors, .json    what was live before it
    <folder>/shadow.safetensors, .json    the newest training that was not worth it

A training writes into shadow and moves it from there, each file in one step; the report follows its weights, so a kill
in between leaves weights whose report is an older one's, which is only read by people.
"""

from __future__ import annotations

from pathlib import Path

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.learning.lora_report import LoraReport


class LoraFolder:
    """The adapters of one part: temporal or clip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.live = path / "live.safetensors"
        self.before = path / "before.safetensors"
        self.shadow = path / "shadow.safetensors"

    def settle(self, report: LoraReport) -> None:
        """Keep the report of what lies in shadow, and put both live if it is worth it."""
        report.save(self.shadow.with_suffix(".json"))
        if report.promoted:
            _move(self.live, self.before)
            _move(self.shadow, self.live)

    def roll_back(self) -> str:
        """Put what was live before in the place of what is; what runs from the next start on, in words.

        Raises:
            PermanentError: nothing is live.
        """
        if not self.live.exists():
            raise PermanentError(f"no adapter is live in {self.path}: there is nothing to roll back")
        if self.before.exists():
            _move(self.before, self.live)
            return "the adapter before it"
        for file in (self.live, self.live.with_suffix(".json")):
            file.unlink(missing_ok=True)
        return "no adapter: the un-adapted model"


def _move(weights: Path, to: Path) -> None:
    if weights.exists():
        weights.replace(to)
        report = weights.with_suffix(".json")
        if report.exists():
            report.replace(to.with_suffix(".json"))
