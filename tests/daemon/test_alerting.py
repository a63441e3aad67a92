"""The settings of hooks as the daemon understands them: who is told, when, and of what."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from alerts.broker import Listener, mosquitto
from alerts.fakes import STARTED_AT, MovedClock, delivering, record
from alerts.receiver import receiver
from fakes import wait_until
from store.scenes import NOON, Rooms, ended, event, open_rooms, still, window, words

from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.base.errors import DeliveryError, PermanentError
from vidsense_daemon.daemon.alerting import Alerting, WakingQueue, try_hook
from vidsense_daemon.daemon.backends import resolved_cameras
from vidsense_daemon.domain.events import DeliveryPhase, Severity
from vidsense_daemon.settings.load import parse
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.store.acknowledgements import Acknowledgements
from vidsense_daemon.store.switches import SwitchStore

HOUSE = """\
cameras:
  front_door: {url: /dev/video0, triggers: [person_at_door], zones: {steps: {coordinates: "0,0,1,0,1,1"}}}
  garden: {url: /dev/video1}
triggers:
  person_at_door: {prompt: a person}
hooks:
"""
OPENED, CLOSED, DESCRIBED = DeliveryPhase.OPENED, DeliveryPhase.CLOSED, DeliveryPhase.DESCRIBED
EVENT_ID = "1773489600000-abcdef"
PHONE = "kind: webhook, name: phone, url: http://127.0.0.1:9/"


def settings_of(*hooks: str) -> Settings:
    text = HOUSE + "".join(f"  - {{{hook}}}\n" for hook in hooks)
    return parse(text, source="vidsense.yaml", environ={})


def alerting(*hooks: str, clock: MovedClock | None = None) -> Alerting:
    settings = settings_of(*hooks)
    return Alerting(settings.hooks, cameras=resolved_cameras(settings), clock=clock)


def local(hour: int) -> datetime:
    """Some Monday at this hour, by the machine's own clock."""
    return datetime(2026, 5, 4, hour, 30).astimezone()


@pytest.mark.parametrize(
    ("wish", "is_told"),
    [
        ("cameras: [front_door]", True),
        ("cameras: [garden]", False),
        ("triggers: [person_at_door]", True),
        ("zones: [steps]", True),
        ("min_severity: alert", True),
        ('hours: ["mon 17:00-18:00"]', True),
        ('hours: ["tue-sun 17:00-18:00"]', False),
        ('quiet_hours: ["17:00-18:00"]', True),
        ("phases: [closed]", False),
    ],
)
def test_a_hook_hears_of_what_it_wishes(wish: str, is_told: bool) -> None:
    """Each wish of the configuration narrows the events down; the event is an alert at 17:30 on the steps."""
    happened = replace(record().event, started_at=local(17))

    assert bool(alerting(f"{PHONE}, {wish}").hooks_for(happened, OPENED)) is is_told


def test_in_quiet_hours_only_what_is_loud_enough_is_told() -> None:
    """From `loud_severity` on the phone rings at night, too."""
    found = alerting(f'{PHONE}, quiet_hours: ["22:00-07:00"], loud_severity: warning')
    at_night = replace(record().event, started_at=local(23))

    assert found.hooks_for(replace(at_night, severity=Severity.WARNING), OPENED) == ("phone",)
    assert found.hooks_for(replace(at_night, severity=Severity.INFO), OPENED) == ()


def test_states_have_no_gaps() -> None:
    """MQTT is told of every phase, snoozed or not; people hear nothing while a camera is snoozed."""
    found = alerting(PHONE, "kind: mqtt, name: home, host: 127.0.0.1")
    happened = record().event

    assert [found.hooks_for(happened, phase) for phase in (OPENED, CLOSED, DESCRIBED)] == [
        ("phone", "home"),
        ("home",),
        ("phone", "home"),
    ]
    found.switches.snooze("front_door", 10)
    assert found.hooks_for(happened, OPENED) == ("home",)


def test_who_waits_for_the_description_is_owed_one_message() -> None:
    """The words come with the first message, so that there is no second."""
    found = alerting(f"{PHONE}, wait_for_description_s: 60")

    assert [bool(found.hooks_for(record().event, phase)) for phase in (OPENED, CLOSED, DESCRIBED)] == [
        True,
        False,
        False,
    ]


def rooms_of(folder: Path, found: Alerting) -> Rooms:
    return open_rooms(folder / "state", hooks_for=found.hooks_for)


def test_one_message_with_the_words_reaches_a_hook_that_waits_for_them(tmp_path: Path) -> None:
    """Real store, real receiver: nothing at the opening, one message with the description later."""
    with receiver() as phone:
        clock = MovedClock(SystemClock().now())
        found = alerting(f'kind: webhook, name: phone, url: "{phone.url}", wait_for_description_s: 300', clock=clock)
        rooms = rooms_of(tmp_path, found)
        rooms.events.opened(event(EVENT_ID), still(), window())
        with delivering(AlertDelivery(outbox=rooms.deliveries, hooks=found.hooks, clock=clock, poll_s=0.01)):
            clock.run_until(lambda: attempts(rooms) >= 2, step_s=1)
            assert phone.received == []
            rooms.events.closed(ended(event(EVENT_ID)), [], window())
            rooms.descriptions.claim(clock.now())
            rooms.descriptions.finish(EVENT_ID, words(), clock.now())
            clock.run_until(lambda: len(phone.received) == 1, step_s=1)
        rooms.close()

    assert phone.received[0].json["phase"] == "opened"
    assert phone.received[0].json["summary"] == words().summary


def attempts(rooms: Rooms) -> int:
    """Of the one delivery that is owed."""
    far = datetime(2099, 1, 1).astimezone()
    return sum(delivery.attempts for delivery, _ in rooms.deliveries.due(far, 10))


def test_after_an_acknowledgement_the_words_are_not_told(tmp_path: Path) -> None:
    """Somebody said `vidsense events ack` between the two messages; the outbox is empty all the same."""
    with receiver() as phone:
        found = alerting(f'kind: webhook, name: phone, url: "{phone.url}"')
        rooms = rooms_of(tmp_path, found)
        rooms.events.opened(event(EVENT_ID), still(), window())
        with delivering(AlertDelivery(outbox=rooms.deliveries, hooks=found.hooks, poll_s=0.01)):
            wait_until(lambda: len(phone.received) == 1)
            Acknowledgements(rooms.database).acknowledge(EVENT_ID, NOON)
            rooms.events.closed(ended(event(EVENT_ID)), [], window())
            rooms.descriptions.claim(SystemClock().now())
            rooms.descriptions.finish(EVENT_ID, words(), SystemClock().now())
            wait_until(lambda: not rooms.deliveries.due(SystemClock().now(), 10))
        rooms.close()

    assert [message.json["phase"] for message in phone.received] == ["opened"]


def test_the_outbox_is_looked_into_as_soon_as_something_is_stored(tmp_path: Path) -> None:
    """Woken after the commit: words do not wait for the next look."""
    woken: list[bool] = []
    rooms = open_rooms(tmp_path / "state")
    far = datetime(2099, 1, 1).astimezone()

    def wake() -> None:
        woken.append(bool(rooms.deliveries.due(far, 10)))  # from here it sees what is committed

    queue = WakingQueue(rooms.descriptions, wake)
    rooms.events.opened(event(EVENT_ID), still(), window())
    rooms.events.closed(ended(event(EVENT_ID)), [], window())
    assert queue.claim(NOON) is not None
    queue.finish(EVENT_ID, words(), NOON)
    rooms.close()

    assert woken == [True]


def test_a_trial_over_mqtt_leaves_the_running_daemon_alone(tmp_path: Path) -> None:
    """The test event comes on topics of its own, nothing retained stays, and the daemon is not shown as offline."""
    with mosquitto(tmp_path) as broker:
        listener = Listener(broker.port)
        listener.say("vidsense/available", "online", retain=True)
        settings = settings_of(f"kind: mqtt, name: home, host: 127.0.0.1, port: {broker.port}")

        event_id = try_hook(settings, "home", now=STARTED_AT)

        wait_until(lambda: listener.newest.get("vidsense/test/available") == b"")
        said = dict(listener.heard)
        assert event_id.encode() in said["vidsense/test/events"]
        later = Listener(broker.port)
        wait_until(lambda: "vidsense/available" in later.newest)
        assert later.newest == {"vidsense/available": b"online"}
        listener.stop()
        later.stop()


def test_a_trial_says_why_it_failed() -> None:
    """A broker that is not there, and a hook that is not there."""
    settings = settings_of("kind: mqtt, name: home, host: 127.0.0.1, port: 9")

    with pytest.raises(DeliveryError, match="nobody answers there"):
        try_hook(settings, "home", now=STARTED_AT)
    with pytest.raises(PermanentError, match=r"no hook 'hoem'.*there are: home"):
        try_hook(settings, "hoem", now=STARTED_AT)


def test_a_restart_keeps_what_is_switched_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody switched the cat's trigger off for good and the door's alerts for the evening; then the power failed."""
    clock = MovedClock()
    rooms = open_rooms(tmp_path / "state")
    before = Alerting((), cameras=(), clock=clock)
    before.switches.keep_in(SwitchStore(rooms.database))
    before.switches.set_trigger("front_door", "person_at_door", enabled=False)
    before.switches.snooze("front_door", 10)
    before.switches.snooze("garden", 10)
    before.switches.snooze("garden", 0)
    rooms.close()

    rooms = open_rooms(tmp_path / "state")
    after = Alerting((), cameras=(), clock=clock)
    after.switches.keep_in(SwitchStore(rooms.database))
    rooms.close()

    assert not after.is_enabled("front_door", "person_at_door")
    assert after.is_enabled("garden", "person_at_door")
    assert after.switches.snoozed_s("front_door") == pytest.approx(600, abs=1)
    assert after.switches.snoozed_s("garden") == 0
    assert "front_door/person_at_door" in capsys.readouterr().out


def test_a_database_that_takes_nothing_does_not_stop_a_switch(tmp_path: Path) -> None:
    """It holds until the next restart; the log says that it was not stored."""
    rooms = open_rooms(tmp_path / "state")
    switches = Alerting((), cameras=(), clock=MovedClock()).switches
    switches.keep_in(SwitchStore(rooms.database))
    rooms.close()
    rooms.database.path.rename(tmp_path / "taken")

    switches.set_trigger("front_door", "person_at_door", enabled=False)

    assert not switches.is_enabled("front_door", "person_at_door")


def test_a_changed_configuration_keeps_what_is_switched_off() -> None:
    """Somebody snoozed the front door; a reload for another hook's sake must not ring the phone."""
    before = alerting(PHONE)
    before.switches.snooze("front_door", 10)
    before.switches.set_trigger("front_door", "person_at_door", enabled=False)
    settings = settings_of(PHONE, "kind: command, name: siren, argv: [/bin/true]")

    after = Alerting(settings.hooks, cameras=resolved_cameras(settings), switches=before.switches)

    assert after.hooks_for(record().event, OPENED) == ()
    assert not after.is_enabled("front_door", "person_at_door")
