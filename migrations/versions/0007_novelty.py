"""Why an alarm that no trigger asks for was raised, and what it was most like."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # the comments stand inside the columns' definitions: SQLite keeps nothing else of these statements
    """
    ALTER TABLE events ADD COLUMN explanation -- why it is novelty or tamper; empty for a trigger's
        TEXT DEFAULT '' NOT NULL
    """,
    """
    ALTER TABLE events ADD COLUMN nearest_at_ms -- when the camera saw what is most like it, UTC, or NULL
        INTEGER CONSTRAINT ck_events_nearest_at_ms CHECK (nearest_at_ms BETWEEN 0 AND 253402300799999)
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
        f.verdict, f.note AS verdict_note, c.path AS clip, e.explanation, e.nearest_at_ms
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
