"""One clip, explained once for all tests that only look at the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from vidsense_daemon.explain import Explanation, Instruments, explain_clip

from .fakes import NOON, BlockEncoder

QUERIES = ("a person", "a <b>car</b> & more")  # the second is what a page must not take for its own


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Windows of 16 numbers are not worth a second processor; on a busy machine waiting for it takes seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def explained(clips: Path) -> Explanation:
    return explain_clip(
        clips / "yard.mp4",
        queries=QUERIES,
        instruments=Instruments(encoder=BlockEncoder(), lens_note="blocks cannot be looked into"),
        camera="yard",
        started_at=NOON,
    )
