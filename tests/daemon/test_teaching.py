"""The thread `feedback`: verdicts in the database become heads, whoever wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perception.lessons import cats_and_people
from store.scenes import NOON, event, window
from structlog.testing import capture_logs

from vidsense_daemon.daemon.backends import resolved_cameras
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.daemon.teaching import Teaching
from vidsense_daemon.settings.load import parse
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.store.feedback import FeedbackStore


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = Storage(tmp_path)
    yield opened
    opened.close()


def watching(**trigger: Any) -> list[ResolvedCamera]:
    """The camera `door`, which looks for a visitor."""
    config = {
        "cameras": {"door": {"url": "rtsp://192.168.1.10/", "triggers": ["visitor"]}},
        "triggers": {"visitor": {"prompt": "a person", **trigger}},
    }
    return resolved_cameras(parse(json.dumps(config), source="test", environ={}))


def teach(storage: Storage, *, pairs: int = 6) -> FeedbackStore:
    """Events of cats and of people, hours apart, each called what it was: in another process, as it were."""
    feedback = FeedbackStore(storage.database, given_by="cli")
    for one in cats_and_people(pairs):
        happened = replace(
            event(one.event_id, camera=one.camera, trigger=one.trigger),
            prompt=one.prompt,
            encoder="colours",
            look=one.look,
        )
        storage.events.opened(happened, None, window(camera=one.camera))
        feedback.give(one.event_id, verdict=one.verdict, note="", now=NOON)
    return feedback


def teaching(
    storage: Storage, cameras: list[ResolvedCamera] | None = None, *, encoder: str | None = "colours"
) -> Teaching:
    cameras = watching() if cameras is None else cameras
    return Teaching(storage, cameras=lambda: cameras, encoder=lambda: encoder)


def test_a_verdict_given_elsewhere_counts_within_a_moment(storage: Storage) -> None:
    """The sixth pair of verdicts comes from the command line: the next look at the database learns of it."""
    taught = teaching(storage)
    taught.refresh()
    assert taught.head_of("door", "visitor") is None

    teach(storage)
    with capture_logs() as logs:
        assert taught.refresh()
        assert not taught.refresh()

    assert taught.head_of("door", "visitor") is not None
    assert [(line["event"], line["live"]) for line in logs] == [("feedback_tried", True)]
    assert "spared 6 of 6" in logs[0]["reason"]


def test_switched_off_it_does_not_count_and_switched_on_it_does_again(storage: Storage) -> None:
    """`--off` rolls back at once and forgets nothing."""
    feedback, taught = teach(storage), teaching(storage)
    taught.refresh()
    feedback.switch("door", "visitor", on=False, now=NOON)
    taught.refresh()
    (learned,) = taught.learned()
    assert taught.head_of("door", "visitor") is None
    assert (learned.trial.goes_live, learned.state) == (True, "off, by `vidsense triggers feedback visitor --off`")

    feedback.switch("door", "visitor", on=True, now=NOON)
    taught.refresh()
    assert taught.head_of("door", "visitor") is not None


@pytest.mark.parametrize(
    ("trigger", "said"),
    [({"feedback": {"enabled": False}}, "off, by `feedback.enabled`"), ({"feedback": {"min_bad": 7}}, "not live")],
)
def test_the_configuration_decides_what_may_count(storage: Storage, trigger: dict[str, Any], said: str) -> None:
    teach(storage)
    taught = teaching(storage, watching(**trigger))
    taught.refresh()

    assert taught.head_of("door", "visitor") is None
    assert taught.learned()[0].state.startswith(said)


@pytest.mark.parametrize("changed", ["encoder", "sentence"])
def test_verdicts_on_what_was_seen_in_another_way_are_left_out_in_one_line(storage: Storage, changed: str) -> None:
    """After a change of the encoder or of the sentence nothing old counts; the log says so once, not every second."""
    teach(storage)
    cameras = watching(prompt="a dog") if changed == "sentence" else watching()
    taught = teaching(storage, cameras, encoder="colours" if changed == "sentence" else "clip")
    with capture_logs() as logs:
        taught.refresh()
        teach_one_more(storage)
        taught.refresh()

    lines = [line for line in logs if line["event"] == "feedback_left_out"]
    assert [line["verdicts"] for line in lines] == [12]
    assert taught.head_of("door", "visitor") is None


def teach_one_more(storage: Storage) -> None:
    """A verdict that changes nothing for this trigger."""
    storage.events.opened(event("99-z"), None, window())
    FeedbackStore(storage.database, given_by="cli").give("99-z", verdict="good", note="", now=NOON)


def test_nothing_is_learned_before_the_encoder_is_there(storage: Storage) -> None:
    teach(storage)
    assert not teaching(storage, encoder=None).refresh()
