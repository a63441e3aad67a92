"""The delivery thread over an outbox in memory: what is owed arrives, in order, and nobody waits for a slow one."""

from __future__ import annotations

from datetime import timedelta

from fakes import wait_until

from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.errors import DeliveryError, PermanentError
from vidsense_daemon.domain.events import DeliveryPhase
from vidsense_daemon.store.faults import Fault, fault_error

from .fakes import STARTED_AT, MemoryOutbox, MovedClock, ScriptedHook, delivering, record

OPENED, DESCRIBED = DeliveryPhase.OPENED, DeliveryPhase.DESCRIBED


def delivery_of(outbox: MemoryOutbox, *hooks: ScriptedHook, clock: MovedClock | None = None) -> AlertDelivery:
    return AlertDelivery(
        outbox=outbox, hooks={hook.name: hook for hook in hooks}, clock=clock or MovedClock(), poll_s=0.01
    )


def test_what_is_owed_is_sent_in_order() -> None:
    """Both messages of an event reach the hook, the first one first."""
    outbox, hook = MemoryOutbox(), ScriptedHook("phone")
    outbox.add(record(), "phone", OPENED)
    outbox.add(record(), "phone", DESCRIBED)

    with delivering(delivery_of(outbox, hook)):
        wait_until(lambda: outbox.statuses() == ["sent", "sent"])

    assert [phase for _, phase in hook.called] == ["opened", "described"]


def test_a_message_that_was_not_taken_is_tried_again_later() -> None:
    """A receiver that is restarting gets the message five seconds later, not at once and not never."""
    clock, outbox = MovedClock(), MemoryOutbox()
    hook = ScriptedHook("phone", [DeliveryError("not now")])
    outbox.add(record(), "phone", OPENED)

    with delivering(delivery_of(outbox, hook, clock=clock)):
        wait_until(lambda: outbox.rows[1].attempts == 1)
        assert outbox.rows[1].last_error == "not now"
        assert outbox.rows[1].next_attempt_at >= STARTED_AT + timedelta(seconds=4)
        clock.run_until(lambda: outbox.statuses() == ["sent"])

    assert len(hook.called) == 2


def test_a_later_phase_waits_for_the_earlier_one() -> None:
    """The description never overtakes the alert that it belongs to."""
    clock, outbox = MovedClock(), MemoryOutbox()
    hook = ScriptedHook("phone", [DeliveryError("not now")])
    outbox.add(record(), "phone", OPENED)
    outbox.add(record(), "phone", DESCRIBED)

    with delivering(delivery_of(outbox, hook, clock=clock)):
        wait_until(lambda: outbox.rows[1].attempts == 1)
        clock.run_until(lambda: outbox.statuses() == ["sent", "sent"])

    assert [phase for _, phase in hook.called] == ["opened", "opened", "described"]


def test_a_hook_that_hangs_holds_up_no_other() -> None:
    """While one receiver hangs, with ten thousand messages owed to it, the others get their alerts."""
    outbox, slow, quick = MemoryOutbox(), ScriptedHook("slow"), ScriptedHook("quick")
    slow.open.clear()
    for number in range(10_000):
        outbox.add(record(f"{number}-aaaaaa"), "slow", OPENED)
    outbox.add(record("99-aaaaaa"), "quick", OPENED)

    with delivering(delivery_of(outbox, slow, quick)):
        wait_until(lambda: outbox.statuses()[-1] == "sent")
        assert outbox.statuses()[:-1] == ["pending"] * 10_000
        assert len(slow.called) == 1
        slow.open.set()


def test_what_can_never_succeed_is_dead_at_once() -> None:
    """A message that the hook refuses for good is kept and shown, and not tried again."""
    outbox = MemoryOutbox()
    outbox.add(record(), "phone", OPENED)

    with delivering(delivery_of(outbox, ScriptedHook("phone", [PermanentError("410 Gone")]))):
        wait_until(lambda: outbox.statuses() == ["dead"])

    assert outbox.rows[1].last_error == "410 Gone"


def test_a_message_is_given_up_after_three_days() -> None:
    """A receiver that stays away for three days does not get Monday's parcel on Friday."""
    outbox, clock = MemoryOutbox(), MovedClock()
    hook = ScriptedHook("phone", [DeliveryError("down")] * 1000)
    outbox.add(record(), "phone", OPENED)

    with delivering(delivery_of(outbox, hook, clock=clock)):
        clock.run_until(lambda: outbox.statuses() == ["dead"], step_s=3600)

    assert outbox.statuses() == ["dead"]
    assert clock.now() >= STARTED_AT + timedelta(days=3)
    assert 12 <= len(hook.called) <= 17


def test_a_receiver_that_is_down_is_not_asked_for_every_waiting_message() -> None:
    """After a failure the hook rests before the next message, and goes on with the same queue afterwards."""
    clock, outbox = MovedClock(), MemoryOutbox()
    hook = ScriptedHook("phone", [DeliveryError("down")])
    for number in range(50):
        outbox.add(record(f"{number}-aaaaaa"), "phone", OPENED)

    with delivering(delivery_of(outbox, hook, clock=clock)) as worker:
        wait_until(lambda: outbox.rows[1].attempts == 1)
        beats = worker.beat_age_s()
        assert beats < 60
        assert len(hook.called) == 1
        clock.run_until(lambda: outbox.statuses() == ["sent"] * 50)


def test_a_defect_in_a_hook_costs_neither_the_message_nor_the_other_hooks() -> None:
    """A hook with a bug fails alone: its message stays owed, and the daemon runs on."""
    clock, outbox = MovedClock(), MemoryOutbox()
    broken, sound = ScriptedHook("broken", [KeyError("oops")]), ScriptedHook("sound")
    outbox.add(record(), "broken", OPENED)
    outbox.add(record(), "sound", OPENED)

    with delivering(delivery_of(outbox, broken, sound, clock=clock)):
        wait_until(lambda: outbox.statuses()[1] == "sent" and outbox.rows[1].attempts == 1)
        assert outbox.rows[1].last_error is not None
        assert "log has the traceback" in outbox.rows[1].last_error
        clock.run_until(lambda: outbox.statuses() == ["sent", "sent"])


def test_a_hook_whose_bug_stays_is_stopped_alone() -> None:
    """After three failures of that kind the hook is left in peace until the restart; cameras and other hooks go on."""
    clock, outbox = MovedClock(), MemoryOutbox()
    broken, sound = ScriptedHook("broken", [KeyError("oops")] * 100), ScriptedHook("sound")
    outbox.add(record(), "broken", OPENED)

    with delivering(delivery_of(outbox, broken, sound, clock=clock)):
        clock.run_until(lambda: outbox.rows[1].attempts == 3)
        for number in range(2, 5):
            outbox.add(record(f"{number}-aaaaaa"), "sound", OPENED, at=clock.now())
            clock.run_until(lambda: outbox.statuses()[-1] == "sent", step_s=600)

    assert len(broken.called) == 3
    assert outbox.statuses()[0] == "pending"


def test_an_outbox_that_fails_for_a_moment_does_not_double_the_alert() -> None:
    """When the disk is full just after the hook took an alert, the alert is not sent again."""
    outbox, hook = MemoryOutbox(), ScriptedHook("phone")
    outbox.errors_to_raise = [fault_error(Fault.FULL, "storing what was sent")]
    outbox.add(record(), "phone", OPENED)

    with delivering(delivery_of(outbox, hook)):
        wait_until(lambda: outbox.statuses() == ["sent"])

    assert len(hook.called) == 1


def test_stopping_does_not_wait_for_a_hook_that_hangs() -> None:
    """The daemon ends in time; the alert stays owed and is sent at the next start."""
    outbox, hook = MemoryOutbox(), ScriptedHook("slow")
    hook.open.clear()
    outbox.add(record(), "slow", OPENED)
    delivery = AlertDelivery(outbox=outbox, hooks={"slow": hook}, poll_s=0.01, stop_within_s=0.05)

    with delivering(delivery):
        wait_until(lambda: len(hook.called) == 1)

    assert outbox.statuses() == ["pending"]
    hook.open.set()


def test_a_new_message_wakes_the_thread() -> None:
    """An alert does not wait for the next look into the outbox."""
    outbox, hook = MemoryOutbox(), ScriptedHook("phone")
    delivery = AlertDelivery(outbox=outbox, hooks={"phone": hook}, clock=MovedClock(), poll_s=3600)

    with delivering(delivery) as worker:
        outbox.add(record(), "phone", OPENED)
        delivery.wake()
        wait_until(lambda: outbox.statuses() == ["sent"])
        worker.ask_to_stop()
        delivery.wake()
