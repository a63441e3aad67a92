"""Clips of events, and what a person has switched off for now."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE clips (
        -- the event it shows
        event_id TEXT NOT NULL,
        -- of the MP4 file, relative to the media folder
        path TEXT NOT NULL,
        -- when its first picture arrived, UTC: some seconds before the event
        started_at_ms INTEGER NOT NULL
            CONSTRAINT ck_clips_started_at_ms CHECK (started_at_ms BETWEEN 0 AND 253402300799999),
        -- how long it plays
        duration_s REAL NOT NULL,
        -- size of the file
        bytes INTEGER NOT NULL,
        -- of the file, in hexadecimal
        sha256 TEXT NOT NULL,
        CONSTRAINT pk_clips PRIMARY KEY (event_id),
        CONSTRAINT fk_clips_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE,
        CONSTRAINT uq_clips_path UNIQUE (path)
    ) STRICT
    """,
    """
    CREATE TABLE switched_off (
        -- the camera's name in the configuration
        camera TEXT NOT NULL,
        -- the trigger that makes no events there
        "trigger" TEXT NOT NULL,
        -- when somebody switched it off, UTC
        switched_off_at_ms INTEGER NOT NULL
            CONSTRAINT ck_switched_off_switched_off_at_ms CHECK (switched_off_at_ms BETWEEN 0 AND 253402300799999),
        CONSTRAINT pk_switched_off PRIMARY KEY (camera, "trigger")
    ) STRICT
    """,
    """
    CREATE TABLE snoozes (
        -- the camera's name in the configuration
        camera TEXT NOT NULL,
        -- until then nobody is told of its events, UTC
        until_ms INTEGER NOT NULL
            CONSTRAINT ck_snoozes_until_ms CHECK (until_ms BETWEEN 0 AND 253402300799999),
        CONSTRAINT pk_snoozes PRIMARY KEY (camera)
    ) STRICT
    """,
    """
    CREATE VIEW v1_clips AS
    SELECT event_id, path, started_at_ms,
        strftime('%Y-%m-%dT%H:%M:%fZ', started_at_ms / 1000.0, 'unixepoch') AS started_at,
        duration_s, bytes
    FROM clips
    """,
    "DROP VIEW v1_events",
    """
    CREATE VIEW v1_events AS
    SELECT
        e.id, e.camera, e."trigger", e.prompt, e.severity, e.source, e.state,
        e.started_at_ms, e.ended_at_ms,
        strftime('%Y-%m-%dT%H:%M:%fZ', e.started_at_ms / 1000.0, 'unixepoch') AS started_at,
        strftime('%Y-%m-%dT%H:%M:%fZ', e.ended_at_ms / 1000.0, 'unixepoch') AS ended_at,
        (e.ended_at_ms - e.started_at_ms) / 1000.0 AS duration_s, e.score, e.encoder, e.zones,
        p.event_id IS NOT NULL AS pinned,
        (SELECT count(*) FROM stills AS s WHERE s.event_id = e.id) AS stills,
        d.status AS description_status, d.backend AS description_backend, d.model AS description_model, d.summary,
        f.verdict, f.note AS verdict_note, c.path AS clip
    FROM events AS e
    LEFT JOIN descriptions AS d ON d.event_id = e.id
    LEFT JOIN pins AS p ON p.event_id = e.id
    LEFT JOIN feedback AS f ON f.event_id = e.id
    LEFT JOIN clips AS c ON c.event_id = e.id
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
