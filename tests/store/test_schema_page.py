"""docs/schema.md is a promise to people who open the database themselves: it has to be true and complete."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.tables import metadata
from vidsense_daemon.store.upgrade import upgrade

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"


def test_every_column_of_every_table_is_documented_in_the_words_of_the_code() -> None:
    documented = _sections()
    for table in metadata.sorted_tables:
        assert documented[table.name] == {column.name: column.comment for column in table.c}


@pytest.mark.parametrize("view", ["v1_events", "v1_feedback", "v1_stills", "v1_clips", "v1_deliveries"])
def test_a_promised_view_has_exactly_the_columns_that_are_promised(tmp_path: Path, view: str) -> None:
    """A column that disappears breaks somebody's dashboard."""
    upgrade(database_url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({view})")]

    assert columns == list(_sections()[view])


def test_the_comments_stand_in_the_file_itself(tmp_path: Path) -> None:
    """`.schema` in sqlite3 explains itself, to somebody without this repository."""
    upgrade(database_url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "vidsense.db")) as connection:
        schema = "\n".join(row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))

    missing = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.c
        if f"-- {column.comment}\n" not in schema
    ]
    assert missing == []


def _sections() -> dict[str, dict[str, str]]:
    """Heading → column → what is said of it."""
    sections: dict[str, dict[str, str]] = {}
    for part in re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        cells = [re.split(r"\s*\|\s*", line.strip("| ")) for line in body.splitlines() if line.startswith("| `")]
        sections[name] = {cell[0].strip("`"): cell[-1] for cell in cells}
    return sections
