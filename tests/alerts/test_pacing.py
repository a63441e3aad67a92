"""A limit before a hook: few messages, and nothing lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fakes import wait_until

from vidsense_daemon.alerts.pacing import PacedHook
from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.errors import DeliveryError, HeldBackError
from vidsense_daemon.domain.events import Delivery, DeliveryPhase, EventRecord

from .fakes import MemoryOutbox, MovedClock, delivering, owed, record

OPENED, DESCRIBED = DeliveryPhase.OPENED, DeliveryPhase.DESCRIBED


class Phone:
    """Notes each message: the event's id, its phase, and the ids told along."""

    name = "phone"

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, list[str]]] = []
        self.error: DeliveryError | None = None

    def deliver(self, delivery: Delivery, record: EventRecord, others: Sequence[EventRecord] = ()) -> None:
        if self.error is not None:
            raise self.error
        self.messages.append((record.event.id, delivery.phase.value, [other.event.id for other in others]))


def hold_back(paced: PacedHook, event_id: str) -> None:
    with pytest.raises(HeldBackError):
        paced.deliver(owed(), record(event_id))


def test_up_to_the_limit_every_event_is_told_at_once() -> None:
    """The limit costs nothing on an ordinary day."""
    phone = Phone()
    paced = PacedHook(phone, at_most=2, within_s=120, clock=MovedClock())

    paced.deliver(owed(), record("1-a"))
    paced.deliver(owed(), record("2-a"))

    assert phone.messages == [("1-a", "opened", []), ("2-a", "opened", [])]


def test_beyond_the_limit_events_are_held_back_until_the_window_has_room() -> None:
    """The outbox learns when to come again."""
    clock, phone = MovedClock(), Phone()
    paced = PacedHook(phone, at_most=1, within_s=120, clock=clock)
    paced.deliver(owed(), record("1-a"))
    clock.move(20)

    with pytest.raises(HeldBackError) as raised:
        paced.deliver(owed(), record("2-a"))

    assert raised.value.retry_after_s == 100
    assert len(phone.messages) == 1


def test_what_was_held_back_comes_in_one_message() -> None:
    """Three people in two minutes are one more message, not three."""
    clock, phone = MovedClock(), Phone()
    paced = PacedHook(phone, at_most=1, within_s=120, clock=clock)
    paced.deliver(owed(), record("1-a"))
    for event_id in ("2-a", "3-a", "4-a"):
        hold_back(paced, event_id)
    clock.move(120)
    for event_id in ("2-a", "3-a", "4-a"):
        paced.deliver(owed(), record(event_id))

    assert phone.messages[1:] == [("2-a", "opened", ["3-a", "4-a"])]


def test_the_description_of_an_event_that_was_told_does_not_count() -> None:
    """It replaces the first message and is not one more."""
    phone = Phone()
    paced = PacedHook(phone, at_most=1, within_s=120, clock=MovedClock())
    paced.deliver(owed(OPENED), record("1-a"))
    paced.deliver(owed(DESCRIBED), record("1-a", described=True))

    assert phone.messages == [("1-a", "opened", []), ("1-a", "described", [])]


def test_an_event_that_was_told_among_others_gets_no_description_of_its_own() -> None:
    """Otherwise the limit would be undone a minute later."""
    clock, phone = MovedClock(), Phone()
    paced = PacedHook(phone, at_most=1, within_s=120, clock=clock)
    paced.deliver(owed(), record("1-a"))
    for event_id in ("2-a", "3-a"):
        hold_back(paced, event_id)
    clock.move(120)
    paced.deliver(owed(), record("2-a"))
    paced.deliver(owed(), record("3-a"))
    paced.deliver(owed(DESCRIBED), record("3-a", described=True))

    assert phone.messages[1:] == [("2-a", "opened", ["3-a"])]


def test_a_message_that_fails_takes_no_room_and_forgets_nobody() -> None:
    """When the phone cannot be reached, the group is told at the next try."""
    clock, phone = MovedClock(), Phone()
    paced = PacedHook(phone, at_most=1, within_s=120, clock=clock)
    paced.deliver(owed(), record("1-a"))
    for event_id in ("2-a", "3-a"):
        hold_back(paced, event_id)
    clock.move(120)
    phone.error = DeliveryError("no network")
    with pytest.raises(DeliveryError):
        paced.deliver(owed(), record("2-a"))
    phone.error = None
    paced.deliver(owed(), record("2-a"))

    assert phone.messages[1:] == [("2-a", "opened", ["3-a"])]


def test_held_back_messages_stay_in_the_outbox_until_they_are_told() -> None:
    """The whole way: twenty events in a moment are two messages, and every row of the outbox is settled."""
    clock, phone, outbox = MovedClock(), Phone(), MemoryOutbox()
    for number in range(20):
        outbox.add(record(f"{number}-a"), "phone", OPENED)
    paced = PacedHook(phone, at_most=1, within_s=60, clock=clock)
    delivery = AlertDelivery(outbox=outbox, hooks={"phone": paced}, clock=clock, poll_s=0.01)

    with delivering(delivery):
        wait_until(lambda: all(row.attempts == 1 for row in outbox.rows.values()))
        assert outbox.statuses() == ["sent"] + ["pending"] * 19
        clock.run_until(lambda: outbox.statuses() == ["sent"] * 20, step_s=10)

    assert [len(others) for _, _, others in phone.messages] == [0, 18]
