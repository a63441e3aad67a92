"""What becomes of a write when the file, the disk or another program stands in the way: real faults, no fakes."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import ConfigError, TransientError
from vidsense_daemon.store.database import Database, open_database
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.faults import DatabaseFaultError, Fault
from vidsense_daemon.store.space import SpaceReserve
from vidsense_daemon.store.upgrade import status

from .scenes import NOON, Rooms, event, open_rooms, still, window

_TESTS = Path(__file__).parents[1]  # where the process finds these tests' scenes

# a file system of 4 MiB of one's own, inside which the disk is really full and really read-only
SMALL_DISK = textwrap.dedent(
    """
    import os, subprocess, sys
    from pathlib import Path
    from store.scenes import event, open_rooms, still, window
    from vidsense_daemon.store.database import open_database
    from vidsense_daemon.store.faults import DatabaseFaultError
    from vidsense_daemon.store.space import SpaceReserve
    from vidsense_daemon.store.upgrade import status

    disk = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    reserve = SpaceReserve(disk / "reserve", size_bytes=512 * 1024)
    print("reserve taken:", reserve.ensure())
    rooms = open_rooms(disk, reserve=reserve)

    def try_to_store(number):
        try:
            rooms.events.opened(event(f"{number}-e"), still(), window(number))
        except DatabaseFaultError as error:
            return error.fault.value
        return "stored"

    def fill():
        with open(disk / f"filler", "ab", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                pass

    number = 0
    fill()
    print("with the reserve:", try_to_store(number), reserve.release())
    fill()
    while try_to_store(number) == "stored":
        number += 1
        fill()
    print("without:", try_to_store(number))
    print("readable:", len(rooms.archive.find(limit=1000)) == number)
    (disk / "filler").unlink()
    print("after space was freed:", try_to_store(number), status(rooms.database.url).integrity)
    print("reserve taken again:", reserve.ensure())
    rooms.close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        open_rooms(disk)
    except DatabaseFaultError as error:
        print("read-only:", error.fault.value)
    """
)


def test_events_outlive_a_full_disk_and_a_read_only_one(tmp_path: Path) -> None:
    """The reserve takes the events of the first minutes; after that each call says that it was not stored.

    Nothing is damaged, everything stays readable, and once there is space, or the mount is mended, it goes on.
    """
    said = _in_a_namespace_of_its_own(SMALL_DISK, tmp_path)

    assert said == [
        "reserve taken: True",
        "with the reserve: stored False",
        "without: full",
        "readable: True",
        "after space was freed: stored ok",
        "reserve taken again: True",
        "read-only: read_only",
    ]


def test_a_write_waits_for_another_program_and_then_says_what_holds_it_up(tmp_path: Path) -> None:
    """A tool that sits on the write lock: the error passes as soon as the tool is closed."""
    open_database(database_url(tmp_path)).close()
    database = Database(database_url(tmp_path), busy_limit_s=0)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError, match="another program holds its write lock") as caught:
            database.write(lambda connection: connection.exec_driver_sql("DELETE FROM garbage"))

    assert isinstance(caught.value, DatabaseFaultError)
    assert caught.value.fault is Fault.LOCKED
    database.write(lambda connection: connection.exec_driver_sql("DELETE FROM garbage"))
    database.close()


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_nothing_is_acknowledged_into_a_file_that_is_gone(rooms: Rooms, how: str) -> None:
    """Somebody deletes or replaces the database under the daemon: an open file would take the writes to nowhere."""
    rooms.database.path.rename(rooms.state_dir / "moved")
    if how == "replaced":
        shutil.copy(rooms.state_dir / "moved", rooms.database.path)

    with pytest.raises(DatabaseFaultError, match="restart the daemon") as caught:
        rooms.events.opened(event(), None, window())
    assert caught.value.fault is Fault.GONE
    assert not isinstance(caught.value, TransientError)


def test_a_damaged_header_is_found_when_it_is_opened(tmp_path: Path) -> None:
    _full_of_events(tmp_path)
    _overwrite(tmp_path / "vidsense.db", at=0)

    with pytest.raises(DatabaseFaultError, match="vidsense db restore") as caught:
        open_database(database_url(tmp_path))
    assert caught.value.fault is Fault.CORRUPT


def test_a_damaged_page_is_found_at_the_start_after_a_kill(tmp_path: Path) -> None:
    """SQLite goes on writing into such a file without a word; so the start after an unclean exit reads all of it."""
    _full_of_events(tmp_path)
    _overwrite(tmp_path / "vidsense.db", at=20 * 4096)

    assert status(database_url(tmp_path)).integrity != "ok"
    with pytest.raises(DatabaseFaultError) as caught:
        open_database(database_url(tmp_path), after_unclean_exit=True)
    assert caught.value.fault is Fault.CORRUPT


def test_a_database_must_be_a_file() -> None:
    with pytest.raises(ConfigError, match="must be an SQLite file"):
        open_database("sqlite:///:memory:")


def test_a_folder_in_the_databases_place_is_called_a_folder(tmp_path: Path) -> None:
    """A container that mounts a volume which is not there makes a folder: nothing is wrong with the disk."""
    (tmp_path / "vidsense.db").mkdir()

    with pytest.raises(ConfigError, match=r"vidsense\.db is a folder, and the database must be a file: move"):
        open_database(database_url(tmp_path))


def test_a_reserve_is_real_space_and_is_given_up_once(tmp_path: Path) -> None:
    reserve = SpaceReserve(tmp_path / "reserve", size_bytes=1024 * 1024)
    assert reserve.ensure()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 1024 * 1024

    assert reserve.release()
    assert not reserve.release()


def _in_a_namespace_of_its_own(script: str, disk: Path) -> list[str]:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system of one's own")
    command = [unshare, "-rm", sys.executable, "-c", script, str(disk)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=18, cwd=_TESTS)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if ":" in line and not line.startswith("20")]


def _full_of_events(state_dir: Path) -> None:
    rooms = open_rooms(state_dir)
    for number in range(60):
        rooms.events.opened(event(f"{number}-e", started_at=NOON), still(), window(number))
    rooms.close()


def _overwrite(path: Path, *, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 4096)
