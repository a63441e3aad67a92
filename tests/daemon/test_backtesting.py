"""A trigger tried on a real database: its windows, its events, and what it answers to the review pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from perception.fakes import STARTED_AT, ColourEncoder, embedded
from store.scenes import event

from vidsense_daemon.base.errors import PermanentError, TransientError
from vidsense_daemon.daemon.backtesting import Backtests
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.windows import EmbeddedFrame, Window

SINCE, UNTIL = STARTED_AT - timedelta(days=1), STARTED_AT + timedelta(days=1)


def window(at_s: float, camera: str = "door") -> Window:
    """A person has come into the crop, ``at_s`` after noon."""
    crop, background = np.eye(16, dtype=np.float32)[[0, 3]]
    frame: EmbeddedFrame = embedded(
        0, at_s=at_s, run_id=f"run-{at_s}", camera=camera, crop=crop, crop_background=background, moving=True
    )
    return Window((frame,), crop[None], crop)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """Two visits, one of them an event; and windows of another encoder."""
    storage = Storage(tmp_path)
    visit = replace(
        event("1-visit", camera="door", started_at=STARTED_AT + timedelta(seconds=598)), encoder=ColourEncoder.name
    )
    storage.events.opened(visit, None, window(600))
    storage.events.closed(replace(visit, ended_at=STARTED_AT + timedelta(seconds=604)), [], window(604))
    storage.windows.add(window(0), ColourEncoder.name)
    storage.windows.add(window(60, "garden"), ColourEncoder.name)
    storage.windows.add(window(3600), "another")
    storage.windows.flush()
    yield storage
    storage.close()


def backtests(storage: Storage, backend: str = "clip") -> Backtests:
    return Backtests(storage, lambda: (ColourEncoder(), backend))


def test_firings_carry_the_event_that_was_stored_at_that_time(storage: Storage) -> None:
    """Its stills show what was there; where no event was, none is named."""
    found = backtests(storage).run(
        prompt="a person at the gate", contrast=["an empty gate"], camera="door", since=SINCE, until=UNTIL
    )

    assert [firing.event_id for firing in found.firings] == [None, "1-visit"]
    assert found.threshold == 1.5
    assert found.windows == 3


def test_of_several_events_nearby_the_one_that_began_next_to_it_is_named(storage: Storage) -> None:
    """Cars that pass seconds apart: each firing has the stills of its own."""
    following = event("2-next", camera="door", started_at=STARTED_AT + timedelta(seconds=607))
    storage.events.opened(replace(following, run_id="run-607", encoder=ColourEncoder.name), None, window(607))
    found = backtests(storage).run(prompt="a person", contrast=[], camera="door", since=SINCE, until=UNTIL)

    ids = {(firing.started_at - STARTED_AT).total_seconds(): firing.event_id for firing in found.firings}
    assert ids == {0.0: None, 600.0: "1-visit", 607.0: "2-next"}


def test_all_cameras_are_looked_at_unless_one_is_named(storage: Storage) -> None:
    """Oldest first, whichever camera it was."""
    found = backtests(storage).run(prompt="a person", contrast=[], camera=None, since=SINCE, until=UNTIL)

    assert [firing.camera for firing in found.firings] == ["door", "garden", "door"]


@pytest.mark.parametrize(
    ("prompt", "backend", "said"),
    [
        ("zwei Leute vor der Tür", "builtin", "reads English only"),
        ("person " * 500, "builtin", "this one has 500 words"),
        ("something unspeakable", "clip", "Put the prompt into short, plain English"),
        ("something infinite", "clip", "the vectors hold values that are no numbers"),
    ],
)
def test_a_sentence_that_the_encoder_does_not_understand_is_refused(
    storage: Storage, prompt: str, backend: str, said: str
) -> None:
    """The reason is told, and what to write instead."""
    with pytest.raises(PermanentError, match=said):
        backtests(storage, backend).run(prompt=prompt, contrast=[], camera=None, since=SINCE, until=UNTIL)


def test_before_the_encoder_is_loaded_it_says_so(storage: Storage) -> None:
    """The pages are there seconds before the weights are."""
    with pytest.raises(TransientError, match="try again in a minute"):
        Backtests(storage, lambda: None).run(prompt="a person", contrast=[], camera=None, since=SINCE, until=UNTIL)
