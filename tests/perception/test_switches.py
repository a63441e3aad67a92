"""A trigger that a person has switched off makes no events."""

from __future__ import annotations

from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import Camera, ColourEncoder, RememberingSink

VISITOR = TriggerRule("visitor", "a person walking", cooldown_s=0)


def test_a_trigger_that_is_off_makes_no_event_and_one_that_goes_off_ends_its_own() -> None:
    """Off, on, off again while somebody is there: one event, which ends although the visitor stays."""
    sink, camera = RememberingSink(), Camera()
    off = {("door", "visitor")}
    perception = Perceiver(
        encoder=ColourEncoder(),
        sink=sink,
        mailbox=FrameMailbox(),
        triggers={"door": [VISITOR]},
        is_enabled=lambda camera, trigger: (camera, trigger) not in off,
    )
    perception.process(camera.frames("empty", 10))
    perception.process(camera.frames("person", 20))
    assert sink.opened_events == []

    off.clear()
    perception.process(camera.frames("person", 20))
    assert len(sink.opened_events) == 1
    assert sink.closed_events == []

    off.add(("door", "visitor"))
    perception.process(camera.frames("person", 60))
    assert len(sink.closed_events) == 1
    assert len(sink.opened_events) == 1
