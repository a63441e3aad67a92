"""Events, windows and stills as perception would hand them over, and a store folder to put them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from vidsense_daemon.domain.events import (
    Answer,
    DeliveryPhase,
    Description,
    DescriptionStatus,
    Event,
    EventState,
    EventStill,
    Severity,
    Source,
)
from vidsense_daemon.domain.frames import Box, Still
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.store.archive import EventArchive
from vidsense_daemon.store.database import Database, open_database
from vidsense_daemon.store.deliveries import DeliveryStore, HooksFor
from vidsense_daemon.store.descriptions import DescriptionStore
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.events import EventStore
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.space import SpaceReserve
from vidsense_daemon.store.windows import WindowStore

DIMENSION = 8
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


@dataclass(frozen=True)
class Rooms:
    """Everything of the store, opened on one folder as the daemon does it."""

    state_dir: Path
    database: Database
    media: MediaFolder
    windows: WindowStore
    events: EventStore
    archive: EventArchive
    descriptions: DescriptionStore
    deliveries: DeliveryStore

    def close(self) -> None:
        self.events.flush()
        self.database.close()


def phone(_event: Event, phase: DeliveryPhase) -> Sequence[str]:
    """One hook, which does not ask to hear that an event is over."""
    return () if phase is DeliveryPhase.CLOSED else ("phone",)


def open_rooms(
    state_dir: Path,
    *,
    hooks_for: HooksFor = phone,
    among: Sequence[str] | None = None,
    reserve: SpaceReserve | None = None,
    busy_limit_s: float = 15.0,
) -> Rooms:
    media = MediaFolder(state_dir / "media")
    database = open_database(database_url(state_dir), media_dir=media.root, reserve=reserve, busy_limit_s=busy_limit_s)
    windows = WindowStore(database)
    return Rooms(
        state_dir=state_dir,
        database=database,
        media=media,
        windows=windows,
        events=EventStore(database=database, media=media, windows=windows, hooks_for=hooks_for),
        archive=EventArchive(database=database, media=media),
        descriptions=DescriptionStore(database=database, media=media, hooks_for=hooks_for, among=among),
        deliveries=DeliveryStore(database=database, media=media),
    )


def event(
    id_: str = "1773489600000-abcdef",
    *,
    camera: str = "front_door",
    trigger: str = "person_at_door",
    severity: Severity = Severity.ALERT,
    source: Source = Source.LIVE,
    started_at: datetime = NOON,
    lasts_s: float = 4.0,
    labels: tuple[str, ...] = (),
) -> Event:
    return Event(
        id=id_,
        camera=camera,
        trigger=trigger,
        prompt="a person standing at the front door",
        severity=severity,
        source=source,
        state=EventState.OPEN,
        run_id="run-1",
        encoder="builtin-1",
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=lasts_s),
        started_pts_s=10.0,
        ended_pts_s=10.0 + lasts_s,
        score=0.25,
        first_box=Box(0.1, 0.2, 0.3, 0.4),
        zones=("porch",),
        labels=labels,
    )


def later(before: Event, *, seconds: float, score: float = 0.5) -> Event:
    """The same event, going on."""
    return replace(
        before,
        ended_at=before.ended_at + timedelta(seconds=seconds),
        ended_pts_s=before.ended_pts_s + seconds,
        score=score,
        last_box=Box(0.5, 0.2, 0.7, 0.4),
    )


def ended(before: Event) -> Event:
    return replace(before, state=EventState.CLOSED)


def still(role: str = "first", *, captured_at: datetime = NOON, jpeg: bytes = JPEG) -> EventStill:
    picture = Still(jpeg=jpeg, width_px=1920, height_px=1080, captured_at=captured_at, box=Box(0.1, 0.2, 0.3, 0.4))
    return EventStill(picture, role, 0.25)


def window(
    index: int = 7, *, camera: str = "front_door", run_id: str = "run-1", at: datetime = NOON, with_crop: bool = True
) -> Window:
    """Two frames, the newer one with something moving before a known background."""
    direction = np.zeros(DIMENSION, dtype=np.float32)
    direction[index % DIMENSION] = 1.0
    frames = tuple(
        EmbeddedFrame(
            camera=camera,
            run_id=run_id,
            index=index - back,
            captured_at=at - timedelta(seconds=back),
            pts_s=float(index - back),
            whole=direction,
            whole_background=direction,
            crop=direction if with_crop else None,
            crop_background=direction * 0.5 if with_crop else None,
            box=None,
            moving=with_crop,
            changed_ratio=0.125,
            scene_changed=False,
            zones=("porch",),
            still=None,
        )
        for back in (1, 0)
    )
    return Window(frames=frames, contextualised=np.stack([direction, direction]), pooled=direction)


def words(
    summary: str = "A courier leaves a parcel.", *, status: DescriptionStatus = DescriptionStatus.DONE
) -> Description:
    return Description(
        backend="ollama",
        model="llava:7b",
        status=status,
        summary=summary,
        answers=(Answer("Who is it?", "A courier."),),
        details={"people": 1},
        duration_s=3.5,
    )
