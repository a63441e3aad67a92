"""A stored event, explained with the operator's settings: the real encoder, the real database, a real HTTP server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from description.fake_ollama import MODEL, FakeOllama
from explain.fakes import NOON, stored_event
from perception.fakes import embedded

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.daemon.explaining import Explaining, Wish
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import EventStill
from vidsense_daemon.domain.frames import Still
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.settings.load import parse
from vidsense_daemon.settings.schema import Settings

WISH = Wish(queries=(), frames=3, asks_model=False)


@pytest.fixture(scope="module")
def ollama() -> Iterator[FakeOllama]:
    with FakeOllama() as fake:
        yield fake


@pytest.fixture(scope="module")
def settings(ollama: FakeOllama) -> Settings:
    text = json.dumps(
        {
            "cameras": {"yard": {"url": "/dev/video0", "triggers": ["person"]}},
            "triggers": {"person": {"prompt": "a person"}},
            "encoder": {"backend": "builtin", "threads": 1, "runtime": "torch"},
            "describer": {"backend": "ollama", "url": ollama.url, "model": MODEL},
        }
    )
    return parse(text, source="the test")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    storage = Storage(tmp_path_factory.mktemp("explaining") / "state")
    yield storage
    storage.close()


@pytest.fixture(scope="module")
def explaining(settings: Settings, storage: Storage) -> Explaining:
    return Explaining(settings, state_dir=storage.state_dir, storage=storage)


def keep(storage: Storage, folder: Path, *, encoder: str, number: int, toward: int) -> str:
    """Store an event of an hour ``number``, whose window points along axis ``toward``; its id."""
    at = NOON + timedelta(hours=number)
    record = stored_event(folder, event_id=f"{1893499200000 + number}-abcdef")
    event = replace(record.event, encoder=encoder, started_at=at, ended_at=at + timedelta(seconds=3))
    stills = [
        EventStill(Still(Path(each.path).read_bytes(), 160, 90, at, None), each.role, 1.0) for each in record.stills
    ]
    whole = np.eye(512, dtype=np.float32)[toward]
    frame = embedded(
        at_s=0.0, run_id=f"run-{number}", camera="yard", captured_at=at, whole=whole, whole_background=None
    )
    event = replace(event, run_id=f"run-{number}")
    window = Window((frame,), whole[None], whole)
    storage.events.opened(event, stills[0], window)
    storage.events.closed(event, stills[1:], window)
    storage.events.flush()
    return event.id


def test_an_events_neighbours_are_those_that_look_alike(
    explaining: Explaining, storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    """Of two earlier events the one that looks alike comes first, with its time; the event itself is not among them."""
    name = explaining.encoder.name
    other = keep(storage, tmp_path, encoder=name, number=1, toward=5)
    alike = keep(storage, tmp_path, encoder=name, number=2, toward=7)
    event_id = keep(storage, tmp_path, encoder=name, number=3, toward=7)
    record = storage.archive.get(event_id)
    assert record is not None
    part = explaining.event(record, camera=settings.camera("yard"), wish=WISH)

    near = part.embeddings.neighbours
    assert [each.event_id for each in near] == [alike, other]
    assert near[0].cosine == pytest.approx(1, abs=1e-3)
    assert near[0].at == NOON + timedelta(hours=2)
    # what is installed in Ollama stands in the sixth part, and the exact encoder before its other precisions
    assert [row.name for row in part.quantization.describers] == [MODEL]
    assert part.quantization.encoders[0].name == "PyTorch fp32"
    assert part.quantization.encoders[0].cosine_least == pytest.approx(1, abs=1e-4)
    assert "no trained weights for this camera" in part.html()


def test_an_event_of_another_encoder_has_no_neighbours_here(
    explaining: Explaining, storage: Storage, tmp_path: Path
) -> None:
    """Embeddings of two encoders are never compared, and the report says which two they are."""
    event_id = keep(storage, tmp_path, encoder="another", number=9, toward=5)
    record = storage.archive.get(event_id)
    assert record is not None

    note = explaining.event(record, camera=None, wish=WISH).embeddings.neighbours_note
    assert "embedded by another" in note


def test_a_query_that_this_encoder_cannot_see_is_refused(explaining: Explaining, clips: Path) -> None:
    """As a trigger of that sentence would be."""
    with pytest.raises(PermanentError, match="cannot recognise violence"):
        explaining.clip(clips / "yard.mp4", camera=None, wish=replace(WISH, queries=("a man fighting",)))
