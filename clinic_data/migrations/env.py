"""How Alembic reaches the database: over the connection that ``Database.upgrade()`` hands in."""

from __future__ import annotations

from alembic import context

from clinic_data import retraining_tables as retraining_tables  # its tables belong to the metadata, too
from clinic_data import visit_tables as visit_tables  # likewise
from clinic_data.tables import ClinicTable

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=ClinicTable.metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
