"""Sentences over a real database: what is found with an encoder, and what without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from perception.fakes import STARTED_AT, ColourEncoder, embedded
from store.scenes import event, words

from vidsense_daemon.daemon.searching import search_of
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.windows import Window


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """A described event at the gate, and one at the door of which nobody has said a word."""
    storage = Storage(tmp_path)
    for id_, camera, axis, at_s in (("1-gate", "gate", 5, 0.0), ("2-door", "door", 0, 3600.0)):
        at = STARTED_AT + timedelta(seconds=at_s)
        mine = replace(
            event(id_, camera=camera, started_at=at, trigger="novelty"), prompt="", encoder=ColourEncoder.name
        )
        storage.events.opened(mine, None, window(camera, axis=axis, at_s=at_s))
        storage.events.closed(
            replace(mine, ended_at=at + timedelta(seconds=2)), [], window(camera, axis=4, at_s=at_s + 2)
        )
    storage.events.flush()
    descriptions = storage.descriptions()
    descriptions.claim(STARTED_AT + timedelta(days=1))
    descriptions.finish("1-gate", words("A white van stops."), STARTED_AT + timedelta(days=1))
    yield storage
    storage.close()


def window(camera: str, *, axis: int, at_s: float) -> Window:
    looks = np.eye(16, dtype=np.float32)[axis]
    frame = embedded(0, at_s=at_s, run_id=f"run-{at_s}", camera=camera, crop=looks, moving=True)
    return Window((frame,), looks[None], looks)


def found(storage: Storage, sentence: str, *, encoder: Encoder | None, camera: str | None = None) -> dict[str, str]:
    """What found which event."""
    find = search_of(storage, encoder=encoder)
    events = find(sentence, camera=camera, since=None, until=None, limit=10)
    return {one.record.event.id: "+".join(one.by) for one in events}


def test_before_the_encoder_is_loaded_events_are_found_by_words(storage: Storage) -> None:
    """Whoever asks at the start gets what the descriptions say, at once."""
    assert found(storage, "white van", encoder=None) == {"1-gate": "words"}
    assert found(storage, "white van", encoder=None, camera="door") == {}


def test_with_an_encoder_an_event_is_found_by_what_was_seen(storage: Storage) -> None:
    """Nobody described the visitor at the door: what the window means finds them."""
    best = next(iter(found(storage, "visitor", encoder=ColourEncoder()).items()))

    assert best == ("2-door", "meaning")
