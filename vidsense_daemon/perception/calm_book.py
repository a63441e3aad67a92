"""What every camera scores while it is calm, kept over restarts, so that a start is not a day of looser thresholds.

    <state dir>/cache/calm.json     {"encoder": …, "cameras": {camera: {"watched_s": …, "moving_looks": …,
                                     "triggers": {trigger: {"prompt": …, "contrast": […], "scores": […]}}}}}

Scores of another encoder or of other sentences say nothing: they are left behind. So is a file that can't be read: it
holds nothing that calm cameras don't teach again within minutes. The perception thread writes it every ten minutes and
at its end; `vidsense triggers list` reads it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from vidsense_daemon.base.files import replace_file
from vidsense_daemon.perception.calibration import CalmScores
from vidsense_daemon.perception.triggers import TriggerRule

_DAY_S = 86_400.0
_DIGITS = 3  # of a score: a thousandth of a spread decides nothing


@dataclass(slots=True)
class CameraCalm:
    """One camera: its triggers' calm scores, and how much moves before it."""

    watched_s: float = 0.0
    moving_looks: int = 0
    triggers: dict[str, _Learned] = field(default_factory=dict)

    @property
    def moving_looks_a_day(self) -> float:
        """As it was on average since the file was begun; 0 before anything was watched."""
        return self.moving_looks / self.watched_s * _DAY_S if self.watched_s else 0.0


@dataclass(slots=True)
class _Learned:
    prompt: str
    contrast: tuple[str, ...]
    calm: CalmScores

    def is_of(self, rule: TriggerRule) -> bool:
        return (self.prompt, self.contrast) == (rule.prompt, rule.contrast)


class CalmBook:
    """The calm scores of all cameras; not thread-safe. Without a ``path`` it is kept in memory only."""

    def __init__(self, *, encoder: str | None, path: Path | None = None) -> None:
        """``encoder`` none takes what is there, whosever scores they are: for those who only read."""
        self._path = path
        self._log = structlog.get_logger()
        self.encoder = encoder
        self._cameras: dict[str, CameraCalm] = {}
        if path is not None and path.exists():
            self._load(path)

    def camera(self, name: str) -> CameraCalm:
        """The camera's page; an empty one when nothing is known."""
        return self._cameras.setdefault(name, CameraCalm())

    def scores_of(self, camera: str, rule: TriggerRule) -> CalmScores:
        """What was learned of these sentences before, or an empty sample; it is kept with the next `save`."""
        triggers = self.camera(camera).triggers
        known = triggers.get(rule.name)
        scores = known.calm.scores if known is not None and known.is_of(rule) else ()
        calm = CalmScores(floor=rule.threshold, scores=scores)
        triggers[rule.name] = _Learned(rule.prompt, rule.contrast, calm)
        return calm

    def save(self) -> None:
        """Write the file in one step; a disk that takes nothing is logged, and what was learned stays in memory."""
        if self._path is None:
            return
        try:
            replace_file(self._path, json.dumps(self._as_json(), ensure_ascii=False).encode())
        except OSError as error:
            self._log.warning("calm_scores_not_kept", file=str(self._path), reason=str(error))

    def _as_json(self) -> dict[str, Any]:
        cameras = {
            name: {
                "watched_s": round(camera.watched_s, 1),
                "moving_looks": camera.moving_looks,
                "triggers": {
                    trigger: {
                        "prompt": learned.prompt,
                        "contrast": list(learned.contrast),
                        "scores": [round(score, _DIGITS) for score in learned.calm.scores],
                    }
                    for trigger, learned in camera.triggers.items()
                },
            }
            for name, camera in self._cameras.items()
        }
        return {"encoder": self.encoder, "cameras": cameras}

    def _load(self, path: Path) -> None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if self.encoder is None:
                self.encoder = str(content["encoder"])
            if content["encoder"] == self.encoder:
                self._cameras = {name: _camera_of(page) for name, page in content["cameras"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._log.warning("calm_scores_left_behind", file=str(path), reason=f"{type(error).__name__}: {error}")


def _camera_of(page: dict[str, Any]) -> CameraCalm:
    triggers = {
        name: _Learned(
            prompt=str(learned["prompt"]),
            contrast=tuple(str(text) for text in learned["contrast"]),
            calm=CalmScores(floor=0.0, scores=[float(score) for score in learned["scores"]]),
        )
        for name, learned in page["triggers"].items()
    }
    return CameraCalm(float(page["watched_s"]), int(page["moving_looks"]), triggers)
