"""How much a picture shows what a trigger asks for: against the camera's own background, and against rivals. Pure.

    D_k = (z − b) · t_k / σ_k          z: the crop, b: the same box of the camera's background picture, t_k: a text
    s   = max D_own − mean D_nothing   own: the prompt and its class's synonyms; nothing: empty phrases and contrasts
    m   = max D_own − max D_rival      it must look more like its own class than like any other

Subtracting the background takes out what always hangs on the wall; dividing by σ_k, the spread of ordinary pictures
along a text, makes texts comparable: "a person" varies more than "a bicycle" does. Right after a start or a scene
change there is no background yet (b = 0): then s also counts what always stands there, and must clear a higher bar.
docs/decisions/0005 has the reasons, docs/perception.md the measured figures.

D = dimension of the embedding space, N = texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import EmbeddedFrame, Embedding

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
        """Whether it looks more like its own class than like any other."""
        return self.rival_margin > 0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One view of a frame beside the same view of the camera's background."""

    seen: Embedding  # z (D,)
    background: Embedding | None  # b (D,); none until the camera has a background picture


def look_at(frame: EmbeddedFrame, context: NDArray[np.float32]) -> Look:
    """The view that is scored: the crop, or the whole picture when the crop shows hardly less or there is none.

    ``context`` (D,) is what the temporal transformer added to the frame's embedding: nothing while it is untrained.
    """
    if frame.crop is None or _fills_picture(frame):
        return Look(seen=frame.whole + context, background=frame.whole_background)
    return Look(seen=frame.crop + context, background=frame.crop_background)


def score(look: Look, texts: TriggerTexts) -> Score:
    """The s and m of the module's head."""
    change = look.seen if look.background is None else look.seen - look.background  # (D,)
    own = float((texts.own @ change).max())
    rival = float((texts.rivals @ change).max()) if len(texts.rivals) else -math.inf
    return Score(presence=own - float((texts.nothing @ change).mean()), rival_margin=own - rival)


def _fills_picture(frame: EmbeddedFrame) -> bool:
    box = frame.box
    return box is not None and (box.right - box.left) * (box.bottom - box.top) > _FILLS_PICTURE_RATIO
