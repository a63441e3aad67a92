"""What an event's pictures show, in words of the operator's vocabulary."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # the comment stands inside the column's definition: SQLite keeps nothing else of this statement
    op.execute(
        """
        ALTER TABLE events ADD COLUMN labels -- what it shows, in words of the vocabulary, a JSON list
            TEXT DEFAULT '[]' NOT NULL
        """
    )
