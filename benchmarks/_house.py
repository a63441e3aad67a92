"""What several benchmarks store: an event and a window at a front door. No benchmark itself."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.events import Event, EventState, Severity, Source
from vidsense_daemon.domain.windows import EmbeddedFrame, Window

_FIRST_ID = 1767225600000


def an_event(number: int, at: datetime, *, score: float, zones: tuple[str, ...] = ()) -> Event:
    """The ``number``-th event, which has just opened."""
    return Event(
        id=f"{_FIRST_ID + number * 1000}-abcdef",
        camera="front_door",
        trigger="person_at_door",
        prompt="a person standing at the front door",
        severity=Severity.ALERT,
        source=Source.LIVE,
        state=EventState.OPEN,
        run_id="run",
        encoder="builtin",
        started_at=at,
        ended_at=at,
        started_pts_s=0.0,
        ended_pts_s=0.0,
        score=score,
        zones=zones,
    )


def a_window(
    embedding: NDArray[np.float32],
    at: datetime,
    *,
    index: int = 0,
    frames: int = 1,
    run_id: str = "run",
    moving: bool = True,
    zones: tuple[str, ...] = (),
) -> Window:
    """A window of ``frames`` alike at the front door, all that the encoder says of each being ``embedding`` (D,)."""
    frame = EmbeddedFrame(
        camera="front_door",
        run_id=run_id,
        index=index,
        captured_at=at,
        pts_s=float(index),
        whole=embedding,
        whole_background=embedding,
        crop=embedding,
        crop_background=embedding,
        box=None,
        moving=moving,
        changed_ratio=0.1,
        scene_changed=False,
        zones=zones,
        still=None,
    )
    return Window(frames=(frame,) * frames, contextualised=np.stack([embedding] * frames), pooled=embedding)
