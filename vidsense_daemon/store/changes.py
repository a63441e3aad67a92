"""The journal of what happened to events: one line a change, in the transaction that made it.

`vidsense events tail` and other readers keep the number of the last line they saw and ask for what came after; so
they miss nothing, whichever process wrote it, and need no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert

from vidsense_daemon.domain.events import EventRecord
from vidsense_daemon.store import tables


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the journal."""

    sequence: int  # a reader's bookmark
    kind: str  # opened | closed | described
    record: EventRecord


def note_change(connection: Connection, event_id: str, kind: str, *, now_ms: int) -> None:
    """Add a line."""
    connection.execute(insert(tables.changes), {"event_id": event_id, "kind": kind, "changed_at_ms": now_ms})
