from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from vidsense_daemon.base.errors import ConfigError, StoreError
from vidsense_daemon.store.database import open_database
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.tables import APPLICATION_ID, metadata
from vidsense_daemon.store.upgrade import head_revision, status, upgrade

from .scenes import JPEG, NOON

_MIGRATIONS = Path(__file__).parents[2] / "migrations"

# runs the migrations and kills its own process after the given number of statements
KILLED_UPGRADE = textwrap.dedent(
    """
    import os, signal, sys
    from sqlalchemy import Engine, event
    from vidsense_daemon.store.upgrade import upgrade

    left = int(sys.argv[2])

    @event.listens_for(Engine, "after_cursor_execute")
    def count_down(*_):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    upgrade(sys.argv[1])
    """
)


def test_the_migrations_build_exactly_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    """A column, a check or an index that only one of the two knows is found here and not at an operator's."""
    upgrade(database_url(tmp_path))
    engine = create_engine(f"sqlite:///{tmp_path / 'wanted.db'}")
    metadata.create_all(engine)
    engine.dispose()

    assert _schema(tmp_path / "vidsense.db") == _schema(tmp_path / "wanted.db")


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    assert upgrade(database_url(tmp_path)) == head_revision()
    before = (tmp_path / "vidsense.db").read_bytes()

    assert upgrade(database_url(tmp_path)) == head_revision()
    assert (tmp_path / "vidsense.db").read_bytes() == before


@pytest.mark.parametrize("statements", [3, 8, 13, 19, 24, 31, 38, 44])
def test_a_kill_in_the_middle_of_a_migration_applies_nothing_and_the_next_start_does_it(
    tmp_path: Path, statements: int
) -> None:
    url = database_url(tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLED_UPGRADE, url, str(statements)], check=False, timeout=20)
    assert killed.returncode == -signal.SIGKILL
    assert _schema(tmp_path / "vidsense.db") == {}

    assert upgrade(url) == head_revision()
    assert status(url).integrity == "ok"


@pytest.mark.parametrize("revision", [script.revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()])
def test_a_database_of_every_earlier_version_is_brought_up_with_its_rows(tmp_path: Path, revision: str) -> None:
    """An event of an old version is still there after the upgrade, under the same id, and is found by its words."""
    upgrade(database_url(tmp_path), revision=revision)
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection, connection:
        connection.execute(
            "INSERT INTO events (id, camera, trigger, prompt, severity, source, state, run_id, encoder, started_at_ms,"
            " ended_at_ms, started_pts_s, ended_pts_s, score, first_box, last_box, zones, stored_at_ms)"
            " VALUES ('1-a', 'yard', 'dog', 'a dog runs', 'info', 'live', 'closed', 'r', 'e',"
            " 1, 2, 0.0, 1.0, 0.5, NULL, NULL, '[]', 3)"
        )
        connection.execute("INSERT INTO descriptions (event_id, status) VALUES ('1-a', 'pending')")

    assert upgrade(database_url(tmp_path)) == head_revision()
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection:
        found = connection.execute("SELECT rowid FROM documents_fts WHERE documents_fts MATCH 'running dogs'")
        assert len(found.fetchall()) == 1
        (started_at,) = connection.execute("SELECT started_at FROM v1_events").fetchone()
        assert started_at == "1970-01-01T00:00:00.001Z"
        connection.execute(
            "INSERT INTO feedback (event_id, verdict, given_at_ms, given_by) VALUES ('1-a', 'bad', 4, 'cli')"
        )
        assert connection.execute("SELECT verdict FROM v1_events").fetchall() == [("bad",)]


def test_the_status_tells_revision_head_and_integrity(tmp_path: Path) -> None:
    url = database_url(tmp_path)
    upgrade(url)

    found = status(url)
    assert (found.revision, found.is_current, found.integrity) == (head_revision(), True, "ok")


def test_asking_for_the_status_of_no_database_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        status(database_url(tmp_path))
    with pytest.raises(StoreError, match="there is no database"):
        open_database(database_url(tmp_path), may_upgrade=False)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left_behind", ["nothing", "a file of zero bytes"])
def test_a_lost_database_is_not_silently_replaced(tmp_path: Path, left_behind: str) -> None:
    """Stills without a database: somebody deleted or emptied it, and a new one would hide that."""
    media = MediaFolder(tmp_path / "media")
    media.save(JPEG, event_id="1-a", number=0, started_at=NOON)
    if left_behind != "nothing":
        (tmp_path / "vidsense.db").touch()

    with pytest.raises(StoreError, match="restore the last backup"):
        open_database(database_url(tmp_path), media_dir=media.root)


def test_another_programs_database_is_left_untouched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    before = (tmp_path / "vidsense.db").read_bytes()

    with pytest.raises(ConfigError, match="another program's"):
        open_database(database_url(tmp_path))
    assert (tmp_path / "vidsense.db").read_bytes() == before


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """A downgrade would misread it; the message says what to do."""
    upgrade(database_url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ConfigError, match="newer Vidsense"):
        open_database(database_url(tmp_path))


def test_the_file_says_whose_it_is(tmp_path: Path) -> None:
    upgrade(database_url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_every_connection_is_durable(tmp_path: Path) -> None:
    """A power cut takes no acknowledged event: WAL with synchronous=FULL (2), on each connection."""
    database = open_database(database_url(tmp_path))
    for _ in range(3):
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def _schema(path: Path) -> dict[str, str]:
    """Each table's and index's own SQL without comments and layout."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
        ).fetchall()
    # full-text search has tables of its own that SQLAlchemy knows nothing of
    rows = [(name, sql) for name, sql in rows if not name.startswith(("alembic_", "documents_fts", "sqlite_"))]
    return {name: _plain(sql) for name, sql in rows}


def _plain(sql: str) -> str:
    words = re.sub(r"\s+", " ", re.sub(r"--.*", "", sql))
    return re.sub(r" ?([(),]) ?", r"\1", words).strip()
