"""What a person switched off stays off, whoever restarts what."""

from __future__ import annotations

from datetime import timedelta

from vidsense_daemon.store.switches import SwitchStore

from .scenes import NOON, Rooms


def test_a_trigger_stays_off_until_it_is_switched_on(rooms: Rooms) -> None:
    switches = SwitchStore(rooms.database)
    for _ in range(2):
        switches.set_trigger("yard", "cat", enabled=False, now=NOON)
    switches.set_trigger("yard", "person", enabled=False, now=NOON)
    switches.set_trigger("yard", "person", enabled=True, now=NOON)

    assert SwitchStore(rooms.database).switched_off() == {("yard", "cat")}


def test_the_newest_snooze_counts(rooms: Rooms) -> None:
    switches = SwitchStore(rooms.database)
    switches.snooze("yard", NOON + timedelta(hours=3))
    switches.snooze("yard", NOON)

    assert SwitchStore(rooms.database).snoozed_until() == {"yard": NOON}
