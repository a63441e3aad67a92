"""The perception thread's beginning: the encoder is loaded in the thread that uses it, then frames are perceived.

PyTorch keeps its thread count per thread, and an encoder is not thread-safe: so nobody else ever touches it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from vidsense_daemon.base.worker import Worker
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import Source
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.domain.ports import EventSink
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.watch import always_enabled
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import Settings


def build_perceiver(
    settings: Settings,
    *,
    cameras: Sequence[ResolvedCamera],
    storage: Storage,
    sink: EventSink,
    mailbox: FrameMailbox,
    source: Source,
    is_enabled: Callable[[str, str], bool] = always_enabled,
) -> tuple[Perceiver, int]:
    """A perceiver with its encoder loaded, and S: the side in px of the pictures that it takes. Takes seconds."""
    backend = backends.choose_encoder(settings.encoder, state_dir=storage.state_dir)
    encoder = backends.build_encoder(settings.encoder, backend=backend, state_dir=storage.state_dir)
    perceiver = Perceiver(
        encoder=encoder,
        sink=sink,
        mailbox=mailbox,
        triggers={camera.name: backends.trigger_rules(camera, encoder_backend=backend) for camera in cameras},
        source=source,
        window_frames=settings.window.frames,
        is_enabled=is_enabled,
    )
    return perceiver, encoder.picture_px


class LivePerception:
    """Body of the perception worker; once `ready` is set the encoder is loaded and `perceiver` is there."""

    def __init__(
        self,
        settings: Settings,
        *,
        cameras: Sequence[ResolvedCamera],
        storage: Storage,
        sink: EventSink,
        is_enabled: Callable[[str, str], bool],
    ) -> None:
        self._settings = settings
        self._cameras = cameras
        self._storage = storage
        self._sink = sink
        self._is_enabled = is_enabled
        self.mailbox = FrameMailbox()
        self._runs: dict[str, str] = {}  # of each camera's newest frame; a camera's own thread alone touches its entry
        self.ready = threading.Event()
        self.perceiver: Perceiver
        self.picture_px: int

    def put(self, frame: Frame) -> None:
        """Take a camera's frame, from any thread; an older one that still waits may have to make room."""
        self._runs[frame.camera] = frame.run_id
        self.mailbox.put(frame)

    def stream_ended(self, camera: str) -> None:
        """No more frames will come of this camera's present run; called by the thread that put them."""
        if run_id := self._runs.pop(camera, None):
            self.perceiver.run_ended(camera, run_id)

    def run(self, worker: Worker) -> None:
        # after an error the worker runs the body again: open events must not be forgotten with their perceiver
        if not self.ready.is_set():
            self.perceiver, self.picture_px = build_perceiver(
                self._settings,
                cameras=self._cameras,
                storage=self._storage,
                sink=self._sink,
                mailbox=self.mailbox,
                source=Source.LIVE,
                is_enabled=self._is_enabled,
            )
            self.ready.set()
        self.perceiver.run(worker)
