"""What an event's page says of its moments follows what is live for its camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from explain.fakes import DIMENSION, NOON, BlockEncoder, stored_event
from store import scenes

from vidsense_daemon.daemon.attending import EventAttention
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import EventStill
from vidsense_daemon.domain.frames import Still
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.learning.registry import Card, ModelRegistry
from vidsense_daemon.perception.foresight import Foresight
from vidsense_daemon.perception.surprise import RidgeAR
from vidsense_daemon.perception.temporal import TilePredictor


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A state folder with one closed event of four stills."""
    storage = Storage(tmp_path / "state")
    record = stored_event(tmp_path, stills=4)
    stills = [
        EventStill(Still(Path(each.path).read_bytes(), 160, 90, each.captured_at, None), each.role, 1.0)
        for each in record.stills
    ]
    window = scenes.window(camera="yard")
    storage.events.opened(record.event, stills[0], window)
    storage.events.closed(replace(record.event), stills[1:], window)
    storage.events.flush()
    return storage


def foresight() -> Foresight:
    random = np.random.default_rng(0)
    tiles = random.standard_normal((120, TILES, DIMENSION)).astype(np.float32)
    torch.manual_seed(0)
    predictor = TilePredictor(dimension=DIMENSION, heads=4).eval()
    return Foresight(RidgeAR.fit([(tiles, np.arange(120.0))], encoder=BlockEncoder.name), predictor)


def card(model_id: str) -> Card:
    at_ms = round(NOON.timestamp() * 1000)
    return Card(
        id=model_id,
        camera="yard",
        kind="transformer",
        encoder=BlockEncoder.name,
        seed=0,
        trained_at_ms=at_ms,
        begins_at_ms=at_ms,
        held_out_from_ms=at_ms,
        ends_at_ms=at_ms,
        clips=1,
        steps=1,
        error=0.1,
        ridge_error=0.2,
        persistence_error=0.3,
        incumbent=None,
        incumbent_error=None,
        feedback="",
        verdict="",
    )


def test_the_page_follows_what_goes_live(storage: Storage, tmp_path: Path) -> None:
    """All moments alike first; once a transformer is promoted, without a restart, what it looked at."""
    registry = ModelRegistry(tmp_path / "learned")
    attention = EventAttention(storage, encoder=BlockEncoder, registry=registry)
    event_id = storage.archive.find()[0].event.id

    assert [moment.weight for moment in attention.of_event(event_id)] == [0.25] * 4

    registry.add(foresight(), card("1-transformer"))
    registry.promote("yard", "1-transformer")
    learned = [moment.weight for moment in attention.of_event(event_id)]
    assert sum(learned) == pytest.approx(1)
    assert len(set(learned)) > 1
    storage.close()


def test_before_the_encoder_is_loaded_nothing_is_said(storage: Storage, tmp_path: Path) -> None:
    """Nor of an event that is not there."""
    event_id = storage.archive.find()[0].event.id
    registry = ModelRegistry(tmp_path / "learned")

    assert not EventAttention(storage, encoder=lambda: None, registry=registry).of_event(event_id)
    assert not EventAttention(storage, encoder=BlockEncoder, registry=registry).of_event("none")
    storage.close()
