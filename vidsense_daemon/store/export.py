"""`vidsense events export`: the view `v1_events` as CSV, JSON or Parquet, for other people's tools.

The columns are those that docs/schema.md promises. Rows are read and written as they come, so that a year of events
needs no more memory than a day. Parquet needs pyarrow, which is not installed with the daemon.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

from sqlalchemy import text

from vidsense_daemon.base.clock import END_OF_TIME_MS, to_ms
from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.store.database import Database

COLUMNS = (
    "id",
    "camera",
    "trigger",
    "prompt",
    "severity",
    "source",
    "state",
    "started_at_ms",
    "ended_at_ms",
    "started_at",
    "ended_at",
    "duration_s",
    "score",
    "encoder",
    "zones",
    "pinned",
    "stills",
    "description_status",
    "description_backend",
    "description_model",
    "summary",
    "verdict",
    "verdict_note",
    "clip",
    "explanation",
    "nearest_at_ms",
)
_INTEGERS = {"started_at_ms", "ended_at_ms", "stills", "nearest_at_ms"}
_REALS = {"duration_s", "score"}
_ROWS_A_BATCH = 5_000

Rows = Iterator[dict[str, Any]]


def export_events(
    database: Database,
    out: BinaryIO,
    *,
    form: str,
    camera: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Write events that began in ``since`` ≤ t < ``until``, oldest first, to ``out``; how many.

    Raises:
        ConfigError: ``form`` is not csv, json or parquet, or Parquet is wanted and pyarrow is not installed.
    """
    if form not in _FORMS:
        raise ConfigError(f"events can't be exported as {form!r}: choose {', '.join(_FORMS)}")
    return _FORMS[form](_rows(database, camera, since, until), out)


def _rows(database: Database, camera: str | None, since: datetime | None, until: datetime | None) -> Rows:
    columns = ", ".join(f'"{column}"' for column in COLUMNS)
    query = text(
        f"SELECT {columns} FROM v1_events WHERE started_at_ms >= :since AND started_at_ms < :until"  # noqa: S608
        " AND (:camera IS NULL OR camera = :camera) ORDER BY started_at_ms, id"
    )
    values = {
        "camera": camera,
        "since": 0 if since is None else to_ms(since),
        "until": END_OF_TIME_MS if until is None else to_ms(until),
    }
    with database.read() as connection:
        rows = connection.execution_options(yield_per=_ROWS_A_BATCH).execute(query, values)
        for row in rows.mappings():
            found = dict(row)
            found["zones"] = json.loads(found["zones"])
            found["pinned"] = bool(found["pinned"])
            yield found


def _write_csv(rows: Rows, out: BinaryIO) -> int:
    lines = io.TextIOWrapper(out, encoding="utf-8", newline="")
    writer = csv.DictWriter(lines, COLUMNS)
    writer.writeheader()
    count = 0
    for row in rows:
        writer.writerow({**row, "zones": " ".join(row["zones"]), "pinned": int(row["pinned"])})
        count += 1
    lines.flush()
    lines.detach()  # the caller's stream stays open
    return count


def _write_json(rows: Rows, out: BinaryIO) -> int:
    """One array, one event a line: whole for a parser, and readable for grep."""
    count = 0
    out.write(b"[")
    for row in rows:
        out.write(b",\n" if count else b"\n")
        out.write(json.dumps(row, ensure_ascii=False).encode())
        count += 1
    out.write(b"\n]\n")
    return count


def _write_parquet(rows: Rows, out: BinaryIO) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ConfigError("Parquet needs pyarrow: `pip install 'vidsense-daemon[parquet]'`, or export as csv") from None
    kinds = {"zones": pa.list_(pa.string()), "pinned": pa.bool_()}
    kinds |= dict.fromkeys(_INTEGERS, pa.int64()) | dict.fromkeys(_REALS, pa.float64())
    schema = pa.schema([(column, kinds.get(column, pa.string())) for column in COLUMNS])
    count = 0
    with parquet.ParquetWriter(out, schema) as writer:
        while batch := list(islice(rows, _ROWS_A_BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


_FORMS: dict[str, Callable[[Rows, BinaryIO], int]] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}
