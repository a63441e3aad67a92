from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import ConfigError, StoreError
from vidsense_daemon.store.lock import StateLock

HOLDER = """
import sys
from pathlib import Path
from vidsense_daemon.store.lock import StateLock
lock = StateLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_daemon_on_the_same_folder_is_told_who_is_there(tmp_path: Path) -> None:
    with StateLock(tmp_path), pytest.raises(ConfigError, match=f"as process {os.getpid()}: stop it first"):
        StateLock(tmp_path)


def test_a_state_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A file in its place, a disk that was mounted read-only: the operator reads which folder, and where to move it."""
    in_its_place = tmp_path / "state"
    in_its_place.write_text("")

    with pytest.raises(StoreError, match=r"state cannot be used: File exists; .* VIDSENSE_STATE_DIR"):
        StateLock(in_its_place)


def test_a_goodbye_is_remembered(tmp_path: Path) -> None:
    StateLock(tmp_path).release()
    with StateLock(tmp_path) as second:
        assert not second.after_unclean_exit


def test_a_killed_daemon_leaves_no_lock_but_is_noticed(tmp_path: Path) -> None:
    """The kernel takes the lock back, and the next start checks the database first."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate(timeout=10)

    with StateLock(tmp_path) as next_one:
        assert next_one.after_unclean_exit
