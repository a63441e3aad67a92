"""Why an alarm was raised is kept with it, and everybody who reads events gets it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from vidsense_daemon.domain.events import NOVELTY
from vidsense_daemon.store.export import export_events

from .scenes import event, open_rooms, window


def test_an_alarms_explanation_and_its_nearest_moment_are_kept_and_exported(tmp_path: Path) -> None:
    """A year later one still reads why something was unusual, and what it was most like."""
    rooms = open_rooms(tmp_path)
    nearest_at = event().started_at - timedelta(days=3)
    alarm = replace(event(), trigger=NOVELTY, explanation="unlike any Sunday 03:00 in 3 weeks", nearest_at=nearest_at)
    rooms.events.opened(alarm, None, window())
    rooms.events.closed(alarm, [], window())
    record, out = rooms.archive.get(alarm.id), io.BytesIO()
    export_events(rooms.database, out, form="json")
    rooms.close()

    assert record is not None
    assert (record.event.explanation, record.event.nearest_at) == (alarm.explanation, nearest_at)
    (exported,) = json.loads(out.getvalue())
    assert exported["explanation"] == alarm.explanation
    assert exported["nearest_at_ms"] == round(nearest_at.timestamp() * 1000)
