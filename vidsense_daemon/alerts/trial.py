"""An event that never happened, to try a hook with: `vidsense hooks test NAME`, and templates at the start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vidsense_daemon.domain.events import (
    Answer,
    Delivery,
    DeliveryPhase,
    DeliveryStatus,
    Description,
    DescriptionStatus,
    Event,
    EventRecord,
    EventState,
    Severity,
    Source,
    new_event_id,
)
from vidsense_daemon.domain.frames import Box
from vidsense_daemon.domain.ports import Hook

_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def sample_record(at: datetime = _LONG_AGO) -> EventRecord:
    """A closed event with a description full of what breaks careless templates: quotes, a line break, an umlaut."""
    box = Box(0.4, 0.3, 0.6, 0.9)
    event = Event(
        id=new_event_id(at),
        camera="test_camera",
        trigger="test_trigger",
        prompt="a test of this hook",
        severity=Severity.INFO,
        source=Source.LIVE,
        state=EventState.CLOSED,
        run_id="test",
        encoder="none",
        started_at=at,
        ended_at=at + timedelta(seconds=5),
        started_pts_s=0.0,
        ended_pts_s=5.0,
        score=0.0,
        first_box=box,
        last_box=box,
        zones=("test_zone",),
    )
    description = Description(
        backend="builtin",
        model="",
        status=DescriptionStatus.DONE,
        summary='This is a test by "vidsense hooks test".\nNothing has happened; it\'s only to see this – ünïcode too.',
        answers=(Answer("Has anything happened?", "no"),),
    )
    return EventRecord(event, (), description)


def try_hook(hook: Hook, now: datetime) -> str:
    """Send the sample event through a hook, once and at once; the event's id, to look for on the other side.

    Raises:
        DeliveryError, PermanentError: as the hook told it.
    """
    record = sample_record(now)
    delivery = Delivery(
        id=0,
        event_id=record.event.id,
        hook=hook.name,
        phase=DeliveryPhase.OPENED,
        status=DeliveryStatus.PENDING,
        attempts=0,
        created_at=now,
        next_attempt_at=now,
        last_error=None,
    )
    hook.deliver(delivery, record)
    return record.event.id
