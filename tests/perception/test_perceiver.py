"""The perception thread from frames to the sink: true events, in order, whatever fails on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import structlog
from fakes import SimulatedClock, wait_until
from numpy.typing import NDArray

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.domain.events import EventState, Severity, Source
from vidsense_daemon.domain.frames import Picture, View
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import Camera, ColourEncoder, RememberingSink, broken, painted

VISITOR = TriggerRule("visitor", "a person walking", severity=Severity.ALERT)
TRAFFIC = TriggerRule("traffic", "a car on the road")


def perceiver(
    sink: RememberingSink,
    *rules: TriggerRule,
    cameras: tuple[str, ...] = ("door",),
    mailbox: FrameMailbox | None = None,
    encoder: ColourEncoder | None = None,
    clock: Clock | None = None,
) -> Perceiver:
    return Perceiver(
        encoder=encoder or ColourEncoder(),
        clock=clock,
        sink=sink,
        mailbox=mailbox or FrameMailbox(),
        triggers=dict.fromkeys(cameras, rules),
        source=Source.REPLAY,
    )


def test_a_visit_is_one_event_from_its_first_to_its_last_moment() -> None:
    """Someone comes, stays two seconds and goes: one event, with the right times, words and score."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiver(sink, VISITOR, TRAFFIC)
    perception.process(camera.frames("empty", 10))
    perception.process(camera.frames("person", 11, still=True))
    perception.process(camera.frames("empty", 30))
    perception.finish()

    (event, first), (closed, _) = sink.opened_events[0], sink.closed_events[0]
    assert (event.trigger, event.prompt, event.severity) == ("visitor", "a person walking", Severity.ALERT)
    assert (event.source, event.state, closed.state) == (Source.REPLAY, EventState.OPEN, EventState.CLOSED)
    assert (event.id, len(sink.opened_events), len(sink.closed_events)) == (closed.id, 1, 1)
    assert (closed.started_pts_s, closed.ended_pts_s) == pytest.approx((2.0, 4.0))
    assert (closed.encoder, closed.run_id) == ("colours", "run-1")
    assert closed.score > 1
    assert first is not None
    assert first.role == "first"


def test_a_static_scene_opens_nothing() -> None:
    """An hour of lawn is no event."""
    sink = RememberingSink()
    perception = perceiver(sink, VISITOR, TRAFFIC)
    perception.process(Camera().frames("empty", 200))
    perception.finish()

    assert sink.opened_events == []


def test_a_passing_car_opens_the_cars_trigger_only() -> None:
    """ "a person walking" stays silent for cars."""
    sink = RememberingSink()
    perceiver(sink, VISITOR, TRAFFIC).process(Camera().frames("car", 10))

    assert [event.trigger for event, _ in sink.opened_events] == ["traffic"]


def test_the_sink_hears_of_a_going_event_about_once_a_second() -> None:
    """The event list moves on without a commit for every frame."""
    sink = RememberingSink()
    perceiver(sink, VISITOR).process(Camera(step_s=0.2).frames("person", 26))

    assert len(sink.extended_events) == 4


def test_an_event_keeps_few_stills() -> None:
    """First, peak, last and some between: at most eight."""
    sink = RememberingSink()
    perception = perceiver(sink, VISITOR)
    perception.process(Camera().frames("person", 100, still=True))
    perception.finish()
    _, stills = sink.closed_events[0]

    assert 3 <= len(stills) <= 7
    assert {"peak", "last", "middle"} == {kept.role for kept in stills}


def test_a_still_just_before_the_event_serves_when_there_is_none_in_it() -> None:
    """Stills come once a second: the first alert has a picture all the same."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiver(sink, VISITOR)
    perception.process([camera.frame(moving=True, still=True), *camera.frames("person", 3)])

    assert sink.opened_events[0][1] is not None


def test_an_event_amid_long_motion_has_a_picture_all_the_same() -> None:
    """It rains for minutes, so stills are seldom; who walks through between two of them is seen on the one before."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiver(sink, VISITOR)
    perception.process([camera.frame(moving=True, still=True), *camera.frames("empty", 20, moving=True)])
    perception.process(camera.frames("person", 4))

    [(_, first)] = sink.opened_events
    assert first is not None
    assert first.still.jpeg == b"0"


def test_a_still_of_long_ago_is_no_events_picture() -> None:
    """What was before the camera minutes ago would only mislead."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiver(sink, VISITOR)
    perception.process([camera.frame(moving=True, still=True), *camera.frames("empty", 40)])
    perception.process(camera.frames("person", 4))

    assert [first for _, first in sink.opened_events] == [None]


def test_a_new_run_ends_the_events_of_the_old_one() -> None:
    """After a break of the stream the event before it is over, and its description is made."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiver(sink, VISITOR)
    perception.process(camera.frames("person", 5))
    camera.run_id = "run-2"
    perception.process([camera.frame("empty")])

    assert [event.run_id for event, _ in sink.closed_events] == ["run-1"]


def test_no_window_holds_frames_of_two_runs() -> None:
    """Every frame stands in one stored window, and no window crosses a break."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiver(sink, VISITOR)
    frames = camera.frames("empty", 10)
    camera.run_id = "run-2"
    perception.process([*frames, *camera.frames("empty", 9)])
    perception.finish()

    assert [[frame.index for frame in window.frames] for window in sink.windows] == [
        list(range(8)),
        [8, 9],
        list(range(10, 18)),
        [18],
    ]
    assert all(len({frame.run_id for frame in window.frames}) == 1 for window in sink.windows)


@contextmanager
def at_work(perception: Perceiver) -> Iterator[None]:
    """The perception thread, running."""
    worker = Worker("perception", perception.run, on_fatal=lambda _status, _reason: None)
    worker.start()
    try:
        yield
    finally:
        worker.ask_to_stop()
        assert worker.join(5)


def test_a_lost_camera_ends_its_events_and_no_others() -> None:
    """Who pulls one camera's plug ends that camera's event; the other goes on."""
    sink, mailbox = RememberingSink(), FrameMailbox(frames_per_camera=8)
    perception = perceiver(sink, VISITOR, cameras=("door", "garden"), mailbox=mailbox)
    for name in ("door", "garden"):
        for frame in Camera(name=name).frames("person", 5):
            mailbox.put(frame)

    with at_work(perception):
        perception.run_ended("door", "run-1")
        perception.run_ended("never seen", "run-1")
        perception.run_ended("garden", "a run that was over long ago")
        wait_until(lambda: bool(sink.closed_events), what="the event's end")
        closed = [event.camera for event, _ in sink.closed_events]

    assert closed == ["door"]


def test_the_last_frames_of_a_lost_camera_leave_no_event_open() -> None:
    """The stream ends while older frames are still looked at: what the last ones open is closed as well."""
    sink, camera, mailbox = RememberingSink(), Camera(), FrameMailbox(frames_per_camera=8)

    class Interrupted(ColourEncoder):
        """While it looks for the first time, the visitor comes and the stream ends."""

        def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
            for frame in arriving:
                mailbox.put(frame)
            if arriving:
                perception.run_ended("door", "run-1")
                arriving.clear()
            return super().embed_pictures(pictures)

    perception = perceiver(sink, VISITOR, mailbox=mailbox, encoder=Interrupted())
    mailbox.put(camera.frame("empty"))
    arriving = camera.frames("person", 5)

    with at_work(perception):
        wait_until(lambda: bool(sink.closed_events), what="the event's end")

    assert len(sink.opened_events) == len(sink.closed_events) == 1


def test_the_first_cameras_alert_does_not_wait_for_the_last_cameras_look() -> None:
    """Twelve busy cameras, a slow computer: who is seen first is told of at once, not after all were looked at."""
    sink, mailbox = RememberingSink(), FrameMailbox(frames_per_camera=5)
    told_before_look: list[int] = []

    class Noting(ColourEncoder):
        def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
            told_before_look.append(len(sink.opened_events))
            return super().embed_pictures(pictures)

    names = tuple(f"camera_{number}" for number in range(12))
    perception = perceiver(sink, VISITOR, cameras=names, mailbox=mailbox, encoder=Noting())
    for name in names:
        for frame in Camera(name=name).frames("person", 5):
            mailbox.put(frame)
    with at_work(perception):
        wait_until(lambda: len(sink.opened_events) == len(names), what="everybody's event")

    assert 0 < told_before_look[-1] < len(names)


def test_a_lost_camera_whose_last_frames_wait_for_their_turn_is_looked_at_first() -> None:
    """The plug is pulled while others are looked at: the visitor on the last frames is an event, and it ends."""
    sink, mailbox = RememberingSink(), FrameMailbox(frames_per_camera=5)
    names = tuple(f"camera_{number}" for number in range(12))
    perception = perceiver(sink, VISITOR, cameras=names, mailbox=mailbox)
    for name in names:
        for frame in Camera(name=name).frames("person", 5):
            mailbox.put(frame)
    perception.run_ended(names[-1], "run-1")

    with at_work(perception):
        wait_until(lambda: bool(sink.closed_events), what="the event's end")
        closed = [event.camera for event, _ in sink.closed_events]

    assert closed == [names[-1]]


def test_before_there_is_a_background_only_a_clear_sight_counts() -> None:
    """In a stream's first seconds a face that fills the crop is believed, a shadow of one is not."""
    clear, faint = View(painted("person", 0.9), None), View(painted("person", 0.3), None)
    sink = RememberingSink()
    perception = perceiver(sink, replace(VISITOR, cold_threshold=3.0), cameras=("door", "garden"))
    perception.process(Camera(name="garden").frames("person", 5, crop=faint))
    assert sink.opened_events == []

    perception.process(Camera(name="door").frames("person", 5, crop=clear))

    assert [event.camera for event, _ in sink.opened_events] == ["door"]


def test_a_scene_change_is_no_visitor() -> None:
    """When the infrared light goes on, everything looks different and nothing has happened."""
    sink = RememberingSink()
    perceiver(sink, VISITOR).process(Camera().frames("person", 10, scene_changed=True))

    assert sink.opened_events == []


def test_an_event_ends_although_the_scene_has_changed() -> None:
    """A switch to night during an event doesn't leave it open for ever."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiver(sink, VISITOR)
    perception.process([*camera.frames("person", 5), *camera.frames("empty", 20, scene_changed=True)])

    assert len(sink.closed_events) == 1


def test_only_motion_in_the_triggers_zones_counts() -> None:
    """The pavement is not the driveway."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiver(sink, replace(VISITOR, zones=("driveway",)))
    perception.process(camera.frames("person", 5, zones=("pavement",)))
    assert sink.opened_events == []

    perception.process(camera.frames("person", 5, zones=("pavement", "driveway")))

    assert sink.opened_events[0][0].zones == ("pavement", "driveway")


def test_a_camera_that_always_looks_a_bit_like_it_gets_its_own_threshold() -> None:
    """A coat that moved once and now hangs there raises this camera's threshold, not the other's."""
    sink = RememberingSink()
    perception = perceiver(sink, VISITOR, cameras=("hall", "door"))
    coat = View(painted("person", 0.5), painted("empty"))
    perception.process(Camera(name="hall").frames("empty", 60, crop=coat))
    perception.process(Camera(name="door").frames("empty", 60))

    assert perception.thresholds()["hall"]["visitor"] > perception.thresholds()["door"]["visitor"]
    assert sink.opened_events == []


def test_a_prompt_that_cannot_be_embedded_costs_its_own_trigger_only() -> None:
    """A mistake in one trigger is logged by name; the others work."""
    sink = RememberingSink()
    rules = (TriggerRule("odd", "an unspeakable thing"), TriggerRule("odder", "an infinite thing"), VISITOR)
    with structlog.testing.capture_logs() as logs:
        perceiver(sink, *rules).process(Camera().frames("person", 5))

    assert [event.trigger for event, _ in sink.opened_events] == ["visitor"]
    assert [log["trigger"] for log in logs if log["event"] == "trigger_left_out"] == ["odd", "odder"]
    assert "77 tokens" in logs[0]["reason"]


def test_a_sick_camera_does_not_blind_the_others() -> None:
    """One camera's pictures make the model answer nonsense; the other camera's visitor is seen."""
    sink, sick, door = RememberingSink(), Camera(name="sick"), Camera()
    perception = perceiver(sink, VISITOR, cameras=("sick", "door"))
    for _ in range(5):
        perception.process([sick.frame(whole=View(broken(), None)), door.frame("person")])

    assert [event.camera for event, _ in sink.opened_events] == ["door"]
    assert perception.counts()["frames_unusable"] == 5


def test_a_frame_that_comes_late_is_left_out() -> None:
    """Time doesn't run backwards within a run."""
    sink, camera = RememberingSink(), Camera()
    early, late = camera.frame("person"), camera.frame("person")
    perception = perceiver(sink, VISITOR)
    perception.process([late, early])

    assert perception.counts()["frames"] == 1
    assert perception.counts()["frames_unusable"] == 1


def test_a_sink_that_fails_gets_the_same_event_again_before_any_other() -> None:
    """A full disk delays events; it neither loses nor reorders them."""
    sink, camera = RememberingSink(errors=[StoreError("the disk is full"), StoreError("the disk is full")]), Camera()
    perception = perceiver(sink, VISITOR)
    for _ in range(2):
        with pytest.raises(StoreError):
            perception.process(camera.frames("person", 4))
    perception.process([])
    perception.finish()

    assert [call for call in sink.calls if call != "observed"] == ["opened", "extended", "closed"]


def test_the_thread_perceives_what_is_put_and_closes_its_events_when_it_stops() -> None:
    """At a stop nothing that waits is thrown away, and no event stays open."""
    sink, mailbox = RememberingSink(), FrameMailbox(frames_per_camera=100)
    perception = perceiver(sink, VISITOR, mailbox=mailbox)
    fatal: list[str] = []
    worker = Worker("perception", perception.run, on_fatal=lambda _status, reason: fatal.append(reason))
    for frame in Camera().frames("person", 10):
        mailbox.put(frame)
    worker.ask_to_stop()
    stopped = threading.Thread(target=lambda: perception.run(worker))
    stopped.start()
    stopped.join(10)

    assert [call for call in sink.calls if call != "observed"] == ["opened", "extended", "closed"]
    assert fatal == []


def test_a_stop_in_a_hurry_leaves_what_waits_and_closes_its_events() -> None:
    """On a slow machine what waits would take longer than the daemon has to end: frames are lost, events not."""
    sink, mailbox, clock = RememberingSink(), FrameMailbox(frames_per_camera=100), SimulatedClock()
    perception = perceiver(sink, VISITOR, mailbox=mailbox, clock=clock)
    frames = Camera().frames("person", 20)
    perception.process(frames[:10])
    for frame in frames[10:]:
        mailbox.put(frame)
    worker = Worker("perception", perception.run, on_fatal=lambda _status, _reason: None)
    worker.ask_to_stop()
    perception.hurry()
    clock.advance(3)
    perception.run(worker)

    assert perception.counts()["frames"] == 10
    assert [call for call in sink.calls if call != "observed"][-1] == "closed"
