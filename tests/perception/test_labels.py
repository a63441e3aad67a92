"""What events are tagged with: words of a vocabulary, scored like triggers."""

from __future__ import annotations

from collections.abc import Sequence

from structlog.testing import capture_logs

from vidsense_daemon.domain.events import Event
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import Camera, ColourEncoder, RememberingSink

ANYTHING = TriggerRule("anything", "a person", cooldown_s=0)
VOCABULARY = ("a person", "a car", "a dog", "an old man")


def visited(labels: Sequence[str], *things: str) -> tuple[Event, Event]:
    """The event of a visit as it opened and as it closed."""
    sink, camera = RememberingSink(), Camera()
    perception = Perceiver(
        encoder=ColourEncoder(), sink=sink, mailbox=FrameMailbox(), triggers={"door": [ANYTHING]}, labels=labels
    )
    perception.process(camera.frames("empty", 10))
    for thing in things:
        perception.process(camera.frames(thing, 20))
    perception.finish()
    return sink.opened_events[0][0], sink.closed_events[0][0]


def test_an_event_is_tagged_with_what_it_shows() -> None:
    """From its first alert on; what is not there is no tag."""
    opened, closed = visited(VOCABULARY, "person")

    assert opened.labels == ("a person",)
    assert closed.labels == ("a person",)


def test_of_the_words_for_one_thing_only_one_is_told() -> None:
    """An old man is a person: both would say the same thing twice."""
    assert len(visited(VOCABULARY, "person")[1].labels) == 1
    assert visited(("an old man", "a car"), "person")[1].labels == ("an old man",)


def test_an_empty_vocabulary_tags_nothing() -> None:
    """Off is off, and events come all the same."""
    assert visited((), "person")[1].labels == ()


def test_a_label_that_cannot_be_embedded_is_left_out_and_told() -> None:
    """The other labels and the triggers go on."""
    with capture_logs() as logs:
        _, closed = visited(("an unspeakable person", "an infinite person", "a person"), "person")

    assert closed.labels == ("a person",)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["label_left_out"] * 2
