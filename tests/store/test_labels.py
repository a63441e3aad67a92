"""An event's labels are kept with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .scenes import event, open_rooms, window


def test_labels_are_stored_and_grow_while_the_event_goes_on(tmp_path: Path) -> None:
    """The alert has the first, the description all."""
    rooms = open_rooms(tmp_path)
    opened = replace(event(), labels=("a person",))
    rooms.events.opened(opened, None, window())
    rooms.events.closed(replace(opened, labels=("a person", "a dog")), [], window())
    record = rooms.archive.get(opened.id)
    rooms.close()

    assert record is not None
    assert record.event.labels == ("a person", "a dog")
