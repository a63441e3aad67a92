"""Notice an event that looks like the one just described: a branch in the wind needs its words once, not all night.

Only events of less than `alert` are ever passed over, only within ten minutes, only when the same trigger saw the same
picture in the same place. Compared is the box in which things moved: of the whole picture, two visitors differ by
hardly more than noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.description.shots import PEAK, difference, read_cut, thumbnail
from vidsense_daemon.domain.events import Description, DescriptionStatus, EventRecord, Severity, StoredStill
from vidsense_daemon.domain.frames import Box

_WITHIN = timedelta(minutes=10)
# mean difference of two thumbnails, of 255: sensor noise and a cloud stay below, another coat does not
_SAME_THING = 4.0
_SAME_PLACE_RATIO = 0.6  # of what two boxes cover together, that both of them cover


@dataclass(frozen=True, slots=True, eq=False)
class _Described:
    """The newest described event of one camera and trigger."""

    event_id: str
    started_at: datetime
    box: Box
    look: NDArray[np.float32]
    description: Description


class RecentLikeness:
    """What was described lately, one event a camera and trigger; used by one thread."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], _Described] = {}

    def like(self, record: EventRecord) -> Description | None:
        """The earlier event's words, marked skipped with the reason, when this one looks the same; else none."""
        event = record.event
        earlier = self._newest.get((event.camera, event.trigger))
        if earlier is None or event.severity is Severity.ALERT or abs(event.started_at - earlier.started_at) > _WITHIN:
            return None
        seen = _look_of(record)
        if seen is None or overlap_ratio(seen[0], earlier.box) < _SAME_PLACE_RATIO:
            return None
        if difference(seen[1], earlier.look) >= _SAME_THING:
            return None
        return Description(
            backend=earlier.description.backend,
            model=earlier.description.model,
            status=DescriptionStatus.SKIPPED,
            summary=earlier.description.summary,
            details=_reason(earlier),
            error=f"it looks like event {earlier.event_id}: described once",
        )

    def remember(self, record: EventRecord, description: Description) -> None:
        """An event was described by a model."""
        if seen := _look_of(record):
            event = record.event
            self._newest[event.camera, event.trigger] = _Described(event.id, event.started_at, *seen, description)


def overlap_ratio(one: Box, other: Box) -> float:
    """What two boxes share, of what they cover together (intersection over union)."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(0.0, wide) * max(0.0, high)
    covered = _area(one) + _area(other) - shared
    return shared / covered if covered > 0 else 0.0


def _reason(earlier: _Described) -> Mapping[str, Any]:
    return {"like_event": earlier.event_id}


def _look_of(record: EventRecord) -> tuple[Box, NDArray[np.float32]] | None:
    """Where things moved in the event's best still, and a thumbnail of it; none without."""
    still = max(record.stills, key=_is_best, default=None)
    if still is None or still.box is None:
        return None
    picture = read_cut(Path(still.path), still.box)
    return None if picture is None else (still.box, thumbnail(picture))


def _is_best(still: StoredStill) -> tuple[bool, float]:
    return still.role == PEAK, still.score


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
