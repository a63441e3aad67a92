"""A review server on a real store, with cameras, events and people's marks on them.

Opinions, questions and the past live in memory here: they are ports whose real sides belong to other rooms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import httpx
import numpy as np
from fakes import wait_until
from sqlalchemy import insert
from store import scenes

from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import Description, EventRecord, Severity
from vidsense_daemon.domain.frames import Frame, Still, View
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.review.ports import Measurements, Ports, TriggerInfo
from vidsense_daemon.review.server import ReviewServer
from vidsense_daemon.store import tables
from vidsense_daemon.store.desk import EventDesk
from vidsense_daemon.store.feedback import FeedbackStore
from vidsense_daemon.store.records import event_to_row

TOKEN = "a-token-that-nobody-can-guess"
WAIT_S = 10.0


def picture(text: str, *, width_px: int = 640, height_px: int = 360) -> bytes:
    """A JPEG that shows its own text on a gradient, so that a screenshot can be read."""
    ramp = np.linspace(40, 150, width_px, dtype=np.uint8)
    image = np.dstack([np.tile(ramp, (height_px, 1))] * 3)
    cv2.rectangle(image, (width_px // 10, height_px // 5), (width_px * 3 // 10, height_px * 2 // 5), (90, 160, 220), -1)
    cv2.putText(image, text, (20, height_px - 30), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 255, 255), 2)
    return cv2.imencode(".jpg", image)[1].tobytes()


@dataclass(frozen=True)
class Told:
    text: str
    event_ids: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True)
class Attention:
    captured_at: datetime
    weight: float


@dataclass(frozen=True)
class Firing:
    camera: str
    started_at: datetime
    ended_at: datetime
    score: float
    event_id: str | None


@dataclass(frozen=True)
class Backtest:
    firings: Sequence[Firing]
    threshold: float
    days: float


@dataclass(frozen=True)
class Found:
    record: EventRecord
    score: float = 1.0
    by: tuple[str, ...] = ("words",)
    seen_at: datetime | None = None


class Past:
    """Answers for questions about the past: search, ask, digest, triggers, backtests, attention."""

    def __init__(self, rooms: scenes.Rooms) -> None:
        self._rooms = rooms
        self.saved: list[str] = []

    def search(
        self, sentence: str, *, camera: str | None, since: datetime | None, until: datetime | None, limit: int
    ) -> Sequence[Found]:
        records = self._rooms.archive.find(camera=camera, since=since, until=until, limit=500)
        fits = [one for one in records if one.description and sentence.lower() in one.description.summary.lower()]
        return [Found(record) for record in fits[:limit]]

    def ask(self, question: str) -> Told:
        newest = self._rooms.archive.find(limit=1)
        return Told(f"You asked: {question}", tuple(one.event.id for one in newest), "llava:7b")

    def of_day(self, day: date) -> Told:
        return Told(f"Nothing much on {day}.")

    def triggers(self) -> Sequence[TriggerInfo]:
        one = TriggerInfo(
            "person_at_door", "a person at the door", ("an empty doorstep",), Severity.ALERT, ("front_door",)
        )
        return [replace(one, thresholds={"front_door": 0.31}, learned={"front_door": "feedback live: 6 spared"})]

    def save(
        self, *, name: str, prompt: str, contrast: Sequence[str], threshold: float, cameras: Sequence[str]
    ) -> None:
        self.saved.append(f"{name}: {prompt} at {threshold:.2f}")

    def run(
        self, *, prompt: str, contrast: Sequence[str], camera: str | None, since: datetime, until: datetime
    ) -> Backtest:
        records = self._rooms.archive.find(limit=12)
        firings = [
            Firing(one.event.camera, one.event.started_at, one.event.ended_at, 0.2 + 0.05 * place, one.event.id)
            for place, one in enumerate(records)
        ]
        return Backtest(tuple(firings), threshold=0.4, days=(until - since) / timedelta(days=1))

    def of_event(self, event_id: str) -> Sequence[Attention]:
        weights = (0.05, 0.05, 0.1, 0.3, 0.25, 0.15, 0.05, 0.05)
        return [Attention(scenes.NOON + timedelta(seconds=place), weight) for place, weight in enumerate(weights)]


@dataclass(frozen=True)
class CameraSays:
    """What capture would say of a camera."""

    camera: str
    phase: str = "streaming"
    since: datetime = scenes.NOON
    message: str = ""
    fault: str | None = None
    fps: float | None = 15.0
    codec: str = "h264"
    width_px: int = 1920
    height_px: int = 1080
    decoder: str = "software"
    sessions: int = 1
    faults: int = 0
    rss_bytes: int = 90_000_000
    counts: Mapping[str, int] = field(default_factory=lambda: {"decoded": 100, "sent": 10, "dropped_calm": 90})


class SinceNoon(SystemClock):
    """The machine's clock, put to the noon at which the scenes play."""

    def __init__(self) -> None:
        self._began_mono_s = self.mono_s()

    def now(self) -> datetime:
        return scenes.NOON + timedelta(seconds=self.mono_s() - self._began_mono_s)


class House:
    """Everything behind one server; a context manager that starts and stops it."""

    def __init__(
        self,
        state_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        full: bool = True,
        measurements: tuple[Measurements, ...] = (),
        **server: Any,
    ) -> None:
        self.rooms = scenes.open_rooms(state_dir)
        self.desk = EventDesk(self.rooms.database, self.rooms.media)
        self.opinions = FeedbackStore(self.rooms.database, given_by="review")
        self.past = Past(self.rooms)
        self.board = CameraBoard(["front_door", "yard"])
        self.clips: dict[str, Path] = {}
        self.workers: list[Worker] = []
        archive = Ports(
            archive=self.rooms.archive,
            media_dir=self.rooms.media.root,
            workers=lambda: self.workers,
            measurements=measurements,
        )
        self.server = ReviewServer(
            host, port, self._all(archive) if full else archive, board=self.board, clock=SinceNoon(), **server
        )
        self.fatal: list[str] = []
        self._worker = Worker("http", self.server.run, on_fatal=lambda _status, reason: self.fatal.append(reason))
        self.workers.append(self._worker)

    def _all(self, ports: Ports) -> Ports:
        desk, past = self.desk, self.past
        return replace(
            ports,
            reviews=desk,
            pins=desk,
            feedback=self.opinions,
            eraser=desk,
            redescription=desk,
            deliveries=desk,
            attention=past,
            clip_of=self.clips.get,
            search=past.search,
            questions=past,
            digests=past,
            backtests=past,
            triggers=past,
            config_schema=lambda: {"title": "vidsense", "type": "object"},
        )

    def __enter__(self) -> Self:
        self._worker.start()
        wait_until(lambda: self.server.address is not None, "the server to listen")
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._worker.ask_to_stop()
        stopped = self._worker.join(WAIT_S)
        self.rooms.close()
        assert stopped

    @property
    def url(self) -> str:
        assert self.server.address is not None
        host, port = self.server.address
        return f"http://{host}:{port}"

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=WAIT_S, **options)

    def happens(
        self,
        *,
        minutes: float = 0,
        camera: str = "front_door",
        trigger: str = "person_at_door",
        severity: Severity = Severity.ALERT,
        words: Description | None = None,
        describe: bool = True,
        lasts_s: float = 4.0,
        labels: tuple[str, ...] = (),
        day: datetime = scenes.NOON,
    ) -> str:
        """An event that began ``minutes`` after noon, closed and described; its id."""
        started_at = day + timedelta(minutes=minutes)
        id_ = f"{round(started_at.timestamp() * 1000)}-{len(self.rooms.archive.find(limit=10_000)):06d}"
        event = scenes.event(
            id_,
            camera=camera,
            trigger=trigger,
            severity=severity,
            started_at=started_at,
            lasts_s=lasts_s,
            labels=labels,
        )
        window = scenes.window(camera=camera, run_id=id_, at=started_at)
        jpegs = {role: picture(f"{camera} {role}") for role in ("first", "peak", "last")}
        self.rooms.events.opened(event, scenes.still("first", captured_at=started_at, jpeg=jpegs["first"]), window)
        rest = [
            scenes.still(role, captured_at=started_at + timedelta(seconds=place), jpeg=jpegs[role])
            for place, role in enumerate(("peak", "last"), start=1)
        ]
        self.rooms.events.closed(scenes.ended(event), rest, window)
        if describe:
            self.rooms.descriptions.finish(id_, words or scenes.words(), started_at)
        return id_

    def get(self, event_id: str) -> EventRecord:
        """An event as the store has it now; fails when it is gone."""
        record = self.rooms.archive.get(event_id)
        assert record is not None
        return record

    def is_reviewed(self, event_id: str) -> bool:
        return self.get(event_id).acknowledged_at is not None

    def is_deleted(self, event_id: str) -> bool:
        return self.rooms.archive.get(event_id) is None

    def happened(self, count: int) -> list[str]:
        """``count`` events a second apart, put into the database at once; their ids, oldest first."""
        moments = [scenes.NOON + timedelta(seconds=place) for place in range(count)]
        events = [
            scenes.ended(scenes.event(f"{round(moment.timestamp() * 1000)}-many", started_at=moment))
            for moment in moments
        ]
        rows = [event_to_row(event, stored_at_ms=0) for event in events]
        self.rooms.database.write(lambda connection: connection.execute(insert(tables.events), rows))
        return [event.id for event in events]

    def csrf(self, client: httpx.Client) -> str:
        """The token of the page that this visitor sees; leaves the visit's cookie in the client."""
        page = client.get("/health", headers={"accept": "text/html"}).text
        return page.partition('name="csrf" content="')[2].partition('"')[0]


def frame(camera: str = "yard", *, at_s: float = 0, moving: bool = False, with_still: bool = False) -> Frame:
    """A sampled frame, captured ``at_s`` seconds after noon."""
    at = scenes.NOON + timedelta(seconds=at_s)
    dark = np.zeros((2, 2, 3), dtype=np.uint8)
    return Frame(
        camera=camera,
        run_id="run-1",
        index=0,
        captured_at=at,
        pts_s=at_s,
        whole=View(dark, None),
        crop=None,
        box=None,
        moving=moving,
        changed_ratio=0.0,
        scene_changed=False,
        zones=(),
        still=replace(still(), captured_at=at) if with_still else None,
    )


def still() -> Still:
    return Still(jpeg=picture("yard now"), width_px=640, height_px=360, captured_at=scenes.NOON, box=None)
