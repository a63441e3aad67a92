"""The copy that is made before a schema is changed: the older program's way back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_OK, ConfigError, StoreError
from vidsense_daemon.cli.main import main
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.store.before_upgrade import copy_before_upgrade
from vidsense_daemon.store.lock import StateLock
from vidsense_daemon.store.upgrade import current_revision, head_revision, upgrade

pytestmark = pytest.mark.usefixtures("logging_as_before")

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A state folder with a database of the first version."""
    upgrade(f"sqlite:///{tmp_path / 'vidsense.db'}", revision="0001")
    return tmp_path


def copies(folder: Path) -> list[Path]:
    return sorted((folder / "backups").glob("before-upgrade-*.db"))


def test_the_daemon_copies_an_old_database_before_it_upgrades_it(old: Path) -> None:
    """The copy is the old one, whole and readable by its owner only; the database is the new one."""
    Storage(old).close()

    [copy] = copies(old)
    assert current_revision(copy) == "0001"
    assert copy.name.endswith("-from-0001.db")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert current_revision(old / "vidsense.db") == head_revision()


def test_what_is_current_is_not_copied(old: Path) -> None:
    """A restart is no upgrade; nor is a beginning."""
    Storage(old).close()
    Storage(old).close()
    Storage(old / "fresh").close()

    assert len(copies(old)) == 1
    assert copies(old / "fresh") == []


def test_an_older_program_that_is_started_again_and_again_keeps_the_copy_that_it_needs(old: Path) -> None:
    """Somebody goes back to the older version before the copy is put back: each start is refused and copies nothing."""
    Storage(old).close()
    [copy] = copies(old)
    with closing(sqlite3.connect(old / "vidsense.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    for _ in range(3):
        with pytest.raises(ConfigError, match="from a newer Vidsense"):
            Storage(old)

    assert copies(old) == [copy]


def test_the_copy_takes_what_still_waits_in_the_wal(old: Path) -> None:
    """A daemon that was killed left its last commits beside the database."""
    with closing(sqlite3.connect(old / "vidsense.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE late (x)")
        connection.execute("INSERT INTO late VALUES (7)")
        connection.commit()

        copy = copy_before_upgrade(f"sqlite:///{old / 'vidsense.db'}", old / "backups", _NOW)

    assert copy
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT x FROM late").fetchone() == (7,)


def test_only_the_last_copies_are_kept(old: Path) -> None:
    """Two; the nightly backups are counted apart."""
    for day in range(4):
        copy_before_upgrade(f"sqlite:///{old / 'vidsense.db'}", old / "backups", _NOW + timedelta(days=day))

    assert [path.name[15:23] for path in copies(old)] == ["20260303", "20260304"]


def test_without_a_copy_there_is_no_upgrade(old: Path) -> None:
    """Where the copy cannot be written, the database stays as it is, and the reason is told."""
    (old / "backups").write_text("a file where the folder should be")

    with pytest.raises((StoreError, OSError)):
        Storage(old)

    assert current_revision(old / "vidsense.db") == "0001"


def test_the_command_copies_too(old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`vidsense db upgrade` says where the copy lies, once: what the parts log is not among its answer."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(old))

    assert main(["db", "upgrade"]) == EXIT_OK

    said = capsys.readouterr().out
    assert said.count(str(copies(old)[0])) == 1
    assert f"at revision {head_revision()}" in said


def test_nobody_upgrades_under_a_daemon_that_runs(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older daemon would go on writing into tables that are no more."""
    monkeypatch.setenv("VIDSENSE_STATE_DIR", str(old))

    with StateLock(old):
        assert main(["db", "upgrade"]) == EXIT_CONFIG

    assert "already runs" in capsys.readouterr().err
    assert current_revision(old / "vidsense.db") == "0001"
