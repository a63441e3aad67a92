"""Events with real JPEG stills, a clock that a test moves, and a queue in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import StoreError, TransientError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import (
    Description,
    Event,
    EventRecord,
    EventState,
    Severity,
    Source,
    StoredStill,
)
from vidsense_daemon.domain.frames import Box

STARTED_AT = datetime(2026, 11, 22, 17, 42, 3, tzinfo=UTC)
ROLES = ("first", "middle", "peak", "last")
QUERIES = ("What happens in this video?", "Who is there?", "What is carried?", "Is anything unusual?")


def event(**changes: object) -> Event:
    known: dict[str, object] = {
        "id": "1795369323000-abcdef",
        "camera": "front_door",
        "trigger": "person_at_door",
        "prompt": "a person walking",
        "severity": Severity.WARNING,
        "source": Source.LIVE,
        "state": EventState.CLOSED,
        "run_id": "run",
        "encoder": "builtin",
        "started_at": STARTED_AT,
        "ended_at": STARTED_AT + timedelta(seconds=12),
        "started_pts_s": 0.0,
        "ended_pts_s": 12.0,
        "score": 0.31,
        "first_box": Box(0.0, 0.4, 0.2, 0.8),
        "last_box": Box(0.7, 0.4, 0.9, 0.8),
    }
    return Event(**(known | changes))  # type: ignore[arg-type]


def stored_stills(
    folder: Path, roles: tuple[str, ...] = ROLES, *, width_px: int = 640, height_px: int = 360
) -> tuple[StoredStill, ...]:
    """JPEG files of a white square that goes from left to right over a grey scene."""
    stills = []
    for index, role in enumerate(roles):
        picture = np.full((height_px, width_px, 3), 90, dtype=np.uint8)
        picture[:, ::16] = 60
        left_px = int((width_px - 60) * index / max(1, len(roles) - 1))
        picture[height_px // 2 : height_px // 2 + 80, left_px : left_px + 60] = 255
        path = folder / f"{index}.jpg"
        path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        box = Box(left_px / width_px, 0.45, (left_px + 60) / width_px, 0.8)
        at = STARTED_AT + timedelta(seconds=3.2 * index)
        stills.append(StoredStill(str(path), role, at, width_px, height_px, box, 0.1 * index))
    return tuple(stills)


def picture_of(width_px: int, height_px: int, *, shade: int = 90) -> bytes:
    """A plain JPEG of this size."""
    return cv2.imencode(".jpg", np.full((height_px, width_px, 3), shade, dtype=np.uint8))[1].tobytes()


def record(folder: Path, **changes: object) -> EventRecord:
    return EventRecord(event=event(**changes), stills=stored_stills(folder), description=None)


@dataclass
class MemoryQueue:
    """What the store keeps, in a list: due times, outcomes and what was postponed, in their order."""

    clock: Clock
    waiting: dict[str, tuple[EventRecord, datetime]] = field(default_factory=dict)
    running: dict[str, EventRecord] = field(default_factory=dict)
    finished: dict[str, Description] = field(default_factory=dict)
    postponed: list[tuple[str, str]] = field(default_factory=list)
    full: bool = False  # the disk is: nothing can be stored
    deleted: set[str] = field(default_factory=set)

    def owe(self, *records: EventRecord) -> None:
        for owed in records:
            self.waiting[owed.event.id] = (owed, self.clock.now())

    def claim(self, now: datetime) -> EventRecord | None:
        due = [event_id for event_id, (_, at) in self.waiting.items() if at <= now]
        if not due:
            return None
        claimed, _ = self.waiting.pop(due[0])
        self.running[claimed.event.id] = claimed
        return claimed

    def claim_beside(self, record: EventRecord, *, within_s: float, limit: int, now: datetime) -> list[EventRecord]:
        beside = [
            event_id
            for event_id, (owed, at) in self.waiting.items()
            if at <= now
            and owed.event.camera == record.event.camera
            and abs((owed.event.started_at - record.event.started_at).total_seconds()) <= within_s
        ]
        claimed = [self.waiting.pop(event_id)[0] for event_id in beside[:limit]]
        self.running |= {taken.event.id: taken for taken in claimed}
        return claimed

    def finish(self, event_id: str, description: Description, now: datetime) -> None:
        if self.full:
            raise TransientError("the disk is full")
        if event_id in self.deleted:
            raise StoreError("it was deleted")
        del self.running[event_id]
        self.finished[event_id] = description

    def postpone(self, event_id: str, error: str, next_attempt_at: datetime) -> None:
        self.waiting[event_id] = (self.running.pop(event_id), next_attempt_at)
        self.postponed.append((event_id, error))


def worker_for(body: Callable[[Worker], None]) -> Worker:
    """A real worker thread; whatever would end the daemon fails the test that joins it."""

    def fatal(status: int, reason: str) -> None:
        raise AssertionError(f"the daemon would end with {status}: {reason}")

    return Worker("description", body, on_fatal=fatal)
