"""Events that somebody has judged, as the store hands them to who learns from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from vidsense_daemon.domain.events import ClearestLook, Lesson, Verdict

STARTED_AT = datetime(2030, 1, 1, tzinfo=UTC)


def lesson(
    verdict: Verdict,
    change: object,
    *,
    hours: float,
    margin: float = 0.5,
    prompt: str = "a person",
    encoder: str = "colours",
    trigger: str = "visitor",
) -> Lesson:
    """One event, ``hours`` after the beginning, whose clearest look exceeded its threshold by ``margin``."""
    vector = np.asarray(change, np.float32)
    return Lesson(
        event_id=f"{hours}",
        camera="door",
        trigger=trigger,
        prompt=prompt,
        encoder=encoder,
        verdict=verdict,
        look=ClearestLook(
            captured_at=STARTED_AT + timedelta(hours=hours),
            presence=1.5 + margin,
            threshold=1.5,
            change=vector,
            frames=vector[None],
            seconds=(0.0,),
            present=(True,),
        ),
    )


def cats_and_people(count: int = 6, *, every_hours: float = 1.0, margin: float = 0.5) -> list[Lesson]:
    """Bad ones that look one way, good ones that look another way, in turn."""
    made = []
    for index in range(count):
        made.append(lesson(Verdict.BAD, [1, 0.1 * (index % 3), 0], hours=2 * index * every_hours, margin=margin))
        made.append(lesson(Verdict.GOOD, [0, 0.1 * (index % 3), 1], hours=(2 * index + 1) * every_hours, margin=margin))
    return made
