"""The outbox as a person looks at it: how each hook stands, what was given up, and another try by hand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.domain.events import Delivery, DeliveryStatus, EventRecord
from vidsense_daemon.store import tables
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.records import load_deliveries


@dataclass(frozen=True, slots=True)
class HookStanding:
    """What one hook has got and is owed; a hook that is in the configuration no more is among them, too."""

    hook: str
    pending: int
    sent: int
    dead: int
    oldest_pending_at: datetime | None  # when it became owed
    last_error: str | None  # of the newest message that is not sent


class DeadLetters:
    """Reads and revives; thread-safe."""

    def __init__(self, *, database: Database, media: MediaFolder) -> None:
        self._database = database
        self._media = media

    def standings(self) -> list[HookStanding]:
        """One for each hook that the outbox knows, by name."""
        c = tables.deliveries.c
        is_pending = c.status == DeliveryStatus.PENDING.value
        unsent = select(c.hook, func.max(c.id).label("id")).where(
            c.status != DeliveryStatus.SENT.value, c.last_error.is_not(None)
        )
        newest = unsent.group_by(c.hook).subquery()
        counted = select(
            c.hook,
            func.count().filter(is_pending).label("pending"),
            func.count().filter(c.status == DeliveryStatus.SENT.value).label("sent"),
            func.count().filter(c.status == DeliveryStatus.DEAD.value).label("dead"),
            func.min(c.created_at_ms).filter(is_pending).label("oldest_ms"),
        )
        with self._database.read() as connection:
            wrong = select(c.hook, c.last_error).join(newest, newest.c.id == c.id)
            errors = {row.hook: row.last_error for row in connection.execute(wrong)}
            rows = connection.execute(counted.group_by(c.hook).order_by(c.hook)).all()
        return [
            HookStanding(
                hook=row.hook,
                pending=row.pending,
                sent=row.sent,
                dead=row.dead,
                oldest_pending_at=None if row.oldest_ms is None else from_ms(row.oldest_ms),
                last_error=errors.get(row.hook),
            )
            for row in rows
        ]

    def dead(self, *, hook: str | None = None, limit: int = 50) -> list[tuple[Delivery, EventRecord]]:
        """What was given up, newest first, with its reason in ``last_error``."""
        c = tables.deliveries.c
        wanted = select(tables.deliveries).where(c.status == DeliveryStatus.DEAD.value)
        wanted = wanted.order_by(c.id.desc()).limit(limit)
        if hook is not None:
            wanted = wanted.where(c.hook == hook)
        with self._database.read() as connection:
            return load_deliveries(connection, wanted, self._media)

    def retry(self, now: datetime, *, hook: str | None = None, delivery_ids: Collection[int] | None = None) -> int:
        """Owe dead messages again, from now on and with three new days; how many.

        Of one hook, of some ids, or, with neither, all of them.
        """
        c = tables.deliveries.c
        revived = (
            update(tables.deliveries)
            .where(c.status == DeliveryStatus.DEAD.value)
            .values(
                status=DeliveryStatus.PENDING.value,
                attempts=0,
                created_at_ms=to_ms(now),
                next_attempt_at_ms=to_ms(now),
                finished_at_ms=None,
            )
        )
        if hook is not None:
            revived = revived.where(c.hook == hook)
        if delivery_ids is not None:
            revived = revived.where(c.id.in_(list(delivery_ids)))
        return self._database.write(lambda connection: connection.execute(revived).rowcount)
