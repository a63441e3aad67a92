"""Alembic's entry: runs the migrations on the connection, and in the transaction, that store/upgrade.py hands over.

For a new migration copy the newest file in versions/, give it the next number and write plain SQL with comments;
tests/store/test_upgrade.py compares what all of them built with store/tables.py.
"""

from __future__ import annotations

from alembic import context

# SQLite does roll back DDL; Alembic only distrusts the driver's own BEGIN, which store/engine.py has replaced
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
