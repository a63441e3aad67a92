"""Events that somebody has seen to: people are not told of them again.

What hooks do with it is their business (`EventRecord.acknowledged_at`); here it is only kept.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.records import has_event


class Acknowledgements:
    """Thread-safe, and for other processes than the daemon's too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acknowledge(self, event_id: str, now: datetime) -> bool:
        """Nobody needs to hear of this event any more; false when there is no such event. The first time counts."""

        def store(connection: Connection) -> bool:
            if not has_event(connection, event_id):
                return False
            row = {"event_id": event_id, "acknowledged_at_ms": to_ms(now)}
            connection.execute(insert(tables.acknowledgements).on_conflict_do_nothing(), row)
            return True

        return self._database.write(store)
