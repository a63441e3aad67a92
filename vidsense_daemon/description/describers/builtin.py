"""Words without a model: one honest sentence from what was measured.

It needs no download and cannot fail, so an event always has some words: on its own, as the stand-in while no Ollama
is there, and as the summary of an event whose model gave up. It says nothing that it does not know.
"""

from __future__ import annotations

from datetime import tzinfo

from vidsense_daemon.description.cleaning import plain
from vidsense_daemon.domain.events import Description, DescriptionStatus, Event, EventRecord
from vidsense_daemon.domain.frames import Box

BACKEND = "builtin"
# of the picture's side: below it, the box around what moves wobbles as much on its own
_LEAST_MOVE_RATIO = 0.15
_LONGEST_NAME = 100
_LONGEST_PROMPT = 200


class BuiltinDescriber:
    """`17:42:03 front_door: a person walking (0.31 over background), 12 s, moved left to right`."""

    backend = BACKEND
    model = ""

    def __init__(self, *, zone: tzinfo) -> None:
        self._zone = zone

    def describe(self, record: EventRecord) -> Description:
        """Never raises."""
        event = record.event
        details: dict[str, object] = {"score": round(event.score, 4), "length_s": round(_length_s(event), 1)}
        if moved := movement(event.first_box, event.last_box):
            details["moved"] = moved
        if event.zones:
            details["zones"] = list(event.zones)
        return Description(
            backend=self.backend,
            model=self.model,
            status=DescriptionStatus.DONE,
            summary=sentence(event, zone=self._zone),
            details=details,
        )

    def close(self) -> None:
        """Nothing is ever in flight."""


def sentence(event: Event, *, zone: tzinfo) -> str:
    """The event in one line, times in ``zone``."""
    at = f"{event.started_at.astimezone(zone):%H:%M:%S}"
    what = f"{plain(event.prompt, _LONGEST_PROMPT)} ({event.score:.2f} over background)"
    parts = [f"{at} {plain(event.camera, _LONGEST_NAME)}: {what}", _spoken_length(_length_s(event))]
    if event.zones:
        parts.append(f"in {' and '.join(plain(name, _LONGEST_NAME) for name in event.zones)}")
    if moved := movement(event.first_box, event.last_box):
        parts.append(f"moved {moved}")
    return ", ".join(parts)


def movement(first: Box | None, last: Box | None) -> str:
    """Which way the moving box went across the picture; "" when it is unknown or too small to tell."""
    if first is None or last is None:
        return ""
    across = last.centre[0] - first.centre[0]
    down = last.centre[1] - first.centre[1]
    if max(abs(across), abs(down)) < _LEAST_MOVE_RATIO:
        return ""
    if abs(across) >= abs(down):
        return "left to right" if across > 0 else "right to left"
    return "down the picture" if down > 0 else "up the picture"


def _length_s(event: Event) -> float:
    return max(0.0, (event.ended_at - event.started_at).total_seconds())


def _spoken_length(length_s: float) -> str:
    if length_s < 1:
        return "under 1 s"
    minutes, seconds = divmod(round(length_s), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
