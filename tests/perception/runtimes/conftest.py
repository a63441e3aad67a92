"""A tiny CLIP, and one in eight bits: made once a run, since nothing in the tests changes them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from perception.encoders.tiny_models import save_clip
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.runtimes.choosing import MeasuredRuntimes
from vidsense_daemon.perception.runtimes.gate import made_up_pictures
from vidsense_daemon.perception.runtimes.machine import Machine
from vidsense_daemon.perception.runtimes.quantizing import Calibration, quantize

PLAIN = Machine("a processor without bfloat16", frozenset({"avx2"}))
Load = Callable[..., ClipEncoder]


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture
def cache(quantized_cache: Path, tmp_path: Path) -> Path:
    """A cache folder that holds the converted graph, which takes a second to make, and nothing else."""
    return shutil.copytree(quantized_cache, tmp_path / "converted", ignore=shutil.ignore_patterns("*-int8*"))


@pytest.fixture
def load(clip_folder: Path, cache: Path) -> Load:
    """Loads the tiny CLIP with the runtimes of these settings; on a processor that never changes."""

    def load(**options: object) -> ClipEncoder:
        runtimes = MeasuredRuntimes(
            **{"cache_dir": cache, "threads": 1, "machine": PLAIN, **options}  # type: ignore[arg-type]
        )
        return ClipEncoder(str(clip_folder), threads=1, runtimes=runtimes)

    return load


@pytest.fixture(scope="session")
def quantized_cache(clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the tiny CLIP in eight bits, as `vidsense models quantize` leaves it."""
    if find_spec("nncf") is None:
        pytest.skip("NNCF is not installed")
    cache = tmp_path_factory.mktemp("quantized")
    encoder = ClipEncoder(str(clip_folder), threads=1)
    pictures = made_up_pictures(encoder.picture_px, count=48)
    quantize(
        encoder.vision,
        Calibration(pictures, ("garden", "street")),
        cache_dir=cache,
        threads=1,
        made_at="2026-11-22T12:00:00+00:00",
        say=lambda _line: None,
    )
    return cache


@pytest.fixture
def with_int8(quantized_cache: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return shutil.copytree(quantized_cache, tmp_path / "cache")
