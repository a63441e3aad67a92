"""Folders and files that nobody else on the machine may look into."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vidsense_daemon.base.files import make_private, replace_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def _usual_umask() -> object:
    """What most accounts have: everybody may look."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_usual_umask")
def test_folders_on_the_way_are_as_closed_as_the_last_one(tmp_path: Path) -> None:
    """A cache that is written before the first run makes the state folder, with what cameras saw in it later."""
    replace_file(tmp_path / "state" / "cache" / "texts", b"")

    assert [mode(tmp_path / "state"), mode(tmp_path / "state" / "cache")] == [0o700, 0o700]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_what_root_makes_in_the_services_folder_is_the_services(tmp_path: Path) -> None:
    """`sudo vidsense check` before the first start must not shut the service out of its own cache."""
    nobody = 65534
    os.chown(tmp_path, nobody, nobody)

    replace_file(tmp_path / "cache" / "texts", b"")

    assert [path.stat().st_uid for path in (tmp_path / "cache", tmp_path / "cache" / "texts")] == [nobody] * 2


def test_a_folder_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    """Its owner may have opened it to a group on purpose."""
    tmp_path.chmod(0o750)

    make_private(tmp_path / "state")

    assert mode(tmp_path) == 0o750
