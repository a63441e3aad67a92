"""The real networks, loaded once a run: each takes a second, and nothing in the tests changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.encoders.minilm import MiniLM


@pytest.fixture(scope="session")
def weights_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="session")
def builtin_encoder(weights_cache: Path) -> BuiltinEncoder:
    return BuiltinEncoder(cache_dir=weights_cache, threads=1)


@pytest.fixture(scope="session")
def language() -> MiniLM:
    return MiniLM()
