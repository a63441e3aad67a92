"""Events that no trigger of the operator makes: one alarm of one camera, opened, carried on and closed.

Called by the perception thread. What a trigger's event takes from a sentence, an alarm's takes from an explanation.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vidsense_daemon.domain.events import Event, EventState, EventStill, Severity, Source, new_event_id
from vidsense_daemon.domain.ports import EventSink
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.perception.stills import StillChoice

_EXTENDED_EVERY = timedelta(seconds=1)  # a commit for every frame would wear the disk and tell nobody more
_REMEMBERED_FRAMES = 8  # enough to find the frame in which an event began


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an alarm is raised."""

    since: datetime
    score: float
    sentence: str  # in the place of a trigger's prompt
    explanation: str
    nearest_at: datetime | None = None


class Alarm:
    """At most one open event; not thread-safe."""

    def __init__(self, *, camera: str, name: str, severity: Severity, source: Source, encoder: str) -> None:
        self._camera, self._name, self._severity = camera, name, severity
        self._source, self._encoder = source, encoder
        self._frames: deque[EmbeddedFrame] = deque(maxlen=_REMEMBERED_FRAMES)
        self._still: EventStill | None = None  # the newest, for an event that begins between two of them
        self._event: Event | None = None
        self._stills = StillChoice()
        self._told_at: datetime | None = None

    @property
    def active(self) -> bool:
        return self._event is not None

    def pass_by(self, frame: EmbeddedFrame, score: float) -> None:
        """Remember the frame; call it for every one, before anything else."""
        self._frames.append(frame)
        if frame.still is None:
            return
        self._still = EventStill(frame.still, "first", score)
        if self.active:
            self._stills.add(frame.still, score)

    def raise_(self, cause: Cause, window: Window, sink: EventSink) -> None:
        """Open an event, with the newest still that there is."""
        last = window.frames[-1]
        first = next((frame for frame in self._frames if frame.captured_at >= cause.since), last)
        self._stills = StillChoice()
        if self._still is not None:
            self._stills.add(self._still.still, cause.score)
        self._event = Event(
            id=new_event_id(first.captured_at),
            camera=self._camera,
            trigger=self._name,
            prompt=cause.sentence,
            severity=self._severity,
            source=self._source,
            state=EventState.OPEN,
            run_id=last.run_id,
            encoder=self._encoder,
            started_at=first.captured_at,
            ended_at=last.captured_at,
            started_pts_s=first.pts_s,
            ended_pts_s=last.pts_s,
            score=cause.score,
            first_box=first.box,
            last_box=last.box,
            zones=last.zones,
            explanation=cause.explanation,
            nearest_at=cause.nearest_at,
        )
        self._told_at = last.captured_at
        sink.opened(self._event, self._stills.first, window)

    def go_on(self, frame: EmbeddedFrame, score: float, sink: EventSink) -> None:
        """It still holds."""
        if self._event is None:
            return
        self._event = replace(
            self._event,
            ended_at=frame.captured_at,
            ended_pts_s=frame.pts_s,
            score=max(self._event.score, score),
            last_box=frame.box or self._event.last_box,
            zones=tuple(dict.fromkeys([*self._event.zones, *frame.zones])),
        )
        if self._told_at is None or frame.captured_at - self._told_at >= _EXTENDED_EVERY:
            self._told_at = frame.captured_at
            sink.extended(self._event)

    def close(self, window: Window, sink: EventSink) -> None:
        """It is over."""
        if self._event is None:
            return
        event, self._event = self._event, None
        sink.closed(replace(event, state=EventState.CLOSED), self._stills.rest(), window)
