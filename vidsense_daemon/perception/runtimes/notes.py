"""What is remembered of the runtimes of each model: what was measured and chosen, and what has failed since.

    <model>-choice.json    the choice, and all that must be the same for it to hold
    <model>-failed.json    each runtime that failed while it computed, what it was made of, when and why

Two files, because a choice is made anew whenever anything changes, and a failure is held against a runtime until that
runtime itself changes. Damaged notes count as none; a full disk costs a measurement at the next start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from vidsense_daemon.base.files import replace_file
from vidsense_daemon.perception.runtimes.candidates import MadeOf


@dataclass(frozen=True, slots=True)
class Choice:
    """What was taken, and the milliseconds a picture of all that were measured."""

    runtime: str
    precision: str
    ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Failure:
    """A runtime that failed while it computed."""

    reason: str
    failed_at: str  # ISO 8601, UTC
    made_of: MadeOf

    def __str__(self) -> str:
        return f"it failed at {self.failed_at}: {self.reason}"


class RuntimeNotes:
    """The notes in one folder, by the models' keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = structlog.get_logger()

    def choice(self, model_key: str, key: Mapping[str, Any]) -> Choice | None:
        """The choice that was made under ``key``; none when anything of it has changed."""
        found = self._read(model_key, "choice")
        try:
            return Choice(**found["choice"]) if found["key"] == key else None
        except (KeyError, TypeError):
            return None

    def keep_choice(self, model_key: str, key: Mapping[str, Any], choice: Choice) -> None:
        self._write(model_key, "choice", {"key": key, "choice": asdict(choice)})

    def failures(self, model_key: str) -> dict[str, Failure]:
        """The runtimes that have failed, by their labels."""
        try:
            return {label: Failure(**failure) for label, failure in self._read(model_key, "failed").items()}
        except (AttributeError, TypeError):
            return {}

    def keep_failure(self, model_key: str, label: str, failure: Failure) -> None:
        """Hold it against the runtime; its last failure is the one that is kept."""
        known = {**self.failures(model_key), label: failure}
        self._write(model_key, "failed", {each: asdict(one) for each, one in known.items()})

    def forget(self, model_key: str) -> None:
        """Leave nothing of the model: all is measured anew, and what has failed gets another try."""
        for what in ("choice", "failed"):
            self._path(model_key, what).unlink(missing_ok=True)

    def _path(self, model_key: str, what: str) -> Path:
        return self._folder / f"{model_key}-{what}.json"

    def _read(self, model_key: str, what: str) -> Any:
        try:
            return json.loads(self._path(model_key, what).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _write(self, model_key: str, what: str, content: Mapping[str, Any]) -> None:
        try:
            replace_file(self._path(model_key, what), json.dumps(content, indent=2).encode())
        except OSError as error:
            self._log.warning("runtime_not_remembered", folder=str(self._folder), reason=error.strerror or str(error))
