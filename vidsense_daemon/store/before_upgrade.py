"""A copy of the database as it is, made before its schema is changed: the way back from an upgrade that disappoints.

A downgrade of the schema is refused (`upgrade`), so the older program needs the older file: this one. It is a copy page
by page, since the rows are still of the older form; it is checked before the upgrade may begin.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import structlog

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.base.files import PART_SUFFIX, make_private, settle_file
from vidsense_daemon.store.engine import database_path
from vidsense_daemon.store.faults import translated
from vidsense_daemon.store.space import free_bytes
from vidsense_daemon.store.upgrade import current_revision, head_revision, integrity, is_ours, known_revisions

_KEPT = 2
_SPARE_BYTES = 50_000_000  # the upgrade itself writes, too


def copy_before_upgrade(url: str, folder: Path, now: datetime) -> Path | None:
    """Copy a database that is to be upgraded into ``folder``; none when there is nothing to upgrade.

    Raises:
        StoreError: it is damaged, or the copy can't be made; then nothing may be upgraded.
    """
    path = database_path(url)
    with translated("copying the database before its upgrade", path):
        revision = current_revision(path) if path.exists() and is_ours(path) else None
        # a newer program's is refused, not upgraded: a copy at each try would push out the very copy to go back to
        if revision is None or revision not in known_revisions() - {head_revision()}:
            return None
        make_private(folder)
        _check_room(path, folder)
        copy = folder / f"before-upgrade-{now:%Y%m%dT%H%M%SZ}-from-{revision}.db"
        _copy(path, copy)
    for old in sorted(folder.glob("before-upgrade-*.db"), reverse=True)[_KEPT:]:
        old.unlink()
    structlog.get_logger().info("database_copied_before_upgrade", path=str(copy), revision=revision)
    return copy


def _check_room(path: Path, folder: Path) -> None:
    lacking_bytes = path.stat().st_size + _SPARE_BYTES - free_bytes(folder)
    if lacking_bytes > 0:
        raise StoreError(
            f"the upgrade of {path} begins with a copy of it in {folder}, and {lacking_bytes / 1e6:.0f} MB are missing "
            "there: free some space and start again"
        )


def _copy(path: Path, copy: Path) -> None:
    """It appears under its name only when it is complete and sound."""
    part = copy.with_name(copy.name + PART_SUFFIX)
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one plain file, without a WAL that somebody forgets
        found = integrity(part)
        if found != "ok":
            raise StoreError(f"{path} is damaged ({found}) and is not upgraded: `vidsense db restore FILE` comes first")
        settle_file(part, copy)
    finally:
        part.unlink(missing_ok=True)
