"""Where the store's own files lie in the state folder. Light: commands ask before a database is loaded at all."""

from __future__ import annotations

from pathlib import Path


def database_file(state_dir: Path) -> Path:
    """SQLite's file; its log lies beside it and is called `<name>-wal`."""
    return state_dir / "vidsense.db"


def lock_file(state_dir: Path) -> Path:
    """Held by the daemon that runs, and holds its process id."""
    return state_dir / "vidsense.lock"
