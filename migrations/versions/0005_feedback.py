"""What people say of events, and what learning from it needs: each event's clearest look.

`looks` and `feedback` refer to events without a foreign key: a verdict and the look it is about outlive the event that
retention deletes (`store/retention.py`), or a head would forget what it was taught as soon as stills get old.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE looks (
        -- the event it is of; with a verdict the row stays when retention deletes the event
        event_id TEXT NOT NULL,
        -- the camera's name in the configuration
        camera TEXT NOT NULL,
        -- the trigger's name in the configuration
        "trigger" TEXT NOT NULL,
        -- the trigger's sentence when the event opened
        prompt TEXT NOT NULL,
        -- whose space the embeddings are in
        encoder TEXT NOT NULL,
        -- when the look's newest frame was captured, UTC
        captured_at_ms INTEGER NOT NULL
            CONSTRAINT ck_looks_captured_at_ms CHECK (captured_at_ms BETWEEN 0 AND 253402300799999),
        -- its score in spreads, before feedback counted
        presence REAL NOT NULL,
        -- what the score had to exceed at that moment, in spreads
        threshold REAL NOT NULL,
        -- D float16: what was new, the crop minus the same crop of the background, mean of the present frames
        change BLOB NOT NULL,
        -- T·D float16: the window's embeddings before the temporal transformer, oldest first
        frames BLOB NOT NULL,
        -- seconds since the window's first frame, a JSON list of T
        seconds TEXT NOT NULL,
        -- which frames `change` is the mean of, a JSON list of T booleans
        present TEXT NOT NULL,
        CONSTRAINT pk_looks PRIMARY KEY (event_id)
    ) STRICT
    """,
    """
    CREATE TABLE feedback (
        -- counts up; a changed verdict gets a new one
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        -- the event judged; stays when retention deletes the event
        event_id TEXT NOT NULL,
        -- good: it was right to tell; bad: it was not
        verdict TEXT NOT NULL CONSTRAINT ck_feedback_verdict CHECK (verdict IN ('good', 'bad')),
        -- the owner's own words; may be empty
        note TEXT DEFAULT '' NOT NULL,
        -- when it was said, UTC
        given_at_ms INTEGER NOT NULL
            CONSTRAINT ck_feedback_given_at_ms CHECK (given_at_ms BETWEEN 0 AND 253402300799999),
        -- by which way it came: cli or review
        given_by TEXT NOT NULL,
        CONSTRAINT uq_feedback_event_id UNIQUE (event_id)
    ) STRICT
    """,
    """
    CREATE TABLE feedback_off (
        -- the camera's name in the configuration
        camera TEXT NOT NULL,
        -- the trigger whose feedback shall not count there
        "trigger" TEXT NOT NULL,
        -- when its owner said so, UTC
        switched_off_at_ms INTEGER NOT NULL
            CONSTRAINT ck_feedback_off_switched_off_at_ms CHECK (switched_off_at_ms BETWEEN 0 AND 253402300799999),
        CONSTRAINT pk_feedback_off PRIMARY KEY (camera, "trigger")
    ) STRICT
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
        f.verdict, f.note AS verdict_note
    FROM events AS e
    LEFT JOIN descriptions AS d ON d.event_id = e.id
    LEFT JOIN pins AS p ON p.event_id = e.id
    LEFT JOIN feedback AS f ON f.event_id = e.id
    """,
    """
    CREATE VIEW v1_feedback AS
    SELECT f.event_id, f.verdict, f.note, f.given_at_ms,
        strftime('%Y-%m-%dT%H:%M:%fZ', f.given_at_ms / 1000.0, 'unixepoch') AS given_at,
        f.given_by, coalesce(e.camera, l.camera) AS camera, coalesce(e."trigger", l."trigger") AS "trigger",
        e.id IS NOT NULL AS event_kept
    FROM feedback AS f
    LEFT JOIN events AS e ON e.id = f.event_id
    LEFT JOIN looks AS l ON l.event_id = f.event_id
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
