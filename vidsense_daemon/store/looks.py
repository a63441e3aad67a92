"""Each event's clearest look on disk: what a head or an adapter that learns from feedback is taught with.

Some 9 kB an event at D = 512 and T = 8, a fraction of one still. They go with their event, unless somebody has given a
verdict on it: then look and verdict stay, without pictures (`store/retention.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Connection, Row
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.domain.events import ClearestLook, Event
from vidsense_daemon.store import tables
from vidsense_daemon.store.windows import from_blob, to_blob


def insert_look(connection: Connection, event: Event) -> None:
    """Keep the event's look in the place of an earlier one; nothing that is not finite is ever kept."""
    look = event.look
    if look is None or not (np.isfinite(look.change).all() and np.isfinite(look.frames).all()):
        return
    row = {
        "event_id": event.id,
        "camera": event.camera,
        "trigger": event.trigger,
        "prompt": event.prompt,
        "encoder": event.encoder,
        "captured_at_ms": to_ms(look.captured_at),
        "presence": look.presence,
        "threshold": look.threshold,
        "change": to_blob(look.change),
        "frames": to_blob(look.frames.ravel()),
        "seconds": [round(second, 3) for second in look.seconds],
        "present": list(look.present),
    }
    connection.execute(insert(tables.looks).on_conflict_do_update(index_elements=["event_id"], set_=row), [row])


def look_from_row(row: Row[Any]) -> ClearestLook:
    return ClearestLook(
        captured_at=from_ms(row.captured_at_ms),
        presence=row.presence,
        threshold=row.threshold,
        change=from_blob(row.change),
        frames=from_blob(row.frames).reshape(len(row.seconds), -1),
        seconds=tuple(row.seconds),
        present=tuple(row.present),
    )
