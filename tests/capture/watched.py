"""A supervisor at work in its worker thread, and all it said, for tests; and a pipe that keeps what is written."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from fakes import WAIT_LIMIT_S, wait_until

from vidsense_daemon.base.worker import Worker
from vidsense_daemon.capture.faults import Fault
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.state import CameraPhase, CameraState, CutClip
from vidsense_daemon.capture.supervisor import CameraSupervisor
from vidsense_daemon.capture.watching import Outlet
from vidsense_daemon.capture.wire import Assembler, unpack_frame
from vidsense_daemon.domain.frames import Frame


class Pipe(Outlet):
    """Keeps the frames that would go to the daemon."""

    def __init__(self, picture_px: int) -> None:
        self.frames: list[Frame] = []
        self._picture_px = picture_px
        self._assembler = Assembler()

    def send(self, pieces: list[bytes | memoryview]) -> None:
        for message in self._assembler.feed(b"".join(pieces)):
            self.frames.append(unpack_frame(message, camera="yard", picture_px=self._picture_px))

    def say(self, kind: str, **values: Any) -> None:
        """Progress: nobody asks."""


class Watched:
    """Watches while the `with` block runs."""

    def __init__(self, options: StreamOptions) -> None:
        self.frames: list[Frame] = []
        self.states: list[CameraState] = []
        self.fatal: list[tuple[int, str]] = []
        self.clips: list[CutClip] = []
        self.supervisor = CameraSupervisor(
            "yard", options, on_frame=self.frames.append, on_state=self.states.append, on_clip=self.clips.append
        )
        self.worker = Worker(
            "capture-yard", self.supervisor.run, on_fatal=lambda status, reason: self.fatal.append((status, reason))
        )

    def wait_frames(self, more: int = 1, *, limit_s: float = WAIT_LIMIT_S) -> None:
        wanted = len(self.frames) + more
        wait_until(lambda: len(self.frames) >= wanted, limit_s=limit_s, what=f"{more} more frames")

    def wait_fault(self, fault: Fault, *, limit_s: float = WAIT_LIMIT_S) -> CameraState:
        def found() -> CameraState | None:
            return next((state for state in self.states if state.fault is fault), None)

        wait_until(lambda: found() is not None, limit_s=limit_s, what=f"the fault {fault}")
        state = found()
        assert state
        return state

    def wait_phase(self, phase: CameraPhase, *, limit_s: float = WAIT_LIMIT_S) -> None:
        wait_until(lambda: self.supervisor.state.phase is phase, limit_s=limit_s, what=f"the phase {phase}")

    def wait_end(self, *, limit_s: float = WAIT_LIMIT_S) -> None:
        assert self.worker.join(limit_s), "the supervisor did not end"

    def __enter__(self) -> Self:
        self.worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.worker.ask_to_stop()
        assert self.worker.join(10), "the supervisor did not stop"
        assert self.fatal == []
