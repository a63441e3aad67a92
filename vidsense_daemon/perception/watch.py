"""One camera's triggers at work: windows go in, events come out.

Called by the perception thread, once for every new window. It scores the window's newest frame for each trigger, learns
what the camera scores while it is calm, and keeps each open event up to date.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo

import structlog

from vidsense_daemon.domain.events import ClearestLook, Event, EventState, EventStill, Severity, Source, new_event_id
from vidsense_daemon.domain.ports import EventSink
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.perception.actions import Head
from vidsense_daemon.perception.calibration import CalmScores
from vidsense_daemon.perception.calm_book import CalmBook
from vidsense_daemon.perception.feedback_head import FeedbackHead
from vidsense_daemon.perception.labels import Labels, Seen
from vidsense_daemon.perception.scoring import (
    Look,
    Score,
    TriggerTexts,
    encoded_change,
    look_at,
    present_frames,
    score,
)
from vidsense_daemon.perception.stills import StillChoice
from vidsense_daemon.perception.triggers import Closed, Evidence, Extended, Opened, TriggerRule, TriggerState
from vidsense_daemon.perception.windows import inputs_of, seconds_of

_EXTENDED_EVERY = timedelta(seconds=1)  # a commit for every frame would wear the disk and tell nobody more
CALM_AFTER = timedelta(seconds=3)  # who has just stopped moving may still stand there
_SPARED_TOLD_EVERY = timedelta(minutes=1)
_REMEMBERED_LOOKS = 8  # enough to find the frame in which an event began
_STILL_SERVES = timedelta(seconds=6)  # what moves for long gives a still every five seconds


@dataclass(frozen=True, slots=True)
class _Looked:
    """A frame, what it says of the trigger, and what else it shows."""

    frame: EmbeddedFrame
    evidence: Evidence
    labels: Seen
    clearest: ClearestLook | None = None  # what to keep of it, when it holds


@dataclass(slots=True)
class _Open:
    event: Event
    labels: list[Seen]
    stills: StillChoice
    told_at: datetime  # in frame time: when the sink last heard of it


Sought = TriggerTexts | Head  # what a trigger looks with


@dataclass(slots=True)
class _Watched:
    """A trigger on this camera."""

    rule: TriggerRule
    sought: Sought
    state: TriggerState
    calm: CalmScores
    looks: deque[_Looked] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_LOOKS))
    still: EventStill | None = None  # the newest, for an event that begins between two of them
    open: _Open | None = None
    spared_at: datetime | None = None  # in frame time: the newest look that only feedback kept from holding
    spared_told_at: datetime | None = None  # in frame time: when the log last heard of it


HeadOf = Callable[[str, str], FeedbackHead | None]  # by camera and trigger


def no_head(_camera: str, _trigger: str) -> FeedbackHead | None:
    """Nobody has taught a trigger anything."""
    return None


def always_enabled(_camera: str, _trigger: str) -> bool:
    """Nobody can switch a trigger or an alarm off."""
    return True


class CameraWatch:
    """The triggers of one camera; not thread-safe."""

    def __init__(
        self,
        *,
        camera: str,
        triggers: Mapping[TriggerRule, Sought],
        sink: EventSink,
        source: Source,
        encoder: str,
        book: CalmBook | None = None,
        labels: Labels | None = None,
        is_enabled: Callable[[str, str], bool] = always_enabled,
        time_zone: tzinfo | None = None,
        in_hindsight: Callable[[Window], Window] | None = None,
        head_of: HeadOf = no_head,
        spared: Counter[tuple[str, str]] | None = None,
    ) -> None:
        """``is_enabled`` is asked, by camera and trigger, for every window: a person may switch a trigger off.

        ``book`` keeps what is learned of the calm camera; ``time_zone`` is where the triggers' hours are meant, none
        the machine's own. ``in_hindsight`` makes of an event's last window what is stored with it, when it is over.
        ``head_of`` gives what a trigger has learned from verdicts, now; ``spared`` counts, by camera and trigger, the
        sightings that only this kept from being events.
        """
        self._camera = camera
        self._time_zone = time_zone
        self._labels = labels or Labels({})
        self._is_enabled = is_enabled
        self._sink = sink
        self._source = source
        self._encoder = encoder
        self._in_hindsight = in_hindsight or (lambda window: window)
        self._head_of = head_of
        self._spared = spared if spared is not None else Counter()
        self._log = structlog.get_logger()
        self._moved_at: datetime | None = None
        self._window: Window | None = None
        book = book or CalmBook(encoder=encoder)
        self._calm = book.camera(camera)
        self._watched = [
            _Watched(rule, sought, TriggerState(rule), book.scores_of(camera, rule))
            for rule, sought in triggers.items()
        ]

    def see(self, window: Window) -> None:
        """Take in the window that ends with the camera's next frame."""
        frame = window.frames[-1]
        if self._window is not None:
            self._calm.watched_s += (frame.captured_at - self._window.ended_at).total_seconds()
        self._calm.moving_looks += frame.moving
        self._window = window
        if frame.moving:
            self._moved_at = frame.captured_at
        look = look_at(window)
        for watched in self._watched:
            if look is not None:
                self._judge(watched, look, window)
            elif watched.state.active:  # nothing can be said of this frame, but time goes on
                nothing = Evidence(at=frame.captured_at, presence=0.0, holds=False, moving=False)
                self._follow(watched, _Looked(frame, nothing, {}), window)

    def end_run(self) -> None:
        """The run ended or the stream was lost: close what is open."""
        for watched in self._watched:
            watched.looks.clear()
            watched.still = None
            if watched.state.end_run() and self._window is not None:
                self._close(watched, self._window)
        self._moved_at = self._window = None

    def thresholds(self) -> dict[str, float]:
        """Each trigger's present δ."""
        return {watched.rule.name: watched.calm.threshold for watched in self._watched}

    def _judge(self, watched: _Watched, look: Look, window: Window) -> None:
        frame, seen = window.frames[-1], _seen(watched.sought, look, window)
        enabled = self._is_enabled(self._camera, watched.rule.name)
        enabled = enabled and watched.rule.is_active(frame.captured_at, self._time_zone)
        threshold = watched.rule.cold_threshold if look.cold else watched.calm.threshold
        holds = enabled and seen.wins and seen.presence > threshold and _in_zones(watched.rule, frame)
        # judged events were compared with a background: what is taught does not fit where there is none
        clearest = _clearest(window, seen.presence, threshold) if holds and not look.cold else None
        if clearest is not None and self._is_spared(watched, clearest):
            holds, clearest = False, None
        evidence = Evidence(at=frame.captured_at, presence=seen.presence, holds=holds, moving=frame.moving)
        if self._is_calm(frame) and not look.cold and not watched.state.active:
            watched.calm.learn(seen.presence)
        labels = self._labels.seen_in(look) if evidence.holds else {}
        self._follow(watched, _Looked(frame, evidence, labels, clearest), window)

    def _is_spared(self, watched: _Watched, look: ClearestLook) -> bool:
        """Whether verdicts on events like it speak against a look that would hold otherwise; never without a word."""
        head = self._head_of(self._camera, watched.rule.name)
        term = head.term(look.change) if head is not None else 0.0
        if look.presence + term > look.threshold:
            return False
        before, watched.spared_at = watched.spared_at, look.captured_at
        if before is None or look.captured_at - before > timedelta(seconds=watched.rule.gap_s):
            self._spared[self._camera, watched.rule.name] += 1
            self._tell_spared(watched, look, term)
        return True

    def _tell_spared(self, watched: _Watched, look: ClearestLook, term: float) -> None:
        told_at, severe = watched.spared_told_at, watched.rule.severity is Severity.ALERT
        if told_at is not None and look.captured_at - told_at < _SPARED_TOLD_EVERY:
            return
        watched.spared_told_at = look.captured_at
        (self._log.warning if severe else self._log.info)(
            "sighting_spared_by_feedback",
            camera=self._camera,
            trigger=watched.rule.name,
            score=round(look.presence, 2),
            threshold=round(look.threshold, 2),
            term=round(term, 2),
            so_far=self._spared[self._camera, watched.rule.name],
        )

    def _follow(self, watched: _Watched, look: _Looked, window: Window) -> None:
        watched.looks.append(look)
        if look.frame.still is not None:
            watched.still = EventStill(look.frame.still, "first", look.evidence.presence)
        match watched.state.observe(look.evidence):
            case Opened() as opened:
                self._open(watched, opened, window)
            case Extended():
                self._extend(watched, look)
            case Closed():
                self._close(watched, window)
            case None:
                pass

    def _open(self, watched: _Watched, opened: Opened, window: Window) -> None:
        since = [look for look in watched.looks if look.evidence.at >= opened.first.at]
        first, last, labels = since[0].frame, since[-1].frame, [look.labels for look in since]
        taken = [(look.frame.still, look.evidence.presence) for look in since if look.frame.still is not None]
        latest = watched.still
        # stills are seconds apart: when none fell on these looks, the one before shows the same scene
        if not taken and latest and first.captured_at - latest.still.captured_at <= _STILL_SERVES:
            taken = [(latest.still, latest.score)]
        stills = StillChoice(taken)
        event = Event(
            id=new_event_id(opened.first.at),
            camera=self._camera,
            trigger=watched.rule.name,
            prompt=watched.rule.prompt,
            severity=watched.rule.severity,
            source=self._source,
            state=EventState.OPEN,
            run_id=last.run_id,
            encoder=self._encoder,
            started_at=opened.first.at,
            ended_at=last.captured_at,
            started_pts_s=first.pts_s,
            ended_pts_s=last.pts_s,
            score=opened.best.presence,
            first_box=first.box,
            last_box=last.box,
            zones=_joined((), *(look.frame.zones for look in since if look.evidence.holds)),
            labels=self._labels.clearest(labels),
            look=max((look.clearest for look in since if look.clearest), key=_presence, default=None),
        )
        watched.open = _Open(event, labels, stills, told_at=last.captured_at)
        self._sink.opened(event, stills.first, window)

    def _extend(self, watched: _Watched, look: _Looked) -> None:
        if (opened := watched.open) is None:
            return
        frame, evidence = look.frame, look.evidence
        opened.labels.append(look.labels)
        known = opened.event.look
        clearer = look.clearest and (known is None or look.clearest.presence > known.presence)
        if frame.still is not None:
            opened.stills.add(frame.still, evidence.presence)
        opened.event = replace(
            opened.event,
            ended_at=frame.captured_at,
            ended_pts_s=frame.pts_s,
            score=max(opened.event.score, evidence.presence),
            last_box=frame.box,
            zones=_joined(opened.event.zones, frame.zones),
            labels=self._labels.clearest(opened.labels),
            look=look.clearest if clearer else known,
        )
        if frame.captured_at - opened.told_at >= _EXTENDED_EVERY:
            opened.told_at = frame.captured_at
            self._sink.extended(opened.event)

    def _close(self, watched: _Watched, window: Window) -> None:
        if (opened := watched.open) is None:
            return
        watched.open = None
        self._sink.closed(
            replace(opened.event, state=EventState.CLOSED), opened.stills.rest(), self._in_hindsight(window)
        )

    def _is_calm(self, frame: EmbeddedFrame) -> bool:
        """Whether the frame shows the box where something last moved, and nothing has moved there for a while."""
        rested = self._moved_at is None or frame.captured_at - self._moved_at > CALM_AFTER
        return frame.crop is not None and not frame.moving and rested


def _seen(sought: Sought, look: Look, window: Window) -> Score:
    return score(look, sought) if isinstance(sought, TriggerTexts) else sought.score_of(window)


def _clearest(window: Window, presence: float, threshold: float) -> ClearestLook:
    return ClearestLook(
        captured_at=window.ended_at,
        presence=presence,
        threshold=threshold,
        change=encoded_change(window),
        frames=inputs_of(window.frames),
        seconds=tuple(seconds_of(window.frames).tolist()),
        present=present_frames(window),
    )


def _presence(look: ClearestLook) -> float:
    return look.presence


def _in_zones(rule: TriggerRule, frame: EmbeddedFrame) -> bool:
    """A frame's zones are those in which something moves, so only a moving frame can be elsewhere."""
    return not rule.zones or not frame.moving or not set(rule.zones).isdisjoint(frame.zones)


def _joined(zones: tuple[str, ...], *more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*zones, *(zone for some in more for zone in some)]))
