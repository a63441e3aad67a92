"""Recorded files through the same pipeline as a live camera: on the recording's clock, as fast as it goes.

The stages are the daemon's own. What differs: frames wait instead of being replaced, `captured_at` is the stream's time
after the replay's beginning, events are marked as replayed, and nobody is alerted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from vidsense_daemon.base.clock import LocalZone, to_ms
from vidsense_daemon.base.errors import StreamError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.capture.state import CameraState
from vidsense_daemon.capture.supervisor import CameraSupervisor
from vidsense_daemon.daemon import backends, describing
from vidsense_daemon.daemon.perceiving import build_perceiver
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.daemon.teaching import Teaching
from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.description.worker import DescriptionWork
from vidsense_daemon.domain.events import Event, EventRecord, EventStill, Source
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.store.events import EventStore

# files given together are separate recordings: on the replay's clock they lie apart, so that no cooldown spans two
_BETWEEN_FILES = timedelta(hours=1)
_POLL_S = 0.2
_STOP_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the replay has come."""

    file: Path
    pts_s: float  # of the newest frame that was perceived
    events: int  # so far, over all files


class Replay:
    """One camera's recordings, replayed; `events` does the work."""

    def __init__(
        self,
        settings: Settings,
        *,
        camera: str,
        storage: Storage,
        on_progress: Callable[[Progress], None] = lambda _progress: None,
    ) -> None:
        self._camera = settings.camera(camera)
        self._storage = storage
        self._on_progress = on_progress
        self._sink = _ClosedEvents(storage.events)
        self._mailbox = FrameMailbox(frames_per_camera=16, lossless=True)
        encoder, backend = backends.open_encoder(
            settings.encoder,
            state_dir=storage.state_dir,
            runtimes=backends.build_runtimes(settings.encoder, storage),
        )
        self._picture_px = encoder.picture_px
        teaching = Teaching(storage, cameras=lambda: [self._camera], encoder=lambda: encoder.name)
        teaching.refresh()
        self._perceiver = build_perceiver(
            settings,
            encoder=encoder,
            encoder_backend=backend,
            cameras=[self._camera],
            head_of=teaching.head_of,
            sink=self._sink,
            mailbox=self._mailbox,
            source=Source.REPLAY,
            state_dir=storage.state_dir,
        )
        zone = LocalZone()
        describer = describing.build_describer(
            settings.describer,
            server=describing.build_server(settings.describer),
            cameras=[self._camera],
            zone=zone,
            evidence=describing.evidence_of(storage, lambda: encoder),
        )
        queue = storage.descriptions(among=self._sink.ids)
        self._description = DescriptionWork(queue, describer, BuiltinDescriber(zone=zone))
        self._told: set[str] = set()

    def events(self, files: Sequence[Path], *, started_at: datetime) -> Iterator[tuple[Path, EventRecord]]:
        """Every event as soon as it is described, with the file that shows it; the last file's remain until its end.

        Raises:
            StreamError: a file can't be read as video to its end; events of what could be read have been given.
        """
        problem: StreamError | None = None
        for file in files:
            last_at = started_at
            try:
                for frames in self._frames_of(file, started_at=started_at):
                    self._perceiver.process(frames)
                    last_at = frames[-1].captured_at
                    yield from ((file, record) for record in self._described())
                    self._on_progress(Progress(file, frames[-1].pts_s, len(self._told)))
            except StreamError as error:
                problem = error
            self._perceiver.finish()
            yield from ((file, record) for record in self._described())
            if problem is not None:
                raise problem
            started_at = max(started_at, last_at) + _BETWEEN_FILES

    def _frames_of(self, file: Path, *, started_at: datetime) -> Iterator[list[Frame]]:
        states: list[CameraState] = []
        failures: list[str] = []
        supervisor = CameraSupervisor(
            self._camera.name,
            backends.stream_options(
                self._camera,
                picture_px=self._picture_px,
                url=str(file),
                substream_url=None,
                pace="asap",
                started_at_ms=to_ms(started_at),
                clips=False,
            ),
            on_frame=self._put,
            on_state=states.append,
        )
        worker = Worker("replay", supervisor.run, on_fatal=lambda _status, reason: failures.append(reason))
        worker.start()
        try:
            while not worker.join(0):
                if frames := self._mailbox.take_all(_POLL_S):
                    yield frames
                _raise_on_fault(file, states, failures)
            if frames := self._mailbox.take_all(0):
                yield frames
            _raise_on_fault(file, states, failures)
        finally:
            worker.ask_to_stop()
            if not worker.join(0):
                self._mailbox.close()  # nobody will take what it waits to put
                worker.join(_STOP_LIMIT_S)

    def _put(self, frame: Frame) -> None:
        self._mailbox.put(frame)

    def _described(self) -> Iterator[EventRecord]:
        """The events that have closed since the last call, once they have their words."""
        new = [event_id for event_id in self._sink.ids if event_id not in self._told]
        if not new:
            return
        self._storage.events.flush()
        self._description.drain()
        for event_id in new:
            self._told.add(event_id)
            record = self._storage.archive.get(event_id)
            if record is not None:
                yield record


class _ClosedEvents:
    """The store as sink, and the ids of what has closed, in order."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self.ids: list[str] = []
        self.opened = store.opened
        self.extended = store.extended
        self.observed = store.observed

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        self._store.closed(event, stills, window)
        self.ids.append(event.id)


def _raise_on_fault(file: Path, states: Sequence[CameraState], failures: Sequence[str]) -> None:
    """A camera is tried again and again; a file that can't be read now can't be read later either."""
    if failures:
        raise StreamError(f"replaying {file}: {failures[0]}")
    if states and states[-1].phase.is_lost and states[-1].message:
        raise StreamError(f"replaying {file}: {states[-1].message.removeprefix(f'opening {file}: ')}")
