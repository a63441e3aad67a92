"""A clip as one event, so that a describer can be asked about it as it is asked about a stored one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vidsense_daemon.description.budget import thinned
from vidsense_daemon.domain.events import Event, EventRecord, EventState, Severity, Source, StoredStill, new_event_id
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.explain.figures.pictures import jpeg

_MOST_STILLS = 6


def as_event(
    frames: Sequence[Frame], folder: Path, *, camera: str, prompt: str, score: float, encoder: str
) -> EventRecord:
    """The whole clip as an event of ``prompt``; its stills are written to ``folder``."""
    first, last = frames[0], frames[-1]
    event = Event(
        id=new_event_id(first.captured_at),
        camera=camera or "unnamed",
        trigger="explained",
        prompt=prompt,
        severity=Severity.INFO,
        source=Source.REPLAY,
        state=EventState.CLOSED,
        run_id=first.run_id,
        encoder=encoder,
        started_at=first.captured_at,
        ended_at=last.captured_at,
        started_pts_s=first.pts_s,
        ended_pts_s=last.pts_s,
        score=score,
    )
    return EventRecord(event, tuple(_stills(frames, folder)), None)


def _stills(frames: Sequence[Frame], folder: Path) -> list[StoredStill]:
    """First, last, the one of most change and some between; of frames that have a still, if any has."""
    possible = [frame for frame in frames if frame.still is not None] or list(frames)
    peak = int(np.argmax([frame.changed_ratio for frame in possible]))
    chosen = thinned(range(len(possible)), _MOST_STILLS, peak=peak)
    roles = dict.fromkeys(chosen, "middle") | {chosen[0]: "first", chosen[-1]: "last", peak: "peak"}
    return [_kept(possible[place], roles[place], folder / f"{place}.jpg") for place in chosen]


def _kept(frame: Frame, role: str, path: Path) -> StoredStill:
    still, side_px = frame.still, frame.whole.picture.shape[0]
    path.write_bytes(still.jpeg if still else jpeg(frame.whole.picture))
    width_px, height_px = (still.width_px, still.height_px) if still else (side_px, side_px)
    return StoredStill(str(path), role, frame.captured_at, width_px, height_px, frame.box, 0.0)
