"""The perception thread's beginning: the encoder is loaded in the thread that uses it, then frames are perceived.

PyTorch keeps its thread count per thread, so the thread that embeds all day is the one that loads. Others may ask the
encoder for a sentence: it is locked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from vidsense_daemon.base.worker import Worker
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.adapting import temporal_of
from vidsense_daemon.daemon.learning import Learning
from vidsense_daemon.daemon.storage import Storage, calm_file
from vidsense_daemon.daemon.teaching import Teaching
from vidsense_daemon.daemon.unusual import build_unusual, unusual_rules
from vidsense_daemon.domain.events import Source
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.domain.ports import Encoder, EventSink, Recorder
from vidsense_daemon.perception.calm_book import CalmBook
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.pace import Pace
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.unusual import UnusualWatch
from vidsense_daemon.perception.watch import HeadOf, always_enabled, no_head
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import Settings


def build_perceiver(
    settings: Settings,
    *,
    encoder: Encoder,
    encoder_backend: str,
    cameras: Sequence[ResolvedCamera],
    sink: EventSink,
    mailbox: FrameMailbox,
    source: Source,
    is_enabled: Callable[[str, str], bool] = always_enabled,
    book: CalmBook | None = None,
    head_of: HeadOf = no_head,
    unusual: UnusualWatch | None = None,
    state_dir: Path,
    pace: Pace | None = None,
    recorder: Recorder | None = None,
) -> Perceiver:
    """A perceiver of these cameras' triggers; ``encoder_backend`` decides which of them can be watched.

    Trained actions are read from ``state_dir``.
    """
    return Perceiver(
        encoder=encoder,
        sink=sink,
        mailbox=mailbox,
        triggers={camera.name: backends.trigger_rules(camera, encoder_backend=encoder_backend) for camera in cameras},
        source=source,
        window_frames=settings.window.frames,
        temporal=temporal_of(encoder, state_dir),
        is_enabled=is_enabled,
        book=book,
        head_of=head_of,
        unusual=unusual,
        action_head=backends.action_heads(settings.actions, encoder=encoder, state_dir=state_dir),
        keep_pictures=backends.video_model_wanted(settings.actions, state_dir=state_dir),
        labels=backends.labels_seen(settings.labels, encoder_backend=encoder_backend),
        pace=pace,
        recorder=recorder,
    )


class LivePerception:
    """Body of the perception worker; once `ready` is set, `encoder`, its backend and `perceiver` are there.

    `teaching` is the body of another worker: what it learns from verdicts counts in the perceiver.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        cameras: Sequence[ResolvedCamera],
        storage: Storage,
        sink: EventSink,
        is_enabled: Callable[[str, str], bool],
        pace: Pace | None = None,
        learning: Learning | None = None,
    ) -> None:
        self._settings = settings
        self.pace = pace or Pace(max_frames_per_s=settings.max_frames_per_s)
        self._cameras = {camera.name: camera for camera in cameras}  # replaced as a whole: other threads read it
        self._storage = storage
        self._sink = sink
        self._learning = learning
        self._is_enabled = is_enabled
        self.teaching = Teaching(
            storage,
            cameras=lambda: tuple(self._cameras.values()),
            encoder=lambda: self.encoder.name if self.ready.is_set() else None,
        )
        self.runtimes = backends.build_runtimes(settings.encoder, storage)
        self.mailbox = FrameMailbox()
        self._runs: dict[str, str] = {}  # of each camera's newest frame; a camera's own thread alone touches its entry
        self.ready = threading.Event()
        self.perceiver: Perceiver
        self.unusual: UnusualWatch
        self.encoder: Encoder
        self.encoder_backend: str

    def put(self, frame: Frame) -> None:
        """Take a camera's frame, from any thread; an older one that still waits may have to make room."""
        self._runs[frame.camera] = frame.run_id
        self.mailbox.put(frame)

    def stream_ended(self, camera: str) -> None:
        """No more frames will come of this camera's present run; called by the thread that put them."""
        if run_id := self._runs.pop(camera, None):
            self.perceiver.run_ended(camera, run_id)

    def change_triggers(self, camera: ResolvedCamera) -> None:
        """Look for what ``camera`` lists now; only once it is `ready`."""
        self._cameras = {**self._cameras, camera.name: camera}
        self.perceiver.change_triggers(
            camera.name, backends.trigger_rules(camera, encoder_backend=self.encoder_backend)
        )
        self.unusual.change_rules(camera.name, unusual_rules(camera))

    def hurry(self) -> None:
        """The process ends soon: what would take long is left."""
        if self.ready.is_set():
            self.perceiver.hurry()

    def run(self, worker: Worker) -> None:
        # after an error the worker runs the body again: open events must not be forgotten with their perceiver
        if not self.ready.is_set():
            folder, block = self._storage.state_dir, self._settings.encoder
            self.encoder, self.encoder_backend = backends.open_encoder(block, state_dir=folder, runtimes=self.runtimes)
            cameras = tuple(self._cameras.values())
            self.unusual = build_unusual(
                cameras, encoder=self.encoder.name, state_dir=folder, is_enabled=self._is_enabled
            )
            self.perceiver = build_perceiver(
                self._settings,
                encoder=self.encoder,
                encoder_backend=self.encoder_backend,
                cameras=cameras,
                sink=self._sink,
                mailbox=self.mailbox,
                source=Source.LIVE,
                is_enabled=self._is_enabled,
                book=CalmBook(encoder=self.encoder.name, path=calm_file(folder)),
                head_of=self.teaching.head_of,
                unusual=self.unusual,
                state_dir=folder,
                pace=self.pace,
                recorder=self._learning,
            )
            if self._learning is not None:
                self._learning.begin(self.encoder.name, self.unusual.use)
            self.ready.set()
        self.perceiver.run(worker)
