"""Triggers on the owner's labelled clips: does what they see rise when the thing is there, and do they make events?

Each clip passes capture and perception as a replayed recording does, in this process. Every sampled frame is one look;
it is true when the label says that the thing is there. The baselines get the same frames: what moved, and the whole
picture against the prompt alone.

N = looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.capture.faults import CameraError
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.source import Source
from vidsense_daemon.capture.watching import Watch
from vidsense_daemon.capture.wire import Assembler, unpack_frame
from vidsense_daemon.domain.events import Event, EventStill
from vidsense_daemon.domain.events import Source as EventSource
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.evaluation.labels import Interval, LabelledClip, TriggerLabel
from vidsense_daemon.evaluation.report import Table, TableMaker, fold_numbers
from vidsense_daemon.learning.measures import auc
from vidsense_daemon.learning.progress import Progress
from vidsense_daemon.perception.embedding import FrameEmbedder
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.scoring import TriggerTexts, look_at, score
from vidsense_daemon.perception.triggers import TriggerRule
from vidsense_daemon.perception.watch import CameraWatch
from vidsense_daemon.perception.windows import DEFAULT_WINDOW_FRAMES, SlidingWindow, inputs_of

_STARTED_AT = datetime(2030, 1, 1, tzinfo=UTC)
_NEAR_S = 0.5  # labels are set by eye: an event this close to an interval belongs to it
_CAMERA = "clip"
_METHODS = ("the trigger", "share of the picture that changed", "block difference", "whole picture against the prompt")


def evaluate(clips: Sequence[LabelledClip], encoder: Encoder, *, seed: int = 0, on_progress: Progress) -> list[Table]:
    """A table for each trigger that some clip labels; a clip that can't be read is left out with a note."""
    found: dict[str, _Seen] = {}
    notes: list[str] = []
    for done, clip in enumerate(clips):
        on_progress("replaying clips", done, len(clips))
        try:
            windows = _windows(FrameEmbedder(encoder).embed(_frames_of(clip.path, picture_px=encoder.picture_px)))
        except (CameraError, PermanentError) as error:
            notes.append(f"left out: {clip.path.name}: {error}")
            continue
        for name, label in clip.triggers.items():
            _look_through(found.setdefault(name, _Seen()), clip, name, label, windows, encoder)
    return [_table(name, seen, notes, seed) for name, seen in found.items()]


@dataclass(slots=True)
class _Seen:
    """What all clips say of one trigger."""

    scores: list[tuple[float, ...]] = field(default_factory=list)  # of each look, by method
    truth: list[bool] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    right: int = 0  # events that belong to an interval
    wrong: int = 0
    intervals: int = 0
    met: int = 0  # intervals with an event
    watched_s: float = 0.0


def _look_through(
    seen: _Seen,
    clip: LabelledClip,
    name: str,
    label: TriggerLabel,
    windows: Sequence[Window],
    encoder: Encoder,
) -> None:
    rule = TriggerRule(name, label.prompt, contrast=label.contrast, cooldown_s=_NEAR_S)
    texts = PromptBook(encoder).texts_of(rule)
    sink = _Events()
    watch = CameraWatch(
        camera=_CAMERA, triggers={rule: texts}, sink=sink, source=EventSource.REPLAY, encoder=encoder.name
    )
    for window in windows:
        frame = window.frames[-1]
        watch.see(window)
        at_s = _seconds(frame.captured_at)
        seen.scores.append(_scores(window, texts))
        seen.truth.append(any(start <= at_s <= end for start, end in label.present_s))
        seen.groups.append(clip.group)
    watch.end_run()
    seen.watched_s += _seconds(windows[-1].ended_at) if windows else 0.0
    _count(seen, [(_seconds(event.started_at), _seconds(event.ended_at)) for event in sink.events.values()], label)


def _count(seen: _Seen, events: Sequence[Interval], label: TriggerLabel) -> None:
    def together(event: Interval, span: Interval) -> bool:
        return event[0] <= span[1] + _NEAR_S and event[1] >= span[0] - _NEAR_S

    right = sum(any(together(event, span) for span in label.present_s) for event in events)
    seen.right, seen.wrong = seen.right + right, seen.wrong + len(events) - right
    seen.intervals += len(label.present_s)
    seen.met += sum(any(together(event, span) for event in events) for span in label.present_s)


def _scores(window: Window, texts: TriggerTexts) -> tuple[float, ...]:
    frame, look = window.frames[-1], look_at(window)
    presence = score(look, texts).presence if look is not None and frame.moving else 0.0
    return presence, frame.changed_ratio, frame.block_change, float((texts.own @ frame.whole).max())


def _table(name: str, seen: _Seen, notes: Sequence[str], seed: int) -> Table:
    scores, truth = np.array(seen.scores), np.array(seen.truth)
    events = seen.right + seen.wrong
    told = (
        f"{events} events: {seen.right} of them right, {seen.met} of {seen.intervals} labelled times met, "
        f"{seen.wrong} false in {seen.watched_s / 60:.1f} minutes"
    )
    title = f"trigger {name}: {len(truth)} looks, {int(truth.sum())} with it"
    maker = TableMaker(title, "AUC of looks", fold_numbers(seen.groups), seed=seed, notes=[told, *notes])
    for place, method in enumerate(_METHODS):
        maker.add(method, partial(_auc_of, scores[:, place], truth), is_baseline=place > 0)
    return maker.table()


def _auc_of(scores: NDArray[np.float64], truth: NDArray[np.bool_], rows: NDArray[np.intp]) -> float:
    return auc(scores[rows], truth[rows])


def _windows(embedded: Sequence[EmbeddedFrame]) -> Sequence[Window]:
    """Every frame's window, as an untrained temporal transformer gives it."""
    sliding, made = SlidingWindow(window_frames=DEFAULT_WINDOW_FRAMES), []
    for frame in embedded:
        if not sliding.takes(frame):
            sliding.clear()
        inputs = inputs_of(frames := sliding.add(frame))
        made.append(Window(frames, inputs, inputs.mean(axis=0)))
    return made


def _seconds(at: datetime) -> float:
    return (at - _STARTED_AT) / timedelta(seconds=1)


def _frames_of(clip: Path, *, picture_px: int) -> list[Frame]:
    """The frames that the daemon would look at."""
    options = StreamOptions(
        url=str(clip), pace="asap", picture_px=picture_px, started_at_ms=round(_STARTED_AT.timestamp() * 1000)
    )
    outlet = _Frames(picture_px)
    watch = Watch(options, outlet, now=lambda: _STARTED_AT, mono_s=lambda: 0.0, sleep=lambda _s: None)
    with closing(Source(str(clip))) as source:
        watch.look_ahead(source)
    with closing(Source(str(clip))) as source:
        watch.run(source, list)
    return outlet.frames


class _Frames:
    """Stands where a camera's pipe ends, and takes the frames out of what is sent."""

    def __init__(self, picture_px: int) -> None:
        self._assembler = Assembler()
        self._picture_px = picture_px
        self.frames: list[Frame] = []

    def send(self, pieces: list[bytes | memoryview]) -> None:
        for message in self._assembler.feed(b"".join(pieces)):
            if message.kind == "frame":
                self.frames.append(unpack_frame(message, camera=_CAMERA, picture_px=self._picture_px))

    def say(self, kind: str, **values: Any) -> None:
        """Progress and endings: nobody waits for them."""


class _Events:
    """Keeps the newest of each event."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:  # noqa: ARG002 - the port's
        self.events[event.id] = event

    def extended(self, event: Event) -> None:
        self.events[event.id] = event

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:  # noqa: ARG002
        self.events[event.id] = event

    def observed(self, window: Window, encoder: str) -> None:
        """Nothing is kept."""
