"""What was given up is not gone: it is listed with its reason, and sent when a person says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import wait_until
from store.scenes import Rooms, event, open_rooms, still, window

from vidsense_daemon.alerts.hooks.webhook import Webhook
from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.store.dead_letters import DeadLetters

from .fakes import delivering
from .receiver import receiver

# after every message is due, however long other tests take before these
NOW = (SystemClock().now() + timedelta(hours=6)).replace(microsecond=0)


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    """A store in which the hook "phone" is owed three messages."""
    found = open_rooms(tmp_path / "state")
    for number in range(3):
        found.events.opened(event(f"{1773489600000 + number}-abcdef"), still(), window())
    yield found
    found.close()


@pytest.fixture
def letters(rooms: Rooms) -> DeadLetters:
    return DeadLetters(database=rooms.database, media=rooms.media)


def owed_ids(rooms: Rooms) -> list[int]:
    return [delivery.id for delivery, _ in rooms.deliveries.due(NOW, 10)]


def test_what_was_given_up_is_listed_with_its_reason(rooms: Rooms, letters: DeadLetters) -> None:
    """The operator sees which event nobody was told of, and why."""
    first, second, _ = owed_ids(rooms)
    rooms.deliveries.give_up(first, "410 Gone", NOW)
    rooms.deliveries.give_up(second, "too old", NOW)

    found = letters.dead(hook="phone")
    assert [(delivery.id, delivery.last_error) for delivery, _ in found] == [(second, "too old"), (first, "410 Gone")]
    assert found[1][1].event.camera == "front_door"
    assert letters.dead(hook="other") == []


def test_every_hook_stands_in_one_line(rooms: Rooms, letters: DeadLetters) -> None:
    """How much each hook is owed, what it got, what was given up, and what was wrong last."""
    first, second, third = owed_ids(rooms)
    rooms.deliveries.sent(first, NOW)
    rooms.deliveries.give_up(second, "410 Gone", NOW)
    rooms.deliveries.postpone(third, "did not answer", NOW)

    (standing,) = letters.standings()
    assert (standing.hook, standing.pending, standing.sent, standing.dead) == ("phone", 1, 1, 1)
    assert standing.last_error == "did not answer"
    assert standing.oldest_pending_at is not None


def test_a_hook_that_got_everything_has_no_error(rooms: Rooms, letters: DeadLetters) -> None:
    """What went wrong once and was mended is not shown as wrong."""
    for number in owed_ids(rooms):
        rooms.deliveries.postpone(number, "did not answer", NOW)
        rooms.deliveries.sent(number, NOW)

    (standing,) = letters.standings()
    assert (standing.sent, standing.last_error, standing.oldest_pending_at) == (3, None, None)


def test_a_dead_message_is_sent_after_all_when_it_is_retried(rooms: Rooms, letters: DeadLetters) -> None:
    """The operator mends the receiver, says retry, and the running daemon delivers."""
    for number in owed_ids(rooms):
        rooms.deliveries.give_up(number, "410 Gone", NOW)
    with receiver() as phone:
        hook = Webhook(name="phone", url=phone.url)
        with delivering(AlertDelivery(outbox=rooms.deliveries, hooks={"phone": hook}, poll_s=0.01)):
            assert letters.retry(SystemClock().now(), hook="phone") == 3
            wait_until(lambda: letters.standings()[0].sent == 3)

    assert len(phone.received) == 3


def test_a_retried_message_has_three_new_days(rooms: Rooms, letters: DeadLetters) -> None:
    """It is not given up again at its first failure, however old its event is."""
    (number, *_) = owed_ids(rooms)
    rooms.deliveries.give_up(number, "too old", NOW)
    later = NOW + timedelta(days=30)
    letters.retry(later, delivery_ids=[number])

    (found,) = [delivery for delivery, _ in rooms.deliveries.due(later, 10) if delivery.id == number]
    assert (found.created_at, found.attempts) == (later, 0)


def test_only_dead_messages_are_retried(rooms: Rooms, letters: DeadLetters) -> None:
    """What was sent is not sent twice, and a number that is not there is no trouble."""
    first, second, _ = owed_ids(rooms)
    rooms.deliveries.sent(first, NOW)
    rooms.deliveries.give_up(second, "410 Gone", NOW)

    assert letters.retry(NOW, delivery_ids=[first, second, 999]) == 1
    assert letters.retry(NOW, delivery_ids=[]) == 0
    assert first not in owed_ids(rooms)
