"""The first schema: events, their stills, windows, descriptions, deliveries and the journal of changes.

SQL as it will stand in the file: SQLite keeps the text of CREATE TABLE with its comments, so whoever opens the
database with `sqlite3 vidsense.db .schema` reads what each column means.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPLICATION_ID = 0x5653_4E53  # "VSNS"; frozen here as everything in a migration is

_STATEMENTS = (
    """
    CREATE TABLE events (
        -- <start in ms>-<random letters>; sorts by time
        id TEXT NOT NULL,
        -- the camera's name in the configuration
        camera TEXT NOT NULL,
        -- the trigger's name in the configuration
        "trigger" TEXT NOT NULL,
        -- the trigger's sentence when the event opened
        prompt TEXT NOT NULL,
        -- info, warning or alert
        severity TEXT NOT NULL
            CONSTRAINT ck_events_severity CHECK (severity IN ('info', 'warning', 'alert')),
        -- live: from a camera; replay: from a recorded file
        source TEXT NOT NULL CONSTRAINT ck_events_source CHECK (source IN ('live', 'replay')),
        -- open while the trigger stays active, then closed
        state TEXT NOT NULL CONSTRAINT ck_events_state CHECK (state IN ('open', 'closed')),
        -- one unbroken stream session
        run_id TEXT NOT NULL,
        -- whose scores these are
        encoder TEXT NOT NULL,
        -- when the event began, UTC
        started_at_ms INTEGER NOT NULL
            CONSTRAINT ck_events_started_at_ms CHECK (started_at_ms BETWEEN 0 AND 253402300799999),
        -- the newest moment known to belong to it, UTC
        ended_at_ms INTEGER NOT NULL
            CONSTRAINT ck_events_ended_at_ms CHECK (ended_at_ms BETWEEN 0 AND 253402300799999),
        -- the same in stream time: seconds from the run's start
        started_pts_s REAL NOT NULL,
        -- the same in stream time: seconds from the run's start
        ended_pts_s REAL NOT NULL,
        -- the highest over the camera's background, in spreads
        score REAL NOT NULL,
        -- [left, top, right, bottom] as ratios 0..1 of the picture, or NULL
        first_box TEXT,
        -- [left, top, right, bottom] as ratios 0..1 of the picture, or NULL
        last_box TEXT,
        -- names of the zones it happened in, a JSON list
        zones TEXT NOT NULL,
        -- the machine's clock at the last write to this row, UTC
        stored_at_ms INTEGER NOT NULL
            CONSTRAINT ck_events_stored_at_ms CHECK (stored_at_ms BETWEEN 0 AND 253402300799999),
        CONSTRAINT pk_events PRIMARY KEY (id),
        CONSTRAINT ck_events_ends_after_start CHECK (ended_at_ms >= started_at_ms)
    ) STRICT
    """,
    "CREATE INDEX ix_events_camera_started_at_ms ON events (camera, started_at_ms)",
    "CREATE INDEX ix_events_open ON events (state) WHERE state = 'open'",
    "CREATE INDEX ix_events_started_at_ms_id ON events (started_at_ms, id)",
    """
    CREATE TABLE garbage (
        -- a file to remove, relative to the media folder
        path TEXT NOT NULL,
        -- when its row was deleted, UTC
        deleted_at_ms INTEGER NOT NULL
            CONSTRAINT ck_garbage_deleted_at_ms CHECK (deleted_at_ms BETWEEN 0 AND 253402300799999),
        CONSTRAINT pk_garbage PRIMARY KEY (path)
    ) STRICT
    """,
    """
    CREATE TABLE changes (
        -- counts up and is never used again: a reader's bookmark
        sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        -- the event that changed
        event_id TEXT NOT NULL,
        -- opened, closed or described
        kind TEXT NOT NULL CONSTRAINT ck_changes_kind CHECK (kind IN ('opened', 'closed', 'described')),
        -- the machine's clock when it was stored, UTC
        changed_at_ms INTEGER NOT NULL
            CONSTRAINT ck_changes_changed_at_ms CHECK (changed_at_ms BETWEEN 0 AND 253402300799999),
        CONSTRAINT fk_changes_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE
    ) STRICT
    """,
    "CREATE INDEX ix_changes_event_id ON changes (event_id)",
    """
    CREATE TABLE deliveries (
        -- counts up and is never used again
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        -- the event it tells of
        event_id TEXT NOT NULL,
        -- the hook's name in the configuration
        hook TEXT NOT NULL,
        -- opened: at once; closed: when it ended; described: with its words
        phase TEXT NOT NULL CONSTRAINT ck_deliveries_phase CHECK (phase IN ('opened', 'closed', 'described')),
        -- pending, sent or dead (given up)
        status TEXT NOT NULL
            CONSTRAINT ck_deliveries_status CHECK (status IN ('pending', 'sent', 'dead')),
        -- times the hook was called
        attempts INTEGER DEFAULT 0 NOT NULL,
        -- when it became owed, UTC
        created_at_ms INTEGER NOT NULL
            CONSTRAINT ck_deliveries_created_at_ms CHECK (created_at_ms BETWEEN 0 AND 253402300799999),
        -- not before this moment, UTC
        next_attempt_at_ms INTEGER NOT NULL
            CONSTRAINT ck_deliveries_next_attempt_at_ms CHECK (next_attempt_at_ms BETWEEN 0 AND 253402300799999),
        -- when it was sent or given up, UTC
        finished_at_ms INTEGER
            CONSTRAINT ck_deliveries_finished_at_ms CHECK (finished_at_ms BETWEEN 0 AND 253402300799999),
        -- what the last attempt in vain said, or NULL
        last_error TEXT,
        CONSTRAINT uq_deliveries_event_id_hook_phase UNIQUE (event_id, hook, phase),
        CONSTRAINT fk_deliveries_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE
    ) STRICT
    """,
    "CREATE INDEX ix_deliveries_pending ON deliveries (next_attempt_at_ms) WHERE status = 'pending'",
    """
    CREATE TABLE descriptions (
        -- the event described
        event_id TEXT NOT NULL,
        -- pending, running, done, partial, failed or skipped
        status TEXT NOT NULL
            CONSTRAINT ck_descriptions_status
                CHECK (status IN ('pending', 'running', 'done', 'partial', 'failed', 'skipped')),
        -- times a describer was asked
        attempts INTEGER DEFAULT 0 NOT NULL,
        -- not before this moment, UTC; NULL: as soon as the event is closed
        next_attempt_at_ms INTEGER
            CONSTRAINT ck_descriptions_next_attempt_at_ms CHECK (next_attempt_at_ms BETWEEN 0 AND 253402300799999),
        -- when a describer last took it, UTC
        claimed_at_ms INTEGER
            CONSTRAINT ck_descriptions_claimed_at_ms CHECK (claimed_at_ms BETWEEN 0 AND 253402300799999),
        -- when the words were stored, UTC
        finished_at_ms INTEGER
            CONSTRAINT ck_descriptions_finished_at_ms CHECK (finished_at_ms BETWEEN 0 AND 253402300799999),
        -- ollama or builtin; empty until then
        backend TEXT DEFAULT '' NOT NULL,
        -- which model wrote it; empty when none did
        model TEXT DEFAULT '' NOT NULL,
        -- the event in words
        summary TEXT DEFAULT '' NOT NULL,
        -- [[question, answer], …]
        answers TEXT DEFAULT '[]' NOT NULL,
        -- the structured answer
        details TEXT DEFAULT '{}' NOT NULL,
        -- why it is not done, or NULL
        error TEXT,
        -- seconds the describer took
        duration_s REAL,
        CONSTRAINT pk_descriptions PRIMARY KEY (event_id),
        CONSTRAINT fk_descriptions_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE
    ) STRICT
    """,
    "CREATE INDEX ix_descriptions_owed ON descriptions (status) WHERE status IN ('pending', 'running')",
    """
    CREATE TABLE stills (
        -- counts up
        id INTEGER NOT NULL,
        -- the event it shows
        event_id TEXT NOT NULL,
        -- first, middle, peak or last
        role TEXT NOT NULL,
        -- of the JPEG file, relative to the media folder
        path TEXT NOT NULL,
        -- when the picture was taken, UTC
        captured_at_ms INTEGER NOT NULL
            CONSTRAINT ck_stills_captured_at_ms CHECK (captured_at_ms BETWEEN 0 AND 253402300799999),
        -- of the picture
        width_px INTEGER NOT NULL,
        -- of the picture
        height_px INTEGER NOT NULL,
        -- where things moved: [left, top, right, bottom], ratios 0..1, or NULL
        box TEXT,
        -- of the window the picture stands for
        score REAL NOT NULL,
        -- size of the file
        bytes INTEGER NOT NULL,
        -- of the file, in hexadecimal
        sha256 TEXT NOT NULL,
        CONSTRAINT pk_stills PRIMARY KEY (id),
        CONSTRAINT fk_stills_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE,
        CONSTRAINT uq_stills_path UNIQUE (path)
    ) STRICT
    """,
    "CREATE INDEX ix_stills_event_id ON stills (event_id)",
    """
    CREATE TABLE windows (
        -- counts up and is never used again
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        -- the camera's name in the configuration
        camera TEXT NOT NULL,
        -- one unbroken stream session
        run_id TEXT NOT NULL,
        -- of its newest frame, counted within the run
        frame_index INTEGER NOT NULL,
        -- whose space the embeddings are in
        encoder TEXT NOT NULL,
        -- when its oldest frame was captured, UTC
        started_at_ms INTEGER NOT NULL
            CONSTRAINT ck_windows_started_at_ms CHECK (started_at_ms BETWEEN 0 AND 253402300799999),
        -- when its newest frame was captured, UTC
        ended_at_ms INTEGER NOT NULL
            CONSTRAINT ck_windows_ended_at_ms CHECK (ended_at_ms BETWEEN 0 AND 253402300799999),
        -- D float16: the window in the encoder's space
        pooled BLOB NOT NULL,
        -- D float16: newest crop minus the same crop of the background
        crop_change BLOB,
        -- 1 when something moved in its newest frame
        moving INTEGER NOT NULL CONSTRAINT ck_windows_moving CHECK (moving IN (0, 1)),
        -- of the newest frame's pixels, against the one before
        changed_ratio REAL NOT NULL,
        -- names of the zones something moved in, a JSON list
        zones TEXT NOT NULL,
        -- the event it opened or closed, or NULL
        event_id TEXT,
        CONSTRAINT uq_windows_camera_run_id_frame_index_encoder UNIQUE (camera, run_id, frame_index, encoder),
        CONSTRAINT fk_windows_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE SET NULL
    ) STRICT
    """,
    "CREATE INDEX ix_windows_ended_at_ms ON windows (ended_at_ms)",
    "CREATE INDEX ix_windows_event_id ON windows (event_id) WHERE event_id IS NOT NULL",
)


def upgrade() -> None:
    op.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    for statement in _STATEMENTS:
        op.execute(statement)
