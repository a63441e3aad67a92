"""Try the configured model once, as an event would, and say what it can do: for `vidsense describer check`.

Measured, not looked up: a drawn scene of four frames goes the whole way from stills to words, so that the tokens and
seconds are those of this server on this machine, and a model that cannot hold the form is found before an event needs
it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.description.describers.server import LoadedModel, ModelServer, ServedModel
from vidsense_daemon.description.families import Layout
from vidsense_daemon.description.interview import Interview
from vidsense_daemon.domain.events import (
    Description,
    DescriptionStatus,
    Event,
    EventRecord,
    EventState,
    Severity,
    Source,
    StoredStill,
)
from vidsense_daemon.domain.frames import Box

_QUERY = "What moves, and in which direction?"
_ROLES = ("first", "middle", "peak", "last")
_WIDTH_PX, _HEIGHT_PX = 640, 360
_BALL_PX = 40
_SECONDS_APART = 2.0
_GROUND, _SKY, _RED = (90, 110, 90), (200, 170, 140), (40, 40, 200)  # blue, green, red
# below this share of the model on the graphics card, most of the time goes into the rest of it
_ON_GPU_RATIO = 0.95
_SLOW_S = 300.0


@dataclass(frozen=True, slots=True)
class Checkup:
    """What one try showed."""

    backend: str
    model: str
    family: str
    layout: str
    frames: int
    num_ctx: int
    picture_tokens: int  # as the budget counts them
    prompt_tokens: int  # as the server evaluated them, over all requests
    load_s: float  # until the model was in memory; next to nothing when it already was
    first_s: float  # the structured answer: it pays for the pictures
    further_s: float | None  # one more question on the same pictures
    structured: bool  # the model holds the form
    summary: str
    memory: LoadedModel | None  # none when the server does not tell
    advice: tuple[str, ...]


def check(
    server: ModelServer, *, timeout_s: float = 900.0, layout: Layout | None = None, clock: Clock | None = None
) -> Checkup:
    """Load the model and describe a drawn event with it; blocks for as long as that takes.

    Raises:
        DescriberError, PermanentError: it cannot work as configured; the message says what to do.
    """
    clock = clock or SystemClock()
    served = server.look()
    started_mono_s = clock.mono_s()
    server.load(served, timeout_s=timeout_s)
    loaded_mono_s = clock.mono_s()
    with tempfile.TemporaryDirectory(prefix="vidsense-check-") as folder:
        interview = Interview(
            server,
            served,
            _drawn_event(Path(folder)),
            zone=UTC,
            queries=(_QUERY,),
            layout=layout or served.family.layout,
            evidence=None,
            clock=clock,
            deadline_mono_s=loaded_mono_s + timeout_s,
        )
        description = interview.description()
    memory = next((loaded for loaded in server.loaded() if loaded.name == server.model), None)
    return _checkup(server, served, description, memory, load_s=loaded_mono_s - started_mono_s)


def _checkup(
    server: ModelServer, served: ServedModel, description: Description, memory: LoadedModel | None, *, load_s: float
) -> Checkup:
    details = description.details
    seconds = details["request_seconds"]
    structured = "observations" in details
    return Checkup(
        backend=server.backend,
        model=server.model,
        family=served.family.name,
        layout=details["layout"],
        frames=details["frames"],
        num_ctx=server.num_ctx or served.family.num_ctx,
        picture_tokens=details["picture_tokens"],
        prompt_tokens=details["prompt_tokens"],
        load_s=round(load_s, 3),
        first_s=seconds[0],
        further_s=seconds[-1] if description.answers else None,
        structured=structured,
        summary=description.summary,
        memory=memory,
        advice=tuple(_advice(served, description, memory, structured=structured)),
    )


def _advice(
    served: ServedModel, description: Description, memory: LoadedModel | None, *, structured: bool
) -> Iterator[str]:
    if memory is not None and memory.on_gpu_bytes < _ON_GPU_RATIO * memory.size_bytes:
        share = memory.on_gpu_bytes / max(1, memory.size_bytes)
        yield f"only {share:.0%} of the model is on a graphics card, the processor does the rest: take a smaller one"
    if memory is not None and memory.context_tokens and memory.context_tokens < served.family.num_ctx:
        yield f"the server gives it {memory.context_tokens} tokens of context; it gets fewer frames for that"
    if not structured:
        yield "it cannot hold the form of the answer: its words are kept as partial; a larger model is likely to"
    if not served.family.measured:
        yield f"what pictures cost a {served.family.name} model was not measured: compare the tokens above"
    if (description.duration_s or 0.0) > _SLOW_S:
        yield "an event takes minutes: keep describer.queries short, and descriptions will come later than alerts"
    if description.status is DescriptionStatus.PARTIAL and structured:
        yield f"not every question was answered: {description.error}"


def _drawn_event(folder: Path) -> EventRecord:
    """A red ball that goes from left to right over a meadow."""
    started_at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    stills = tuple(_drawn_still(folder, number, started_at) for number in range(len(_ROLES)))
    event = Event(
        id="check",
        camera="check",
        trigger="check",
        prompt="something moving",
        severity=Severity.INFO,
        source=Source.REPLAY,
        state=EventState.CLOSED,
        run_id="check",
        encoder="",
        started_at=started_at,
        ended_at=stills[-1].captured_at,
        started_pts_s=0.0,
        ended_pts_s=_SECONDS_APART * (len(_ROLES) - 1),
        score=0.0,
    )
    return EventRecord(event=event, stills=stills, description=None)


def _drawn_still(folder: Path, number: int, started_at: datetime) -> StoredStill:
    picture = np.full((_HEIGHT_PX, _WIDTH_PX, 3), _GROUND, dtype=np.uint8)
    picture[: _HEIGHT_PX // 2] = _SKY
    at_px = _BALL_PX + number * (_WIDTH_PX - 2 * _BALL_PX) // (len(_ROLES) - 1)
    cv2.circle(picture, (at_px, _HEIGHT_PX * 2 // 3), _BALL_PX, _RED, -1, cv2.LINE_AA)
    path = folder / f"{number}.jpg"
    path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
    return StoredStill(
        path=str(path),
        role=_ROLES[number],
        captured_at=started_at + timedelta(seconds=_SECONDS_APART * number),
        width_px=_WIDTH_PX,
        height_px=_HEIGHT_PX,
        box=Box(0.0, 0.3, 1.0, 1.0),
        score=0.0,
    )
