"""Create, upgrade and look at the database's schema: `vidsense db upgrade|status`, and every start of the daemon.

All pending migrations run in one transaction that takes the write lock first: a kill in the middle applies nothing,
two programs never migrate at once, and the next start simply does it again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import vidsense_daemon
from vidsense_daemon.base.errors import ConfigError, StoreError
from vidsense_daemon.store.engine import create_file, database_path, make_engine
from vidsense_daemon.store.faults import translated
from vidsense_daemon.store.tables import APPLICATION_ID


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """What `vidsense db status` prints."""

    path: Path
    revision: str | None  # of the file; none when it holds no schema yet
    head: str  # what this program wants
    integrity: str  # "ok", or what SQLite found
    size_bytes: int

    @property
    def is_current(self) -> bool:
        return self.revision == self.head


class _Content(Enum):
    """What lies where the database should be."""

    NOTHING = auto()  # no file, or one without any table
    OURS = auto()
    FOREIGN = auto()  # somebody else's SQLite file


def upgrade(url: str, *, media_dir: Path | None = None, revision: str = "head") -> str | None:
    """Bring the database to this program's schema, creating it when there is none; the revision reached.

    An earlier ``revision`` than the head makes an old database, for tests of the way up from it.

    Raises:
        StoreError: it can't be read or written, or it is gone although ``media_dir`` still holds its stills.
        ConfigError: the file is not ours, or a newer program made it.
    """
    path = database_path(url)
    with translated("opening the database", path):
        content = _content(path)
        if content is _Content.NOTHING:
            _refuse_to_replace(path, media_dir)
            create_file(path)
        _check_is_ours(path, content)
        _check_is_not_newer(path)
        _migrate(url, revision)
        return current_revision(path)


def status(url: str) -> DatabaseStatus:
    """Revision, size and integrity; reads the whole file.

    Raises:
        StoreError: there is no database, or it can't be read.
    """
    path = database_path(url)
    with translated("reading the database", path):
        content = _content(path)
        if content is _Content.NOTHING:
            raise StoreError(f"there is no database at {path}; `vidsense run` or `vidsense db upgrade` makes one")
        _check_is_ours(path, content)
        return DatabaseStatus(path, current_revision(path), head_revision(), integrity(path), path.stat().st_size)


def integrity(path: Path) -> str:
    """Say "ok", or the first things that SQLite's quick check found wrong."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("PRAGMA quick_check(10)").fetchall()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "; ".join(str(row[0]) for row in rows)


def check_is_current(url: str) -> None:
    """Make sure that this program and the database speak the same schema, without changing anything.

    Raises:
        StoreError: there is no database.
        ConfigError: it is older, newer or not ours.
    """
    path = database_path(url)
    with translated("opening the database", path):
        content = _content(path)
        if content is _Content.NOTHING:
            raise StoreError(f"there is no database at {path} yet; start the daemon once with `vidsense run`")
        _check_is_ours(path, content)
        _check_is_not_newer(path)
        if current_revision(path) != head_revision():
            raise ConfigError(f"the database {path} is from an older Vidsense: run `vidsense db upgrade`")


def is_ours(path: Path) -> bool:
    """Whether the file holds our tables; false for a damaged header too."""
    try:
        return _content(path) is _Content.OURS
    except sqlite3.DatabaseError:
        return False


def head_revision() -> str:
    """The newest migration that this program carries."""
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    if head is None:
        raise StoreError("this installation carries no migrations; install vidsense-daemon again")
    return head


def known_revisions() -> set[str]:
    """All migrations that this program carries."""
    return {script.revision for script in ScriptDirectory.from_config(_alembic_config()).walk_revisions()}


def current_revision(path: Path) -> str | None:
    """The migration that the file is at; none before the first."""
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _content(path: Path) -> _Content:
    if not path.exists():
        return _Content.NOTHING
    with closing(sqlite3.connect(path)) as connection:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0:
        return _Content.NOTHING
    return _Content.OURS if application_id == APPLICATION_ID else _Content.FOREIGN


class DatabaseLostError(StoreError):
    """There is no database where one must have been."""


def _refuse_to_replace(path: Path, media_dir: Path | None) -> None:
    """An empty file passes SQLite's own checks: what tells a lost database from a new one are its stills."""
    if media_dir is not None and next(media_dir.glob("**/*.jpg"), None) is not None:
        raise DatabaseLostError(
            f"the database {path} is gone or empty, but {media_dir} still holds its stills: restore the last backup "
            f"with `vidsense db restore`, or move {media_dir} away to begin anew"
        )


def _check_is_ours(path: Path, content: _Content) -> None:
    if content is _Content.FOREIGN:
        raise ConfigError(f"{path} is another program's SQLite database: choose another state folder")


def _check_is_not_newer(path: Path) -> None:
    revision = current_revision(path)
    if revision is not None and revision not in known_revisions():
        raise ConfigError(f"the database {path} is from a newer Vidsense (schema {revision}): upgrade the program")


def _migrate(url: str, revision: str) -> None:
    engine = make_engine(url, foreign_keys=False)
    try:
        with engine.begin() as connection:
            config = _alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if orphans:
                raise StoreError(f"the upgrade would leave {len(orphans)} rows without what they refer to: not applied")
    finally:
        engine.dispose()


def _alembic_config() -> Config:
    config = Config()
    # ConfigParser would read a % in the path as an interpolation
    config.set_main_option("script_location", str(_migrations_dir()).replace("%", "%%"))
    return config


def _migrations_dir() -> Path:
    """Inside the package when installed from a wheel, beside it in a checkout or an editable install."""
    package = Path(vidsense_daemon.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"
