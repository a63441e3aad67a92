"""The perception thread: frames in, events out.

    mailbox → FrameEmbedder → SlidingWindow (per camera) → TemporalTransformer → CameraWatch (per camera) → sink

One thread serves all cameras, since one encoder call for many pictures is cheaper than many calls, and a second copy of
the weights would cost more memory than it gains. A replay calls `process` and `finish` from its own thread instead.

B = windows, T = frames of a window, D = dimension of the embedding space.
"""

from __future__ import annotations

import queue
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum, auto

import numpy as np
import structlog
import torch

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import Source
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.domain.ports import Encoder, EventSink, Recorder
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.perception.actions import Head, no_actions
from vidsense_daemon.perception.calm_book import CalmBook
from vidsense_daemon.perception.embedding import FrameEmbedder
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.owed import OwedCalls
from vidsense_daemon.perception.pace import Pace
from vidsense_daemon.perception.temporal import TemporalTransformer
from vidsense_daemon.perception.triggers import TriggerRule
from vidsense_daemon.perception.unusual import UnusualWatch
from vidsense_daemon.perception.watch import HeadOf, always_enabled, no_head
from vidsense_daemon.perception.watches import Looking, Watches
from vidsense_daemon.perception.windows import DEFAULT_WINDOW_FRAMES, Frames, SlidingWindow, inputs_of, seconds_of

_TAKE_TIMEOUT_S = 0.5  # how late a lost camera or a stop is noticed
# looked at together: events are told after each batch, so a house of twenty cameras must not be one. Four send a dozen
# frames and more, which is all that batches gain
_CAMERAS_AT_ONCE = 4
_LAST_FRAMES_WITHIN_S = 2.0  # a slow machine takes longer for what waits than the daemon has to end
_REPORT_EVERY_S = 60.0
_KEEP_EVERY_S = 600.0  # what is learned; a kill costs ten minutes of it, a write each minute would wear out SD cards


class _Kind(Enum):
    SEE = auto()  # a new window for the triggers
    OBSERVE = auto()  # a window to keep
    END = auto()  # the run is over


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing to do for one camera, in the order of its frames."""

    kind: _Kind
    camera: str
    frames: Frames


class Perceiver:
    """Owns the encoder and all that is known of each camera; only `run_ended` may be called from other threads.

    ``triggers`` names each camera's rules; a camera without any is still embedded and observed. ``is_enabled``,
    ``time_zone``, ``book``, ``labels``, ``head_of`` and ``action_head`` are the watches' (`Watches`). ``keep_pictures``
    leaves the whole pictures with the frames, for heads that look at them. ``unusual`` makes events of what no trigger
    asks for. ``pace`` keeps the cameras from sending more than can be perceived; without one they send what they like.
    ``recorder`` keeps some of what is seen for training.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        sink: EventSink,
        mailbox: FrameMailbox,
        triggers: Mapping[str, Sequence[TriggerRule]],
        source: Source = Source.LIVE,
        window_frames: int = DEFAULT_WINDOW_FRAMES,
        temporal: TemporalTransformer | None = None,
        max_batch_pictures: int = 32,
        clock: Clock | None = None,
        is_enabled: Callable[[str, str], bool] = always_enabled,
        time_zone: tzinfo | None = None,
        book: CalmBook | None = None,
        labels: Sequence[str] = (),
        unusual: UnusualWatch | None = None,
        head_of: HeadOf = no_head,
        action_head: Callable[[TriggerRule], Head] = no_actions,
        keep_pictures: bool = False,
        pace: Pace | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._log = structlog.get_logger()
        self._clock = clock or SystemClock()
        self._encoder = encoder
        self._sink = OwedCalls(sink)
        self._mailbox, self._pace, self._recorder = mailbox, pace, recorder
        self._window_frames = window_frames
        self._temporal = (temporal or TemporalTransformer(dimension=encoder.dimension)).eval()
        self._embedder = FrameEmbedder(encoder, max_batch_pictures=max_batch_pictures, keep_pictures=keep_pictures)
        self._book = book or CalmBook(encoder=encoder.name)
        self._unusual = unusual or UnusualWatch({}, encoder=encoder.name)
        looking = Looking(source, is_enabled, time_zone, self._book, head_of, action_head)
        self._watches = Watches(
            triggers, encoder=encoder, sink=self._sink, labels=labels, looking=looking, in_hindsight=self._in_hindsight
        )
        self._sliding: dict[str, SlidingWindow] = {}
        self._ended: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._ending: list[tuple[str, str]] = []  # of which frames may still wait
        self._changed: queue.SimpleQueue[tuple[str, Sequence[TriggerRule]]] = queue.SimpleQueue()
        self._frames = 0
        self._hurried_mono_s: float | None = None
        self._reported_mono_s = self._kept_mono_s = self._clock.mono_s()

    def run(self, worker: Worker) -> None:
        """The thread's body: perceive until asked to stop, then what waits if there is time; close what is open."""
        while not worker.stopping.is_set():
            worker.beat()
            self._sink.settle()  # before new frames are taken: what the sink refused comes first
            # asked before the frames are taken: a run's last frames were put before its end was told
            self._ending += self._newly_ended()
            frames = self._mailbox.take(_TAKE_TIMEOUT_S, cameras=_CAMERAS_AT_ONCE)
            with self._pace.over(frames) if self._pace else nullcontext():
                self.process(frames)
            self._end_runs()
            self._take_changes()
            worker.worked()
            self._report()
            self._keep_learned()
        while not self._is_late() and (frames := self._mailbox.take(0, cameras=_CAMERAS_AT_ONCE)):
            worker.beat()
            self.process(frames)
        self.finish()

    def hurry(self) -> None:
        """The process ends soon: frames that still wait in two seconds are not perceived. From any thread."""
        self._hurried_mono_s = self._clock.mono_s()

    def process(self, frames: Sequence[Frame]) -> None:
        """Perceive these frames, each camera's in the order of its time; returns when the sink has taken it all.

        Raises:
            StoreError: the sink could not commit; it gets the same calls again before any other.
        """
        steps: list[_Step] = []
        embedded = self._embedder.embed(frames)
        usable = {(frame.camera, frame.run_id, frame.index) for frame in embedded}
        for frame in frames:
            if (frame.camera, frame.run_id, frame.index) in usable:
                self._unusual.look(frame)
        for one in embedded:
            if self._recorder is not None:
                self._recorder.record(one)
            steps += self._steps_of(one)
        self._take(steps)

    def run_ended(self, camera: str, run_id: str) -> None:
        """The stream of this run is gone, and all its frames are in the mailbox: its open events end soon.

        From any thread. A run that is over already, because frames of the next one came, is left alone.
        """
        self._ended.put((camera, run_id))

    def change_triggers(self, camera: str, rules: Sequence[TriggerRule]) -> None:
        """Look for something else on a camera: its open events end. From any thread; takes effect within a moment."""
        self._changed.put((camera, rules))

    def finish(self) -> None:
        """The streams have ended: store the windows begun and close what is open; keep what was learned."""
        self._take([step for camera in self._sliding for step in self._end_of_run(camera)])
        self._book.save()
        self._unusual.save()

    def counts(self) -> dict[str, int]:
        """What was done since the start, for logs and metrics."""
        return {
            "frames": self._frames,
            "frames_unusable": self._embedder.unusable_frames.total(),
            "frames_replaced": sum(self._mailbox.replaced().values()),
            "pictures_embedded": self._embedder.embedded_pictures,
            "backgrounds_reused": self._embedder.reused_backgrounds,
            "sightings_spared": self._watches.spared.total(),
        }

    def thresholds(self) -> dict[str, dict[str, float]]:
        """Each camera's present threshold δ of each of its triggers."""
        return self._watches.thresholds()

    def _is_late(self) -> bool:
        return self._hurried_mono_s is not None and self._clock.mono_s() - self._hurried_mono_s > _LAST_FRAMES_WITHIN_S

    def _steps_of(self, frame: EmbeddedFrame) -> list[_Step]:
        sliding = self._sliding.setdefault(frame.camera, SlidingWindow(window_frames=self._window_frames))
        steps = self._end_of_run(frame.camera) if sliding.run_id not in (None, frame.run_id) else []
        if not sliding.takes(frame):
            self._embedder.refuse(frame, "it is older than the frame before it")
            return steps
        self._frames += 1
        steps.append(_Step(_Kind.SEE, frame.camera, sliding.add(frame)))
        if unobserved := sliding.take_unobserved():
            steps.append(_Step(_Kind.OBSERVE, frame.camera, unobserved))
        return steps

    def _end_of_run(self, camera: str) -> list[_Step]:
        sliding = self._sliding.get(camera)
        if sliding is None:
            return []
        begun = sliding.take_unobserved(partial=True)
        sliding.clear()
        observe = [_Step(_Kind.OBSERVE, camera, begun)] if begun else []
        return [*observe, _Step(_Kind.END, camera, ())]

    def _take(self, steps: Sequence[_Step]) -> None:
        windows = self._contextualise({step.frames for step in steps if step.frames})
        for step in steps:
            match step.kind:
                case _Kind.SEE:
                    self._watches.of(step.camera).see(windows[step.frames])
                    self._unusual.see(windows[step.frames], self._sink)
                case _Kind.OBSERVE:
                    self._sink.observed(windows[step.frames], self._encoder.name)
                case _Kind.END:
                    self._watches.of(step.camera).end_run()
                    self._unusual.end_run(step.camera, self._sink)
        self._sink.settle()

    def _contextualise(self, wanted: set[Frames], *, causal: bool = True) -> dict[Frames, Window]:
        """Windows of these frames; those of equal length pass the temporal transformer together."""
        by_length: dict[int, list[Frames]] = defaultdict(list)
        for frames in wanted:
            by_length[len(frames)].append(frames)
        windows: dict[Frames, Window] = {}
        for same_length in by_length.values():
            x = torch.from_numpy(np.stack([inputs_of(frames) for frames in same_length]))  # (B, T, D)
            seconds = torch.from_numpy(np.stack([seconds_of(frames) for frames in same_length]))  # (B, T)
            with torch.inference_mode():
                made = self._temporal(x, seconds, causal=causal)
            each = zip(same_length, made.frames.numpy(), made.pooled.numpy(), strict=True)
            windows |= {frames: Window(frames, contextualised, pooled) for frames, contextualised, pooled in each}
        return windows

    def _in_hindsight(self, window: Window) -> Window:
        """The window of an event that is over: now its first frames are understood from its last ones, too."""
        return self._contextualise({window.frames}, causal=False)[window.frames]

    def _newly_ended(self) -> list[tuple[str, str]]:
        ended = []
        while not self._ended.empty():
            ended.append(self._ended.get())
        return ended

    def _end_runs(self) -> None:
        over = [(camera, run_id) for camera, run_id in self._ending if not self._mailbox.holds(camera)]
        self._ending = [run for run in self._ending if run not in over]
        cameras = [camera for camera, run_id in over if self._run_of(camera) == run_id]
        self._take([step for camera in cameras for step in self._end_of_run(camera)])

    def _take_changes(self) -> None:
        while not self._changed.empty():
            camera, rules = self._changed.get()
            try:
                self._take(self._end_of_run(camera))
            finally:  # what the sink refuses it gets again; the change is due in any case
                self._watches.look_for(camera, rules)

    def _run_of(self, camera: str) -> str | None:
        sliding = self._sliding.get(camera)
        return sliding.run_id if sliding else None

    def _keep_learned(self) -> None:
        now_mono_s = self._clock.mono_s()
        if now_mono_s - self._kept_mono_s >= _KEEP_EVERY_S:
            self._kept_mono_s = now_mono_s
            self._book.save()
            self._unusual.save_hourly()

    def _report(self) -> None:
        now_mono_s = self._clock.mono_s()
        if now_mono_s - self._reported_mono_s >= _REPORT_EVERY_S:
            self._reported_mono_s = now_mono_s
            self._log.info("perceived", **self.counts())
