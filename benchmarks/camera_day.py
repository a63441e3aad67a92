"""How many bytes of database a camera makes in a day, and what they are.

    python benchmarks/camera_day.py [--busy-hours 2] [--events 40]

A day is written through the daemon's own store: a window for every 8 frames, at 1 frame a second while nothing moves
and 5 while something does; and events with 4 stills, a description of a model's usual length and two messages to one
hook. Embeddings have 512 numbers. Counted are the pages of the database after a checkpoint; the stills themselves lie
beside it, and a still of 1920×1080 has about 200 kB.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from _house import a_window, an_event
from sqlalchemy import text

from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import (
    Answer,
    DeliveryPhase,
    Description,
    DescriptionStatus,
    EventState,
    EventStill,
)
from vidsense_daemon.domain.frames import Still
from vidsense_daemon.domain.windows import Window

NIGHT = datetime(2026, 1, 1, tzinfo=UTC)
D, FRAMES, CALM_FPS, BUSY_FPS = 512, 8, 1.0, 5.0
DAY_S = 86_400
WORDS = "A person in a dark coat walks up the path, puts a parcel down beside the door and leaves to the left. " * 3
MB = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy-hours", type=float, default=2)
    parser.add_argument("--events", type=int, default=40)
    args = parser.parse_args()
    busy_s = args.busy_hours * 3600
    windows = round(((DAY_S - busy_s) * CALM_FPS + busy_s * BUSY_FPS) / FRAMES)
    with tempfile.TemporaryDirectory(prefix="vidsense-day-") as folder:
        storage = Storage(
            Path(folder), hooks_for=lambda _event, phase: () if phase is DeliveryPhase.CLOSED else ("phone",)
        )
        empty = size_bytes(storage)
        for number in range(windows):
            storage.events.observed(
                chance_window(number, NIGHT + timedelta(seconds=number * DAY_S / windows)), "builtin"
            )
            if number % 100 == 0:
                storage.events.flush()
        storage.events.flush()
        seen = size_bytes(storage)
        for number in range(args.events):
            happen(storage, number, NIGHT + timedelta(seconds=number * DAY_S / args.events))
        told = size_bytes(storage)
        storage.close()
    print(f"{windows} windows: {(seen - empty) / MB:.1f} MB, {(seen - empty) / windows:.0f} bytes each")
    print(f"{args.events} events: {(told - seen) / MB:.2f} MB, {(told - seen) / max(1, args.events):.0f} bytes each")
    print(f"a camera-day: {(told - empty) / MB:.1f} MB of database, and the stills beside it")


def size_bytes(storage: Storage) -> int:
    """Of all pages that are in use."""
    with storage.database.read() as connection:
        pages, free, page_bytes = (
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * page_bytes)


def chance_window(number: int, at: datetime) -> Window:
    """Numbers that compress as little as a camera's own."""
    embedding = np.random.default_rng(number).normal(size=D).astype(np.float32) / D**0.5
    run_id = f"front_door-{NIGHT:%Y%m%dT%H%M%S}"
    return a_window(embedding, at, index=number * FRAMES, frames=FRAMES, run_id=run_id, moving=False, zones=("steps",))


def happen(storage: Storage, number: int, at: datetime) -> None:
    """One event from its opening to its words."""
    event = an_event(number, at, score=2.3, zones=("steps",))
    stills = [EventStill(Still(b"\xff\xd8", 1920, 1080, at, None), role, 2.3) for role in ("middle", "peak", "last")]
    first = EventStill(Still(b"\xff\xd8", 1920, 1080, at, None), "first", 2.3)
    storage.events.opened(event, first, chance_window(1_000_000 + 2 * number, at))
    storage.events.closed(replace(event, state=EventState.CLOSED), stills, chance_window(1_000_001 + 2 * number, at))
    answers = tuple(Answer(f"What is question {place}?", WORDS) for place in range(4))
    queue = storage.descriptions()
    queue.claim(at)
    done = Description("ollama", "llava:7b", DescriptionStatus.DONE, WORDS, answers, {"observations": [WORDS] * 3})
    queue.finish(event.id, done, at)


if __name__ == "__main__":
    main()
