from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from vidsense_daemon.domain.events import Delivery, DeliveryPhase

from .scenes import NOON, Rooms, ended, event, open_rooms, window, words

SOON = datetime(2100, 1, 1, tzinfo=UTC)  # after what the machine's clock will write, however long the tests take


def due(rooms: Rooms, at: datetime = SOON) -> list[Delivery]:
    return [delivery for delivery, _record in rooms.deliveries.due(at, 100)]


def store_described(rooms: Rooms, id_: str = "1-e") -> None:
    rooms.events.opened(event(id_), None, window(run_id=id_))
    rooms.events.closed(ended(event(id_)), [], window(9, run_id=id_))
    rooms.descriptions.claim(NOON)
    rooms.descriptions.finish(id_, words(), SOON - timedelta(seconds=30))


def test_a_hook_hears_of_an_events_opening_before_its_words(rooms: Rooms) -> None:
    store_described(rooms)
    (first,) = due(rooms)
    assert first.phase is DeliveryPhase.OPENED

    rooms.deliveries.sent(first.id, SOON)
    (second,) = due(rooms)
    assert second.phase is DeliveryPhase.DESCRIBED

    rooms.deliveries.sent(second.id, SOON)
    assert due(rooms) == []


def test_words_wait_while_the_opening_is_retried(rooms: Rooms) -> None:
    """The hook is down: the second message must not overtake the first."""
    store_described(rooms)
    rooms.deliveries.postpone(due(rooms)[0].id, "503", SOON + timedelta(minutes=1))
    assert due(rooms) == []

    (again,) = due(rooms, SOON + timedelta(minutes=1))
    assert (again.phase, again.attempts, again.last_error) == (DeliveryPhase.OPENED, 1, "503")


def test_words_still_come_when_the_opening_was_given_up(rooms: Rooms) -> None:
    store_described(rooms)
    rooms.deliveries.give_up(due(rooms)[0].id, "410 Gone", SOON)

    assert [delivery.phase for delivery in due(rooms)] == [DeliveryPhase.DESCRIBED]
    assert rooms.archive.counts()["deliveries_dead"] == 1


def test_one_hook_that_is_down_does_not_hold_up_another(tmp_path: Path) -> None:
    rooms = open_rooms(
        tmp_path, hooks_for=lambda _event, phase: () if phase is DeliveryPhase.CLOSED else ("phone", "house")
    )
    rooms.events.opened(event(), None, window())
    phone, house = due(rooms)
    assert (phone.hook, house.hook) == ("phone", "house")

    rooms.deliveries.postpone(phone.id, "timed out", SOON + timedelta(hours=1))
    assert due(rooms) == [house]
    rooms.close()


def test_a_hook_that_asks_for_it_hears_that_an_event_is_over(tmp_path: Path) -> None:
    """MQTT shows a state: on with `opened`, off with `closed`."""
    rooms = open_rooms(tmp_path, hooks_for=lambda _event, phase: ("mqtt",) if phase is DeliveryPhase.CLOSED else ())
    rooms.events.opened(event(), None, window())
    rooms.events.closed(ended(event()), [], window(9))

    assert [delivery.phase for delivery in due(rooms)] == [DeliveryPhase.CLOSED]
    rooms.close()


def test_asked_for_one_hook_the_outbox_names_no_other(tmp_path: Path) -> None:
    """Ten thousand messages owed to a dead phone must not hide the one owed to the house."""
    rooms = open_rooms(tmp_path, hooks_for=lambda _event, _phase: ("phone", "house"))
    rooms.events.opened(event(), None, window())

    assert [delivery.hook for delivery, _record in rooms.deliveries.due(SOON, 1, "house")] == ["house"]
    rooms.close()


def test_the_oldest_delivery_comes_first_and_no_more_than_asked_for(rooms: Rooms) -> None:
    for number in range(3):
        rooms.events.opened(event(f"{number}-e"), None, window(number))

    assert [delivery.event_id for delivery, _ in rooms.deliveries.due(SOON, 2)] == ["0-e", "1-e"]


def test_an_unsent_alert_is_still_owed_after_a_restart(tmp_path: Path) -> None:
    before = open_rooms(tmp_path)
    before.events.opened(event(), None, window())
    before.database.close()

    after = open_rooms(tmp_path)
    assert [delivery.hook for delivery in due(after)] == ["phone"]
    after.close()
