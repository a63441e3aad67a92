"""What somebody does, seen over a window: a trained model of actions, and the file it lies in.

`action_parts.py` has what a model is made of; `learning/actions.py` trains it and decides by grouped folds which part
it is: the transformer is shipped only where it beat the plain |difference| pool. A model reads the whole pictures at
the busy rate, as it was trained. What an owner sets a threshold on is s = (ℓ − m)/d: the log-odds ℓ of an action, less
the mean m and over the deviation d of ℓ on windows that show nothing. So it has the unit of a prompt's score: spreads
of the ordinary.

B = windows, T = frames of a window, D = dimension of the embedding space, C = classes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.base.files import replace_file
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.perception.action_parts import Part, put_together, taken_apart
from vidsense_daemon.perception.scoring import Score
from vidsense_daemon.perception.tensor_file import read_tensors
from vidsense_daemon.perception.triggers import TriggerRule

NOTHING = "nothing"  # the class of windows that show none of the actions

_FORMAT = "vidsense-actions-1"
NOTHING_SEEN = Score(presence=0.0, rival_margin=-math.inf)
_LEAST_FRAMES = 5  # a second at the busy rate; fewer hardly show a course of things
_LONGEST_STEP_S = 0.5  # a calm camera's frames lie further apart: their differences mean something else


@dataclass(frozen=True, slots=True, eq=False)
class ActionModel:
    """Windows to how much each action is to be seen in them; never changes, so any thread may ask."""

    encoder: str  # whose embeddings it reads
    kind: str  # which parts it has, for people
    classes: tuple[str, ...]  # NOTHING first, then the actions
    parts: tuple[Part, ...]  # an ensemble: their log-probabilities are averaged
    ordinary: NDArray[np.float32]  # (C, 2): mean and deviation of the log-odds on windows that show nothing

    @property
    def actions(self) -> tuple[str, ...]:
        return tuple(name for name in self.classes if name != NOTHING)

    @torch.inference_mode()
    def log_odds(self, x: NDArray[np.float32], seconds: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, C) of windows (B, T, D)."""
        return log_odds(self.parts, x, seconds)

    def presence(self, frames: Sequence[EmbeddedFrame], action: str) -> float | None:
        """s: how much more of ``action`` than usual a run's newest frames show; none when they can't be judged."""
        recent = at_busy_rate(frames)
        if not recent:
            return None
        x = np.stack([frame.whole for frame in recent])[None]  # (1, T, D)
        seconds = np.array([[frame.pts_s - recent[0].pts_s for frame in recent]], np.float32)  # (1, T)
        place = self.classes.index(action)
        mean, deviation = self.ordinary[place]
        return float((self.log_odds(x, seconds)[0, place] - mean) / deviation)

    def save(self, path: Path) -> None:
        """Write it in one step; what was there before stays when that fails.

        Raises:
            ConfigError: the file cannot be written.
        """
        tensors = {"ordinary": torch.from_numpy(self.ordinary)}
        layout: list[dict[str, object]] = []
        for place, part in enumerate(self.parts):
            about, held = taken_apart(part)
            layout.append(about)
            # clones: members that stand on one base may not share its memory in a file
            tensors |= {f"{place}.{name}": tensor.clone().contiguous() for name, tensor in held.items()}
        about_all = {"format": _FORMAT, "encoder": self.encoder, "kind": self.kind}
        about_all |= {"classes": json.dumps(self.classes), "layout": json.dumps(layout)}
        try:
            replace_file(path, save(tensors, metadata=about_all))
        except OSError as error:
            raise ConfigError(f"cannot keep the trained actions in {path}: {error.strerror}") from error

    @classmethod
    def load(cls, path: Path) -> ActionModel:
        """What `save` wrote; compare its ``encoder`` with the present one before use.

        Raises:
            ConfigError: the file is missing, damaged, or of another version.
        """
        try:
            about, tensors = read_tensors(path)
        except FileNotFoundError:
            raise ConfigError(f"there is no {path}: `vidsense train actions LABELS.yaml` makes it") from None
        except (OSError, SafetensorError) as error:
            raise ConfigError(f"cannot read the trained actions in {path} ({error}): train them again") from error
        if about.get("format") != _FORMAT:
            raise ConfigError(f"{path} holds no actions of this version: train them again")
        try:
            layout = json.loads(about["layout"])
            parts = tuple(put_together(each, _below(tensors, f"{place}.")) for place, each in enumerate(layout))
            return cls(
                about["encoder"], about["kind"], tuple(json.loads(about["classes"])), parts, tensors["ordinary"].numpy()
            )
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ConfigError(f"the trained actions in {path} are damaged ({error!r}): train them again") from error


def log_odds(parts: Sequence[Part], x: NDArray[np.float32], seconds: NDArray[np.float32]) -> NDArray[np.float32]:
    """ℓ = log p − log (1 − p) of each class, from the mean of the parts' log-probabilities. (B, C)"""
    windows, times = torch.from_numpy(x), torch.from_numpy(seconds)
    mean = torch.stack([part.log_probabilities(windows, times) for part in parts]).mean(0)
    log_p = functional.log_softmax(mean, dim=-1)  # (B, C)
    rest = [torch.cat([log_p[:, :c], log_p[:, c + 1 :]], dim=1).logsumexp(dim=1) for c in range(log_p.shape[1])]
    return np.asarray((log_p - torch.stack(rest, dim=1)).numpy(), np.float32)


class Head(Protocol):
    """What a trigger of the kind `action` looks with."""

    def score_of(self, window: Window) -> Score:
        """How clearly the window shows it; it shows nothing while its newest frame is calm or of another scene."""


@dataclass(frozen=True, slots=True, eq=False)
class ActionHead:
    """One action of a trained model."""

    model: ActionModel
    action: str

    def score_of(self, window: Window) -> Score:
        newest = window.frames[-1]
        shown = newest.moving and not newest.scene_changed
        presence = self.model.presence(window.frames, self.action) if shown else None
        return NOTHING_SEEN if presence is None else Score(presence=presence, rival_margin=math.inf)


def action_head(action: str, *, path: Path, encoder: str | None) -> ActionHead:
    """The head for ``action`` in the file at ``path``; without an ``encoder`` for any.

    Raises:
        PermanentError: there is none, it can't be read, or it was trained on another encoder's embeddings.
    """
    try:
        model = ActionModel.load(path)
    except ConfigError as error:
        raise PermanentError(f'the action "{action}" cannot be looked for: {error}') from error
    if encoder not in (None, model.encoder):
        raise PermanentError(
            f'the action "{action}" cannot be looked for: {path} was trained with the encoder {model.encoder}, and '
            f"{encoder} runs; train it again with `vidsense train actions LABELS.yaml`"
        )
    if action not in model.actions:
        known = ", ".join(model.actions)
        raise PermanentError(f'{path} knows no action "{action}", only {known}: label it, and train again')
    return ActionHead(model, action)


def no_actions(rule: TriggerRule) -> Head:
    """Nothing has been trained."""
    raise PermanentError(f'the action "{rule.action}" has not been trained: run `vidsense train actions LABELS.yaml`')


def at_busy_rate(frames: Sequence[EmbeddedFrame]) -> list[EmbeddedFrame]:
    """The newest frames in a row that lie no further apart than those that heads are trained on; none when too few."""
    recent = [frames[-1]]
    for frame in reversed(frames[:-1]):
        if recent[-1].pts_s - frame.pts_s > _LONGEST_STEP_S or recent[-1].scene_changed:
            break
        recent.append(frame)
    return recent[::-1] if len(recent) >= _LEAST_FRAMES else []


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
