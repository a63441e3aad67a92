from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.store.export import COLUMNS, export_events

from .scenes import NOON, Rooms, ended, event, window, words


@pytest.fixture
def two_events(rooms: Rooms) -> Rooms:
    """One described, one still open; a summary with everything that spoils a CSV."""
    rooms.events.opened(event("1-a"), None, window(1))
    rooms.events.closed(ended(event("1-a")), [], window(2))
    rooms.descriptions.claim(NOON)
    rooms.descriptions.finish("1-a", words('A man says "hé, où?",\nthen leaves; 🚐'), NOON)
    rooms.events.opened(event("2-b", camera="yard", started_at=NOON + timedelta(hours=1)), None, window(3))
    return rooms


def exported(rooms: Rooms, form: str, **filters: object) -> bytes:
    out = io.BytesIO()
    export_events(rooms.database, out, form=form, **filters)  # type: ignore[arg-type]
    return out.getvalue()


def test_csv_reads_back_in_any_spreadsheet(two_events: Rooms) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(two_events, "csv").decode(), newline="")))

    assert tuple(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == ["1-a", "2-b"]
    assert rows[0]["summary"] == 'A man says "hé, où?",\nthen leaves; 🚐'
    assert rows[0]["started_at"] == "2026-03-14T12:00:00.000Z"
    assert rows[1]["summary"] == ""


def test_json_is_one_array_with_one_event_a_line(two_events: Rooms) -> None:
    written = exported(two_events, "json")
    first, second = json.loads(written)

    assert (first["zones"], first["pinned"], first["duration_s"]) == (["porch"], False, 4.0)
    assert second["description_status"] == "pending"
    assert len(written.splitlines()) == 4


def test_an_empty_export_is_still_whole(rooms: Rooms) -> None:
    assert json.loads(exported(rooms, "json")) == []
    assert exported(rooms, "csv").decode().strip() == ",".join(COLUMNS)


def test_parquet_has_types(two_events: Rooms) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(exported(two_events, "parquet")))

    assert table.column_names == list(COLUMNS)
    assert table.to_pylist()[0] == json.loads(exported(two_events, "json"))[0]


def test_an_export_is_limited_to_a_camera_and_a_time(two_events: Rooms) -> None:
    assert [row["id"] for row in json.loads(exported(two_events, "json", camera="yard"))] == ["2-b"]
    assert [row["id"] for row in json.loads(exported(two_events, "json", until=NOON + timedelta(hours=1)))] == ["1-a"]


def test_an_unknown_form_says_which_there_are(rooms: Rooms) -> None:
    with pytest.raises(ConfigError, match="choose csv, json, parquet"):
        exported(rooms, "xlsx")
