"""Pinned events, full-text search over what events are called, and views that keep their shape.

The text of an event is kept by triggers and not by the program, so that whoever writes keeps the index right. The
views named v1_… are a promise to those who read the database with tools of their own: a later schema may change every
table, but v1 keeps its columns; what can't be kept gets a v2 beside it.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE pins (
        -- the event that retention never deletes
        event_id TEXT NOT NULL,
        -- when it was pinned, UTC
        pinned_at_ms INTEGER NOT NULL
            CONSTRAINT ck_pins_pinned_at_ms CHECK (pinned_at_ms BETWEEN 0 AND 253402300799999),
        CONSTRAINT pk_pins PRIMARY KEY (event_id),
        CONSTRAINT fk_pins_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE
    ) STRICT
    """,
    """
    CREATE TABLE documents (
        -- counts up
        id INTEGER NOT NULL,
        -- the event it is the text of
        event_id TEXT NOT NULL,
        -- camera, trigger and prompt
        tags TEXT NOT NULL,
        -- summary and answers; empty until the event is described
        words TEXT NOT NULL,
        CONSTRAINT pk_documents PRIMARY KEY (id),
        CONSTRAINT uq_documents_event_id UNIQUE (event_id),
        CONSTRAINT fk_documents_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE
    ) STRICT
    """,
    # external content: the text stands once, in `documents`. porter: "parcels" finds "parcel"
    """
    CREATE VIRTUAL TABLE documents_fts USING fts5(
        tags, words, content='documents', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
    )
    """,
)

_DOCUMENT_TRIGGERS = (
    """
    CREATE TRIGGER documents_inserted AFTER INSERT ON documents BEGIN
        INSERT INTO documents_fts (rowid, tags, words) VALUES (new.id, new.tags, new.words);
    END
    """,
    """
    CREATE TRIGGER documents_deleted AFTER DELETE ON documents BEGIN
        INSERT INTO documents_fts (documents_fts, rowid, tags, words) VALUES ('delete', old.id, old.tags, old.words);
    END
    """,
    """
    CREATE TRIGGER documents_updated AFTER UPDATE ON documents BEGIN
        INSERT INTO documents_fts (documents_fts, rowid, tags, words) VALUES ('delete', old.id, old.tags, old.words);
        INSERT INTO documents_fts (rowid, tags, words) VALUES (new.id, new.tags, new.words);
    END
    """,
    """
    CREATE TRIGGER events_tagged AFTER INSERT ON events BEGIN
        INSERT INTO documents (event_id, tags, words)
        VALUES (new.id, new.camera || ' ' || new."trigger" || ' ' || new.prompt, '');
    END
    """,
    """
    CREATE TRIGGER descriptions_worded AFTER UPDATE OF summary, answers ON descriptions BEGIN
        UPDATE documents SET words = new.summary || (
            SELECT coalesce(group_concat(' ' || json_extract(value, '$[1]'), ''), '') FROM json_each(new.answers)
        ) WHERE event_id = new.event_id;
    END
    """,
    # what events of before this schema are called
    """
    INSERT INTO documents (event_id, tags, words)
    SELECT id, camera || ' ' || "trigger" || ' ' || prompt, coalesce(d.summary, '')
    FROM events LEFT JOIN descriptions AS d ON d.event_id = events.id
    """,
)

_VIEWS = (
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
        d.status AS description_status, d.backend AS description_backend, d.model AS description_model, d.summary
    FROM events AS e
    LEFT JOIN descriptions AS d ON d.event_id = e.id
    LEFT JOIN pins AS p ON p.event_id = e.id
    """,
    """
    CREATE VIEW v1_stills AS
    SELECT event_id, role, path, captured_at_ms,
        strftime('%Y-%m-%dT%H:%M:%fZ', captured_at_ms / 1000.0, 'unixepoch') AS captured_at,
        width_px, height_px, bytes
    FROM stills
    """,
    """
    CREATE VIEW v1_deliveries AS
    SELECT id, event_id, hook, phase, status, attempts, created_at_ms,
        strftime('%Y-%m-%dT%H:%M:%fZ', created_at_ms / 1000.0, 'unixepoch') AS created_at,
        finished_at_ms,
        strftime('%Y-%m-%dT%H:%M:%fZ', finished_at_ms / 1000.0, 'unixepoch') AS finished_at,
        last_error
    FROM deliveries
    """,
)


def upgrade() -> None:
    for statement in (*_TABLES, *_DOCUMENT_TRIGGERS, *_VIEWS):
        op.execute(statement)
