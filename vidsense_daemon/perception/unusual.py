"""What no trigger asks for: something unusual before a camera, or a camera that somebody has tampered with.

    Frame  → TamperWatch            is the picture still the camera's own?
    Window → NoveltyScorer → Usual  how unlike its own past is what it shows?      → Alarm → sink

The perceiver calls it for every frame and window of every camera; only `use` may be called from other threads. While a
camera is tampered with, nothing it shows is called unusual; once another scene has become its own, it learns anew.
"""

from __future__ import annotations

import math
import queue
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import structlog

from vidsense_daemon.domain.events import NOVELTY, TAMPER, Severity, Source
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.domain.ports import EventSink
from vidsense_daemon.domain.windows import EmbeddedFrame, Embedding, Window
from vidsense_daemon.perception.alarm import Alarm, Cause
from vidsense_daemon.perception.novelty import Novelty, NoveltyScorer, Scale
from vidsense_daemon.perception.surprise import Persistence, SurpriseModel
from vidsense_daemon.perception.tampering import SENTENCES, TamperWatch, Verdict
from vidsense_daemon.perception.triggers import Closed, Evidence, Extended, Opened, TriggerRule, TriggerState
from vidsense_daemon.perception.unusual_file import Kept, UnusualFile
from vidsense_daemon.perception.usual import PEAK_EVERY, Usual
from vidsense_daemon.perception.watch import always_enabled

_PEAKS_AN_HOUR = round(timedelta(hours=1) / PEAK_EVERY)
_SENTENCE = "something unusual for this camera"
_RULE = TriggerRule(name=NOVELTY, prompt=_SENTENCE, cooldown_s=60.0, gap_s=5.0)
_STANDS_OUT = 2.0  # a part of the score over twice every other one is what the explanation names


@dataclass(frozen=True, slots=True)
class NoveltyRule:
    """How often, and how loud."""

    per_week: float = 2.0
    severity: Severity = Severity.INFO
    busy_every_s: float = 0.2  # between two frames while something moves


@dataclass(frozen=True, slots=True)
class TamperRule:
    """How soon, and how loud."""

    severity: Severity = Severity.WARNING
    after_s: float = 60.0
    frozen_after_s: float = 600.0


@dataclass(frozen=True, slots=True)
class UnusualRules:
    """What is looked for on one camera; none makes no events of it, but goes on learning."""

    novelty: NoveltyRule | None = None
    tamper: TamperRule | None = None


class UnusualWatch:
    """All cameras; the perception thread's own, but for `use` and `change_rules`."""

    def __init__(
        self,
        rules: Mapping[str, UnusualRules],
        *,
        encoder: str,
        source: Source = Source.LIVE,
        folder: Path | None = None,
        models: Mapping[str, SurpriseModel] | None = None,
        is_enabled: Callable[[str, str], bool] = always_enabled,
        time_zone: tzinfo | None = None,
    ) -> None:
        """``folder`` keeps what is learned; ``models`` are the cameras' trained ones, the others expect no change."""
        self._rules = dict(rules)
        self._encoder, self._source, self._folder = encoder, source, folder
        self._models = dict(models or {})
        self._is_enabled, self._time_zone = is_enabled, time_zone
        self._cameras: dict[str, _CameraWatch] = {}
        self._given: queue.SimpleQueue[tuple[str, SurpriseModel | UnusualRules]] = queue.SimpleQueue()

    def use(self, camera: str, model: SurpriseModel) -> None:
        """Predict this camera's tiles with ``model``, as soon as its usual errors are known. From any thread."""
        self._given.put((camera, model))

    def look(self, frame: Frame) -> None:
        """Take in a frame, before it is embedded."""
        if frame.camera in self._rules:
            self._camera(frame.camera).look(frame)

    def see(self, window: Window, sink: EventSink) -> None:
        """Take in the window that ends with a camera's next frame."""
        self._take_given(sink)
        if window.camera in self._rules:
            self._camera(window.camera).see(window, sink)

    def end_run(self, camera: str, sink: EventSink) -> None:
        """The run ended or the stream was lost: close what is open."""
        if camera in self._cameras:
            self._cameras[camera].end_run(sink)

    def change_rules(self, camera: str, rules: UnusualRules) -> None:
        """Judge a camera by other rules: its open alarms end. From any thread; takes effect within a moment."""
        self._given.put((camera, rules))

    def learning_until(self, now: datetime) -> dict[str, datetime]:
        """The cameras of which too little is known yet, and until when if they are watched from now on."""
        return {name: at for name, camera in self._cameras.items() if (at := camera.learning_until(now)) is not None}

    def save(self) -> None:
        """Keep what was learned."""
        for name, camera in self._cameras.items():
            self._file(name).save(camera.kept())

    def save_hourly(self) -> None:
        """Keep what was learned of those cameras of which a good hour has passed since they were last kept."""
        for name, camera in self._cameras.items():
            if camera.learned_much_since_kept:
                self._file(name).save(camera.kept())

    def _camera(self, name: str) -> _CameraWatch:
        if name not in self._cameras:
            self._cameras[name] = self._watch(name, self._file(name).load())
        return self._cameras[name]

    def _watch(self, name: str, kept: Kept) -> _CameraWatch:
        return _CameraWatch(
            name,
            self._rules[name],
            encoder=self._encoder,
            source=self._source,
            kept=kept,
            model=self._models.get(name, Persistence()),
            is_enabled=self._is_enabled,
            time_zone=self._time_zone,
        )

    def _file(self, camera: str) -> UnusualFile:
        return UnusualFile(self._folder, camera=camera, encoder=self._encoder)

    def _take_given(self, sink: EventSink) -> None:
        while not self._given.empty():
            camera, given = self._given.get()
            watched = self._cameras.get(camera)
            if isinstance(given, UnusualRules):
                self._rules[camera] = given
                if watched is not None:
                    watched.end_run(sink)
                    self._cameras[camera] = self._watch(camera, watched.kept())
            else:
                self._models[camera] = given
                if watched is not None:
                    watched.use(given)


class _CameraWatch:
    """One camera."""

    def __init__(
        self,
        name: str,
        rules: UnusualRules,
        *,
        encoder: str,
        source: Source,
        kept: Kept,
        model: SurpriseModel,
        is_enabled: Callable[[str, str], bool],
        time_zone: tzinfo | None,
    ) -> None:
        novelty, tamper = rules.novelty or NoveltyRule(), rules.tamper or TamperRule()
        self._name, self._is_enabled = name, is_enabled
        self._judges = rules.novelty is not None, rules.tamper is not None
        self._log = structlog.get_logger().bind(camera=name)
        kept = self._of_this_pace(kept, novelty.busy_every_s)
        self._usual = Usual(per_week=novelty.per_week, time_zone=time_zone, peaks=kept.peaks)
        self._kept, self._busy_every_s = kept, novelty.busy_every_s
        self._scorer = NoveltyScorer(
            model, busy_every_s=novelty.busy_every_s, scale=self._kept_scale(model), blocks=kept.blocks
        )
        self._tampering = TamperWatch(
            kept.tamper, after_s=tamper.after_s, frozen_after_s=tamper.frozen_after_s, time_zone=time_zone
        )
        self._accepted = self._tampering.accepted
        self._novel = Alarm(camera=name, name=NOVELTY, severity=novelty.severity, source=source, encoder=encoder)
        self._tampered = Alarm(camera=name, name=TAMPER, severity=tamper.severity, source=source, encoder=encoder)
        self._state = TriggerState(_RULE)
        self._looks: deque[float] = deque(maxlen=_RULE.looks_considered)  # the newest scores
        self._verdict: Verdict | None = None
        self._best: Novelty | None = None
        self._window: Window | None = None
        self._was_learning: bool | None = None  # not said yet
        self._kept_peaks = len(kept.peaks)

    def _of_this_pace(self, kept: Kept, busy_every_s: float) -> Kept:
        """What was kept, without what grows with the time between two frames when that has changed."""
        before_s = kept.busy_every_s
        if before_s is None or math.isclose(before_s, busy_every_s, rel_tol=1e-3):
            return kept
        reason = f"sampling.busy_fps was {1 / before_s:g}, now it is {1 / busy_every_s:g}"
        self._log.info("usual_begins_anew", reason=reason)
        return Kept(tamper=kept.tamper)

    def use(self, model: SurpriseModel) -> None:
        kept = self._kept_scale(model)
        if kept.is_known and not self._scorer.scale.is_known:  # after a restart: it ran before, its errors are known
            self._scorer.model, self._scorer.scale = model, kept
        else:
            self._scorer.use(model)

    def _kept_scale(self, model: SurpriseModel) -> Scale:
        """What was kept of how large the errors of such a model are."""
        known = self._kept.scale if self._kept.model == model.name else ()
        return Scale((float(r), float(s), float(v)) for r, s, v in known)

    def look(self, frame: Frame) -> None:
        self._verdict = self._tampering.see(frame)
        if self._tampering.accepted != self._accepted:
            self._accepted = self._tampering.accepted
            self._usual.forget()
            self._scorer.forget()
            self._log.info("camera_moved", what_happens="its new scene is learned from now on")

    def see(self, window: Window, sink: EventSink) -> None:
        frame, self._window = window.frames[-1], window
        self._judge_tampering(window, sink)
        seen = self._scorer.see(frame)
        self._novel.pass_by(frame, 0.0 if seen is None else seen.score)
        if self._verdict is None:
            self._usual.see(frame.captured_at, self._level(seen), _look_of(frame))
        self._judge_novelty(window, seen, sink)
        if self._was_learning is not self._usual.is_learning:
            self._was_learning = self._usual.is_learning
            self._tell_of_learning(frame.captured_at)

    def end_run(self, sink: EventSink) -> None:
        self._scorer.end_run()
        self._looks.clear()
        if self._state.end_run() and self._window is not None:
            self._novel.close(self._window, sink)
        if self._window is not None:
            self._tampered.close(self._window, sink)
        self._best = None

    def learning_until(self, now: datetime) -> datetime | None:
        return self._usual.learned_at(now) if self._usual.is_learning else None

    @property
    def learned_much_since_kept(self) -> bool:
        return abs(len(self._usual.peaks) - self._kept_peaks) >= _PEAKS_AN_HOUR

    def kept(self) -> Kept:
        """What is to be kept of it now."""
        scorer, self._kept_peaks = self._scorer, len(self._usual.peaks)
        return Kept(
            list(self._usual.peaks),
            scorer.model.name,
            scorer.scale.samples,
            self._tampering.memory,
            scorer.blocks,
            self._busy_every_s,
        )

    def _level(self, seen: Novelty | None) -> float | None:
        """Below which threshold the newest looks would make an event: a budget counts events, not single looks."""
        if seen is None:
            self._looks.clear()
            return None
        self._looks.append(seen.score)
        return sorted(self._looks)[-_RULE.looks_needed] if len(self._looks) >= _RULE.looks_needed else None

    def _tell_of_learning(self, at: datetime) -> None:
        if self._usual.is_learning:
            self._log.info("still_learning_what_is_usual", until=f"{self._usual.learned_at(at):%Y-%m-%dT%H:%MZ}")
        else:
            self._log.info("usual_learned", threshold=round(self._usual.threshold, 2))

    def _judge_tampering(self, window: Window, sink: EventSink) -> None:
        frame, verdict, alarm = window.frames[-1], self._verdict, self._tampered
        alarm.pass_by(frame, 0.0)
        if alarm.active and verdict is None:
            alarm.close(window, sink)
        elif alarm.active:
            alarm.go_on(frame, 0.0, sink)
        elif verdict is not None and self._judges[1] and self._is_enabled(self._name, TAMPER):
            lasts_s = (frame.captured_at - verdict.since).total_seconds()
            text = f"since {round(lasts_s)} s it has shown nothing that it ever showed before"
            if verdict.kind == "frozen":
                text = f"not one pixel has changed for {round(lasts_s)} s, longer than ever before"
            alarm.raise_(Cause(frame.captured_at, 0.0, SENTENCES[verdict.kind], text), window, sink)

    def _judge_novelty(self, window: Window, seen: Novelty | None, sink: EventSink) -> None:
        frame = window.frames[-1]
        above = 0.0 if seen is None else seen.score - self._usual.habit(frame.captured_at)
        holds = seen is not None and self._verdict is None and above > self._usual.threshold
        holds = holds and self._judges[0] and self._is_enabled(self._name, NOVELTY)
        if holds and (self._best is None or (seen is not None and seen.score > self._best.score)):
            self._best = seen
        match self._state.observe(Evidence(at=frame.captured_at, presence=above, holds=holds, moving=True)):
            case Opened() as opened:
                self._novel.raise_(self._cause(opened.first.at, frame), window, sink)
            case Extended():
                self._novel.go_on(frame, seen.score if seen else 0.0, sink)
            case Closed():
                self._novel.close(window, sink)
                self._best = None
            case None:
                pass

    def _cause(self, since: datetime, frame: EmbeddedFrame) -> Cause:
        score = 0.0 if self._best is None else self._best.score
        told = self._usual.explain(since, score, _look_of(frame))
        what = "" if self._best is None else f"; what stands out: {_what_stands_out(self._best)}"
        return Cause(since, score, _SENTENCE, f"{told.text}{what}", told.nearest_at)


def _what_stands_out(seen: Novelty) -> str:
    parts = {
        f"how much moves at once, {seen.place}": seen.motion,
        "what follows what": seen.surprise,
        "how fast it moves": seen.speed,
    }
    second, first = sorted(parts, key=lambda name: parts[name])[-2:]
    if parts[first] > _STANDS_OUT * parts[second]:
        return first
    return f"{first}; {second}"


def _look_of(frame: EmbeddedFrame) -> Embedding:
    """What moved; the whole picture where nothing was cut out."""
    return frame.whole if frame.crop is None else frame.crop
