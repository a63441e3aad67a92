"""How SQLite is opened: the pragmas and the transactions that every connection gets, migrations included.

`synchronous=FULL` because an acknowledged event must survive a power cut: measured, NORMAL lost up to 7 s of commits
and FULL none, for 4 ms a commit. `BEGIN` is ours and not the driver's: the driver begins too late (after DDL and
reads), so a kill between two statements of a migration left the first one applied.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.files import hand_over, make_private
from vidsense_daemon.store.state_folder import database_file

READS_ONLY = "vidsense_reads_only"  # execution option: such a transaction takes no write lock

# SQLite waits this long for another process's lock before it says BUSY
BUSY_TIMEOUT_S = 5.0
_PAGE_BYTES = 16 * 1024
# after a burst the write-ahead log is cut back to this size instead of staying as large as it ever was
_WAL_LIMIT_BYTES = 32 * 1024 * 1024


def database_url(state_dir: Path) -> str:
    """Where the daemon's database lies in ``state_dir``, as SQLAlchemy wants it."""
    return f"sqlite:///{database_file(state_dir.resolve())}"


def database_path(url: str) -> Path:
    """The file behind ``url``.

    Raises:
        ConfigError: it is not an SQLite file, or a folder stands in its place.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ConfigError("the database must be an SQLite file: sqlite:////absolute/path/vidsense.db")
    path = Path(parsed.database)
    if path.is_dir():  # SQLite only says that it can't open it
        raise ConfigError(
            f"{path} is a folder, and the database must be a file: move the folder away, "
            "or name another state folder in VIDSENSE_STATE_DIR"
        )
    return path


def make_engine(url: str, *, foreign_keys: bool = True, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine whose connections are durable; nothing is opened yet.

    A migration that rebuilds a table needs ``foreign_keys`` off: dropping the old one would delete what refers to it.
    """
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s})

    def set_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")

    def begin(connection: Connection) -> None:
        reads_only = connection.get_execution_options().get(READS_ONLY, False)
        connection.exec_driver_sql("BEGIN DEFERRED" if reads_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", set_pragmas)
    event.listen(engine, "begin", begin)
    return engine


def create_file(path: Path) -> None:
    """Make an empty database file that only its owner may read; its WAL takes over the same rights.

    Opening it is what fixes the mode: a umask is the whole process's, and other threads create files too.
    """
    make_private(path.parent)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    hand_over(descriptor, of=path.parent)
    os.close(descriptor)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # all are properties of the file: a window's row of 2.2 kB would fill a 4 KiB page alone (61 MB a camera-day
        # instead of 35), space that retention frees can go back to the disk, readers never block
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
