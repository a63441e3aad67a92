"""The cameras that are watched: each one's worker, its newest state, and who is told when it comes and goes.

The main thread starts and stops cameras; what capture says of one arrives in that camera's own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import structlog

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.capture.budget import FrameBudget
from vidsense_daemon.capture.state import CameraPhase, CameraState
from vidsense_daemon.capture.supervisor import CameraSupervisor
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.clipping import Clipping
from vidsense_daemon.daemon.crew import Crew
from vidsense_daemon.daemon.perceiving import LivePerception
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.settings.resolved import ResolvedCamera

_STOPS_WITHIN_S = 5.0  # its process is killed; the thread looks twice a second
_OVER = (CameraPhase.ENDED, CameraPhase.STOPPED)


class WatchedCameras:
    """Frames go to perception and to the board; ``on_connected`` hears whether a camera streams, when that changes.

    ``one_pass``: a stream that ends is not opened again.
    """

    def __init__(
        self,
        crew: Crew,
        board: CameraBoard,
        *,
        max_frames_per_s: float,
        one_pass: bool,
        on_connected: Callable[[str, bool], None],
        clock: Clock,
    ) -> None:
        self._crew = crew
        self._board = board
        self._budget = FrameBudget(max_frames_per_s=max_frames_per_s)
        self._one_pass = one_pass
        self._on_connected = on_connected
        self._clock = clock
        self._states: dict[str, CameraState] = {}
        self._log = structlog.get_logger()

    def limit_to(self, max_frames_per_s: float) -> None:
        """All cameras together send no more than this; each hears of it with its next frame."""
        self._budget.limit_to(max_frames_per_s)

    def connected(self) -> dict[str, bool]:
        """Of each camera that has said a word, whether it streams."""
        return {name: state.phase is CameraPhase.STREAMING for name, state in tuple(self._states.items())}

    def over(self) -> int:
        """How many have come to their end: cameras that are files do."""
        return sum(state.phase in _OVER for state in tuple(self._states.values()))

    def add(self, camera: ResolvedCamera, perception: LivePerception, clipping: Clipping) -> Worker:
        """A worker that will watch ``camera``; whoever asked for it starts it."""

        def note_state(state: CameraState) -> None:
            before = self._states.get(camera.name)
            self._states[camera.name] = state
            self._board.heard(state)
            streams = state.phase is CameraPhase.STREAMING
            if before is None or streams is not (before.phase is CameraPhase.STREAMING):
                self._on_connected(camera.name, streams)
            if state.phase is not CameraPhase.STREAMING:
                clipping.stream_ended(camera.name)
            if state.phase.is_lost and (before is None or before.phase is not state.phase):
                perception.stream_ended(camera.name)
                if self._one_pass and state.sessions:
                    worker.ask_to_stop()

        def note_frame(frame: Frame) -> None:
            self._board.saw(frame)
            # a calm picture is for those who look on: an event is shown by pictures in which something moves
            perception.put(frame if frame.moving else replace(frame, still=None))

        supervisor = CameraSupervisor(
            camera.name,
            backends.stream_options(camera, picture_px=perception.encoder.picture_px),
            on_frame=note_frame,
            on_state=note_state,
            on_clip=clipping.done,
            budget=self._budget,
            clock=self._clock,
        )
        clipping.watch(camera.name, supervisor, has_clips=camera.has_clips)
        if camera.clips.enabled and not camera.has_clips:
            self._log.info("clips_left_out", camera=camera.name, reason="they would show what its privacy_masks hide")
        worker = self._crew.add(_worker_of(camera.name), supervisor.run, beat_limit_s=camera.stall_limit_s * 4)
        return worker

    def leave(self, names: Collection[str], perception: LivePerception, clipping: Clipping) -> None:
        """Watch these no longer; returns when their streams are closed."""
        self._crew.dismiss({_worker_of(name) for name in names}, within_s=_STOPS_WITHIN_S)
        for name in names:
            self._states.pop(name, None)
            self._board.forget(name)
            self._budget.leave(name)
            perception.stream_ended(name)
            clipping.leave(name)


def _worker_of(camera: str) -> str:
    return f"capture-{camera}"
