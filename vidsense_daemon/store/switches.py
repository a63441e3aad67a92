"""What a person has switched off for now: triggers, and the alerts of a camera. A restart must not undo it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database


class SwitchStore:
    """Thread-safe; every change returns after the commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def switched_off(self) -> set[tuple[str, str]]:
        """(camera, trigger) of the triggers that are off."""
        t = tables.switched_off
        with self._database.read() as connection:
            return {(row.camera, row.trigger) for row in connection.execute(select(t.c.camera, t.c.trigger))}

    def snoozed_until(self) -> dict[str, datetime]:
        """By camera, until when nobody is told of its events; the moment may be past."""
        t = tables.snoozes
        with self._database.read() as connection:
            return {row.camera: from_ms(row.until_ms) for row in connection.execute(select(t))}

    def set_trigger(self, camera: str, trigger: str, *, enabled: bool, now: datetime) -> None:
        t = tables.switched_off
        row = {"camera": camera, "trigger": trigger, "switched_off_at_ms": to_ms(now)}
        on = delete(t).where(t.c.camera == camera, t.c.trigger == trigger)
        off = insert(t).values(row).on_conflict_do_nothing()
        self._database.write(lambda connection: connection.execute(on if enabled else off))

    def snooze(self, camera: str, until: datetime) -> None:
        t = tables.snoozes
        row = insert(t).values({"camera": camera, "until_ms": to_ms(until)})
        row = row.on_conflict_do_update(index_elements=["camera"], set_={"until_ms": to_ms(until)})
        self._database.write(lambda connection: connection.execute(row))
