"""Between perception, which knows when an event begins and ends, the cameras' processes, which cut, and the store.

Cameras without clips hear of their events as well, for the sake of the stills.

    perception ─► ClippingSink ─► Clipping ─► the camera's supervisor ─pipe─► its process writes the file
                                     ▲                                            │
    store ◄── the camera's thread ───┴──────────────── "clip" ◄───────────────────┘

The event is stored first: a clip belongs to a row. Whatever goes wrong with a clip costs the clip and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.capture.state import CutClip
from vidsense_daemon.capture.supervisor import CameraSupervisor
from vidsense_daemon.domain.events import Event, EventStill
from vidsense_daemon.domain.ports import ClipCutter, EventSink
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.store.clips import ClipStore
from vidsense_daemon.store.space import free_bytes

Later = Callable[[Callable[[], None]], None]


def at_once(work: Callable[[], None]) -> None:
    """Do it now."""
    work()


class Clipping:
    """A `ClipCutter` for the cameras that have clips; every method is thread-safe."""

    def __init__(self, clips: ClipStore, *, min_free_bytes: Callable[[], int], later: Later = at_once) -> None:
        """With less than ``min_free_bytes`` on the disk no clip begins: events and stills need the room more.

        ``later`` has a clip kept in its turn: a camera's thread that waited for the database would seem to be stalled.
        """
        self._clips = clips
        self._min_free_bytes = min_free_bytes
        self._later = later
        self._cameras: dict[str, CameraSupervisor] = {}
        self._with_clips: set[str] = set()
        self._making: dict[str, str] = {}  # event id → camera
        self._lock = threading.Lock()
        self._log = structlog.get_logger()

    def watch(self, camera: str, supervisor: CameraSupervisor, *, has_clips: bool) -> None:
        """From now on this camera hears of its events."""
        with self._lock:
            self._cameras[camera] = supervisor
            if has_clips:
                self._with_clips.add(camera)

    def leave(self, camera: str) -> None:
        """Its stream is closed for good."""
        with self._lock:
            self._cameras.pop(camera, None)
            self._with_clips.discard(camera)
        self.stream_ended(camera)

    def begin(self, event: Event) -> None:
        """Have its camera's process cut a clip, where it does."""
        with self._lock:
            supervisor, has_clips = self._cameras.get(event.camera), event.camera in self._with_clips
        if supervisor is None:
            return
        supervisor.begin_event(event.id)
        if not has_clips:
            return
        try:
            folder = self._clips.begin(event.id)
            reason = "the disk is nearly full" if free_bytes(folder) < self._min_free_bytes() else ""
        except (StoreError, OSError) as error:
            reason = str(error)
        if reason:
            self._clips.lost(event.id)
            self._log.warning("clip_left_out", event_id=event.id, reason=reason)
            return
        with self._lock:
            self._making[event.id] = event.camera
        supervisor.begin_clip(event.id, folder, event.started_at)

    def end(self, event: Event) -> None:
        """The rest of its clip is what comes within the next seconds."""
        with self._lock:
            supervisor = self._cameras.get(event.camera)
        if supervisor is not None:
            supervisor.end_event(event.id)
            supervisor.end_clip(event.id, event.ended_at)

    def done(self, clip: CutClip) -> None:
        """Keep a clip that is complete; called by its camera's thread."""
        with self._lock:
            known = self._making.pop(clip.event_id, None)
        if known is None:
            return  # nobody asked for it: the process reads what strangers send, and is believed nothing else
        try:
            self._later(lambda: self._keep(clip))
        except StoreError as error:
            self._not_kept_yet(clip, error)

    def _keep(self, clip: CutClip) -> None:
        try:
            self._clips.keep(clip.event_id, started_at=clip.started_at, duration_s=clip.duration_s)
        except StoreError as error:
            self._not_kept_yet(clip, error)

    def _not_kept_yet(self, clip: CutClip, error: StoreError) -> None:
        self._log.warning("clip_not_kept_yet", event_id=clip.event_id, reason=str(error))

    def stream_ended(self, camera: str) -> None:
        """What its process had not completed is as complete as it will ever be."""
        with self._lock:
            lost = [event_id for event_id, its_camera in self._making.items() if its_camera == camera]
            for event_id in lost:
                del self._making[event_id]
        for event_id in lost:
            self._clips.lost(event_id)


class ClippingSink:
    """An `EventSink` that has clips cut of the events that pass."""

    def __init__(self, sink: EventSink, cutter: ClipCutter) -> None:
        self._sink = sink
        self._cutter = cutter

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:
        """As the sink's; its clip begins."""
        self._sink.opened(event, first, window)
        self._cutter.begin(event)

    def extended(self, event: Event) -> None:
        """As the sink's."""
        self._sink.extended(event)

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        """As the sink's; its clip ends."""
        self._sink.closed(event, stills, window)
        self._cutter.end(event)

    def observed(self, window: Window, encoder: str) -> None:
        """As the sink's."""
        self._sink.observed(window, encoder)
