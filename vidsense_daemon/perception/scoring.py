"""How much a window shows what a trigger asks for: against the camera's own background, and against rivals. Pure.

    d   = mean (z − b)                 z: a frame's crop, b: the same box of the camera's background picture
    D_k = d · t_k / σ_k                t_k: a text
    s   = max D_own − mean D_nothing   own: the prompt and its class's synonyms; nothing: empty phrases and contrasts
    m   = max D_own − max D_rival      it must look clearly more like its own class than like any other

Subtracting the background takes out what always hangs on the wall; dividing by σ_k, the spread of ordinary pictures
along a text, makes texts comparable: "a person" varies more than "a bicycle" does. The mean over the window takes out
what a single crop only happens to look like: on the measured cameras it removed the last false events and no true one.
Right after a start or a scene change there is no background yet (b = 0): then s also counts what always stands there,
and must clear a higher bar. docs/decisions/0005 has the reasons, docs/perception.md the figures.

D = dimension of the embedding space, N = texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Box
from vidsense_daemon.domain.windows import EmbeddedFrame, Embedding, Window
from vidsense_daemon.perception.windows import input_of

_LEAST_RIVAL_MARGIN = 0.25  # a third of the false events were won by less, and one true one of 22
_PRESENT = timedelta(seconds=2)  # what is older says little of now: a calm camera's window may span minutes
_FILLS_PICTURE_RATIO = 0.5  # of the picture's area: from here on the crop shows hardly less than the whole


@dataclass(frozen=True, slots=True, eq=False)
class TriggerTexts:
    """A trigger's texts in the encoder's space, each already divided by its spread σ."""

    own: NDArray[np.float32]  # (N, D), N ≥ 1
    nothing: NDArray[np.float32]  # (N, D), N ≥ 1: empty phrases and contrast prompts
    rivals: NDArray[np.float32]  # (N, D): other classes and contrast prompts; N = 0 for a prompt of no class


@dataclass(frozen=True, slots=True)
class Score:
    """What one look says about one trigger; unit: spread of the encoder's space."""

    presence: float  # s: how much more there is to see of it than usual
    rival_margin: float  # m: by how much it beats its strongest rival; infinite without one

    @property
    def wins(self) -> bool:
        """Whether it looks clearly more like its own class than like any other."""
        return self.rival_margin > _LEAST_RIVAL_MARGIN


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is new before the camera, as a direction in the encoder's space."""

    change: Embedding  # d (D,); not of unit length
    cold: bool  # there is no background picture yet: the change is from nothing


def look_at(window: Window) -> Look | None:
    """What the window's present frames show; none when its newest frame shows another scene than the one before.

    Those are its newest frame and the others that show the same thing, as far as can be told: moving like it (calm
    frames look at where something moved last), in a box that touches its box, within the last seconds.
    """
    newest = window.frames[-1]
    if newest.scene_changed:
        return None
    of_frames = zip(window.frames, window.contextualised, present_frames(window), strict=True)
    changes = [_change(frame, contextualised) for frame, contextualised, present in of_frames if present]
    return Look(change=np.mean(changes, axis=0), cold=_is_cold(newest))


def present_frames(window: Window) -> tuple[bool, ...]:
    """Which frames `look_at` takes the mean of. (T,)"""
    newest = window.frames[-1]
    return tuple(_same_thing(frame, newest) and _is_cold(frame) == _is_cold(newest) for frame in window.frames)


def encoded_change(window: Window) -> Embedding:
    """The same mean as the encoder alone has it: it stays comparable when the temporal transformer is trained. (D,)"""
    frames = [frame for frame, present in zip(window.frames, present_frames(window), strict=True) if present]
    change: Embedding = np.mean([_change(frame, input_of(frame)) for frame in frames], axis=0)
    return change


def score(look: Look, texts: TriggerTexts) -> Score:
    """The s and m of the module's head."""
    own = float((texts.own @ look.change).max())
    rival = float((texts.rivals @ look.change).max()) if len(texts.rivals) else -math.inf
    return Score(presence=own - float((texts.nothing @ look.change).mean()), rival_margin=own - rival)


def _same_thing(frame: EmbeddedFrame, newest: EmbeddedFrame) -> bool:
    """Whether ``frame`` looks at what ``newest`` looks at."""
    present = newest.captured_at - frame.captured_at <= _PRESENT
    return present and frame.moving == newest.moving and not frame.scene_changed and _touch(frame.box, newest.box)


def _touch(a: Box | None, b: Box | None) -> bool:
    if a is None or b is None:
        return a is b
    return min(a.right, b.right) >= max(a.left, b.left) and min(a.bottom, b.bottom) >= max(a.top, b.top)


def _change(frame: EmbeddedFrame, contextualised: Embedding) -> Embedding:
    """The frame's z − b, with what the temporal transformer added to the frame: nothing while it is untrained. (D,)"""
    seen, background = _view(frame)
    seen = seen + (contextualised - input_of(frame))
    return seen if background is None else seen - background


def _is_cold(frame: EmbeddedFrame) -> bool:
    return _view(frame)[1] is None


def _view(frame: EmbeddedFrame) -> tuple[Embedding, Embedding | None]:
    """The crop and its background; the whole picture's when the crop shows hardly less, or there is none."""
    if frame.crop is None or _fills_picture(frame):
        return frame.whole, frame.whole_background
    return frame.crop, frame.crop_background


def _fills_picture(frame: EmbeddedFrame) -> bool:
    box = frame.box
    return box is not None and (box.right - box.left) * (box.bottom - box.top) > _FILLS_PICTURE_RATIO
