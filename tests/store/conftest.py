"""A store on a fresh folder for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .scenes import Rooms, open_rooms


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    """Everything of the store; the hook "phone" is owed every event."""
    opened = open_rooms(tmp_path / "state")
    yield opened
    opened.close()
