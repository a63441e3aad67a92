"""What cameras learn by themselves: recorded by day, trained at night in a child process, taken up at once.

    perception thread ── record ─► ring on disk ◄── child process, at night ── promoted ─► learned/<camera>/live.json
    thread `learning` ── writes the ring, looks at live.json every few seconds ─► `use`: perception's novelty

Training is a process of its own, so that it can be nice, on one thread, and killed when its time is over, and so that
the memory it took is given back. It takes up no lock of the daemon's: `vidsense learn` does the same by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import Verdict
from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.learning.experience import ExperienceFolder
from vidsense_daemon.learning.promotion import Moment
from vidsense_daemon.learning.recording import ExperienceRecorder
from vidsense_daemon.learning.registry import ModelRegistry
from vidsense_daemon.perception.surprise import SurpriseModel
from vidsense_daemon.settings.learning import LearningBlock
from vidsense_daemon.store.feedback import FeedbackStore

_LOOK_EVERY_S = 5.0  # how late a promoted model or a rollback counts
_AROUND_A_LOOK = timedelta(seconds=5)  # of an event: a clip has about three
_MIB = 1024 * 1024
_GRACE_S = 120.0  # after its minutes: importing, the last try, writing
_POLL_S = 0.5


def experience_folder(state_dir: Path, block: LearningBlock, *, min_free_bytes: int = 0) -> ExperienceFolder:
    """The ring of all cameras."""
    return ExperienceFolder(
        state_dir / "experience",
        keep_bytes=block.keep_mb * _MIB,
        keep=timedelta(days=block.keep_days),
        min_free_bytes=min_free_bytes,
    )


def model_registry(state_dir: Path) -> ModelRegistry:
    """What all cameras have learned."""
    return ModelRegistry(state_dir / "learned")


class JudgedEvents:
    """Implements `learning.promotion.JudgedMoments`: the events that people called good or bad."""

    def __init__(self, feedback: FeedbackStore) -> None:
        self._feedback = feedback

    def moments(self, camera: str) -> Sequence[Moment]:
        return [
            Moment(
                lesson.look.captured_at - _AROUND_A_LOOK,
                lesson.look.captured_at + _AROUND_A_LOOK,
                good=lesson.verdict is Verdict.GOOD,
            )
            for lesson in self._feedback.lessons(camera=camera)
        ]


class Learning:
    """The daemon's side of it. `record` is for the perception thread, `run` is a worker's body."""

    def __init__(
        self,
        state_dir: Path,
        block: LearningBlock,
        *,
        cameras: Callable[[], Sequence[str]],
        min_free_bytes: int = 0,
        clock: Clock,
    ) -> None:
        """``cameras`` names those that are watched now; with less than ``min_free_bytes`` left nothing is recorded."""
        self._state_dir = state_dir
        self._block = block
        self._cameras = cameras
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._registry = model_registry(state_dir)
        self._recorder: ExperienceRecorder | None = None
        self._encoder = ""
        self._taken_ns: dict[str, int] = {}  # of each camera's live.json when its model was taken up
        self._ended = threading.Event()
        self._log = structlog.get_logger()

    def follow(self, block: LearningBlock) -> None:
        """Go by changed settings from now on; the ring's size is applied at the next start."""
        self._block = block

    def begin(self, encoder: str, use: Callable[[str, SurpriseModel], None]) -> None:
        """The encoder is known: from now on ``use`` is told of each camera's model in its space, now and from `run`."""
        self._encoder, self._use = encoder, use
        folder = experience_folder(self._state_dir, self._block, min_free_bytes=self._min_free_bytes)
        self._recorder = ExperienceRecorder(folder, encoder=encoder)
        self.take_up()

    def record(self, frame: EmbeddedFrame) -> None:
        """Implements `domain.ports.Recorder`."""
        if self._recorder is not None and self._block.enabled:
            self._recorder.record(frame)

    def run(self, worker: Worker) -> None:
        """Write what was recorded and take up what was promoted, until asked to stop. After `begin`."""
        assert self._recorder is not None
        self._recorder.begin()
        looked_mono_s = self._clock.mono_s()
        while not worker.stopping.is_set():
            worker.beat()
            self._recorder.write_next(timeout_s=_POLL_S)
            if self._clock.mono_s() - looked_mono_s >= _LOOK_EVERY_S:
                looked_mono_s = self._clock.mono_s()
                self.take_up()
        self._recorder.finish()

    def take_up(self) -> None:
        """Load each camera's live model, if it is another one than before."""
        for camera in self._cameras():
            changed_at_ns = self._registry.changed_at_ns(camera)
            if changed_at_ns == self._taken_ns.get(camera, 0):
                continue
            self._taken_ns[camera] = changed_at_ns
            model, card = self._registry.load(camera, encoder=self._encoder)
            self._use(camera, model)
            self._log.info("learned_model_taken_up", camera=camera, model=card.id if card else model.name)

    def train_at_night(self) -> None:
        """Train in a child process; returns when it has ended or its time is over.

        Raises:
            PermanentError: it did not end well; its own lines in the log say why.
        """
        if not self._block.enabled or not self._cameras():
            return
        block = self._block
        command = [sys.executable, "-m", "vidsense_daemon.daemon.nightly", "--state-dir", str(self._state_dir)]
        command += ["--minutes", str(block.minutes), "--keep-mb", str(block.keep_mb)]
        command += ["--keep-days", str(block.keep_days), *self._cameras()]
        child = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})  # noqa: S603 - our own words
        deadline_mono_s = self._clock.mono_s() + block.minutes * 60 + _GRACE_S
        while child.poll() is None:
            if self._ended.wait(_POLL_S) or self._clock.mono_s() > deadline_mono_s:
                child.kill()
                child.wait()
                if self._ended.is_set():
                    return  # what was live still is
                raise PermanentError(f"learning took longer than its {block.minutes} minutes and was ended")
        if child.returncode:
            raise PermanentError(f"learning ended with status {child.returncode}")

    def close(self) -> None:
        """The daemon ends: so does a training that runs."""
        self._ended.set()
