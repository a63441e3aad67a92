"""What people do with stored events."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from vidsense_daemon.domain.events import DescriptionStatus
from vidsense_daemon.store.desk import EventDesk

from . import scenes
from .scenes import NOON, Rooms


def store(rooms: Rooms, id_: str, *, minutes: float = 0, close: bool = True) -> str:
    event = scenes.event(id_, started_at=NOON + timedelta(minutes=minutes))
    rooms.events.opened(event, scenes.still(), scenes.window(run_id=id_))
    if close:
        rooms.events.closed(scenes.ended(event), [], scenes.window(run_id=id_))
    return id_


def acknowledged(rooms: Rooms) -> list[str]:
    return [record.event.id for record in rooms.archive.find(acknowledged=True)]


def test_a_reviewed_event_is_acknowledged_until_it_is_new_again(rooms: Rooms) -> None:
    """Who has looked at it need not be told; the first look counts, and it can be taken back."""
    desk, id_ = EventDesk(rooms.database, rooms.media), store(rooms, "1-a")

    desk.set_reviewed([id_, "unknown"], reviewed=True, now=NOON)
    desk.set_reviewed([id_], reviewed=True, now=NOON + timedelta(hours=1))
    record = rooms.archive.get(id_)
    desk.set_reviewed([id_], reviewed=False, now=NOON)

    assert record is not None
    assert record.acknowledged_at == NOON
    assert acknowledged(rooms) == []


def test_all_until_a_moment_are_reviewed_at_once(rooms: Rooms) -> None:
    """What began at the moment or later stays new."""
    desk = EventDesk(rooms.database, rooms.media)
    before, at = store(rooms, "1-a"), store(rooms, "2-b", minutes=5)

    desk.set_all_reviewed(until=NOON + timedelta(minutes=5), now=NOON)

    assert acknowledged(rooms) == [before]
    assert [record.event.id for record in rooms.archive.find(acknowledged=False)] == [at]


def test_pins_can_be_asked_for_and_listed(rooms: Rooms) -> None:
    """Of the events of a page, which are pinned."""
    desk = EventDesk(rooms.database, rooms.media)
    kept, other = store(rooms, "1-a"), store(rooms, "2-b")

    desk.set_pinned(kept, pinned=True, now=NOON)
    desk.set_pinned("unknown", pinned=True, now=NOON)
    desk.set_pinned(other, pinned=True, now=NOON)
    desk.set_pinned(other, pinned=False, now=NOON)

    assert desk.pinned([kept, other, "unknown"]) == {kept}
    assert [record.event.id for record in rooms.archive.find(pinned=True)] == [kept]


def test_only_what_is_over_is_deleted(rooms: Rooms) -> None:
    """Perception still writes to an open event."""
    desk = EventDesk(rooms.database, rooms.media)
    over, going_on = store(rooms, "1-a"), store(rooms, "2-b", close=False)
    record = rooms.archive.get(over)
    assert record is not None
    pictures = [Path(still.path) for still in record.stills]
    assert all(picture.exists() for picture in pictures)

    assert desk.delete(over, now=NOON)
    assert not any(picture.exists() for picture in pictures)
    assert not desk.delete(going_on, now=NOON)
    assert not desk.delete("unknown", now=NOON)
    assert rooms.archive.get(over) is None
    assert rooms.archive.get(going_on) is not None


def test_a_description_can_be_made_again_unless_somebody_is_at_it(rooms: Rooms) -> None:
    """Failed or done, it is due now, whatever the wait was; one that is being written is left alone."""
    desk, id_ = EventDesk(rooms.database, rooms.media), store(rooms, "1-a")
    rooms.descriptions.finish(id_, scenes.words(status=DescriptionStatus.FAILED), NOON)

    assert desk.describe_again(id_)
    claimed = rooms.descriptions.claim(NOON)
    assert claimed is not None
    assert claimed.event.id == id_
    assert not desk.describe_again(id_)
    assert not desk.describe_again(store(rooms, "2-b", close=False))


def test_an_events_deliveries_are_listed_in_order(rooms: Rooms) -> None:
    """Sent or owed, first phase first; those of other events are not among them."""
    desk, id_ = EventDesk(rooms.database, rooms.media), store(rooms, "1-a")
    store(rooms, "2-b")
    rooms.descriptions.finish(id_, scenes.words(), NOON)
    rooms.deliveries.sent(desk.deliveries(id_)[0].id, NOON)

    found = desk.deliveries(id_)

    assert [(one.event_id, one.phase.value, one.status.value) for one in found] == [
        (id_, "opened", "sent"),
        (id_, "described", "pending"),
    ]
