"""How Alembic reaches the database: over the connection that ``Database.upgrade()`` hands in."""

from __future__ import annotations

from alembic import context

from clinic_data.schema import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite cannot alter a column in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
