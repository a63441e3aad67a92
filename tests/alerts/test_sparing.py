"""One message instead of two, and none about what somebody has seen to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from vidsense_daemon.alerts.sparing import OneMessageHook, UnacknowledgedHook
from vidsense_daemon.base.errors import HeldBackError
from vidsense_daemon.domain.events import Delivery, Description, DescriptionStatus, EventRecord

from .fakes import STARTED_AT, MovedClock, description, owed, record


class Phone:
    """Remembers what it was told."""

    name = "phone"

    def __init__(self) -> None:
        self.told: list[EventRecord] = []

    def deliver(self, delivery: Delivery, record: EventRecord) -> None:
        self.told.append(record)

    def summaries(self) -> list[str]:
        return [told.description.summary if told.description else "" for told in self.told]


def pending() -> EventRecord:
    """An event whose description is owed."""
    nothing_yet = Description(backend="", model="", status=DescriptionStatus.PENDING, summary="")
    return replace(record(), description=nothing_yet)


def waiting(phone: Phone, clock: MovedClock, *, wait_s: float = 60) -> OneMessageHook:
    sentence = replace(description(), summary="somebody is there")
    return OneMessageHook(phone, wait_s=wait_s, words=lambda _record: sentence, clock=clock)


def test_the_one_message_waits_for_the_description() -> None:
    """Nothing is sent while a model still writes; what is sent then has its words."""
    phone, clock = Phone(), MovedClock(STARTED_AT)
    hook = waiting(phone, clock)
    with pytest.raises(HeldBackError):
        hook.deliver(owed(), pending())

    hook.deliver(owed(), record(described=True))

    assert phone.summaries() == [description().summary]


def test_after_the_limit_the_message_goes_out_with_a_sentence_made_without_a_model() -> None:
    """A model that takes for ever must not cost the alert."""
    phone, clock = Phone(), MovedClock(STARTED_AT + timedelta(seconds=60))

    waiting(phone, clock, wait_s=60).deliver(owed(), pending())

    assert phone.summaries() == ["somebody is there"]


def test_a_description_that_failed_is_not_waited_for() -> None:
    """When it is known that no words will come, waiting helps nobody."""
    failed = replace(description(), status=DescriptionStatus.FAILED, summary="")
    phone = Phone()

    waiting(phone, MovedClock(STARTED_AT)).deliver(owed(), replace(record(), description=failed))

    assert phone.summaries() == ["somebody is there"]


def test_the_message_is_looked_at_in_time_for_its_limit_and_seldom_before() -> None:
    """Every look is a commit: ever fewer of them, and the last one exactly at the limit."""
    clock = MovedClock(STARTED_AT)
    hook = waiting(Phone(), clock, wait_s=600)
    looks, waited_s = 0, 0.0
    while clock.now() < STARTED_AT + timedelta(seconds=599.9):
        with pytest.raises(HeldBackError) as held:
            hook.deliver(owed(), pending())
        assert held.value.retry_after_s is not None
        looks, waited_s = looks + 1, waited_s + held.value.retry_after_s
        clock.move(held.value.retry_after_s)

    assert waited_s == pytest.approx(600, abs=0.1)
    assert looks < 60


def test_nobody_is_told_of_what_somebody_has_seen_to() -> None:
    """After `vidsense events ack` the description that comes later rings no phone."""
    phone = Phone()
    hook = UnacknowledgedHook(phone)

    hook.deliver(owed(), record())
    hook.deliver(owed(), replace(record(described=True), acknowledged_at=STARTED_AT))

    assert len(phone.told) == 1
