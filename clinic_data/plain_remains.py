"""What an earlier release stored in plain text and left behind in free pages, after its rows were sealed.

A mark in the database itself says so, written in the transaction that sealed the rows: if the process is killed before
the free pages are gone, the next start does it.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.engine import Engine

_MARK = "plain rows of an earlier release remain in free pages"
_SEALED_TABLES = (
    *("patient", "recording", "job", "assessment", "report", "patient_note", "score_decision", "confirmed_outcome"),
)


def mark(connection: Connection) -> None:
    """Note, in the present transaction, that free pages hold plain text."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 1")
    else:
        connection.exec_driver_sql(f"COMMENT ON TABLE patient IS '{_MARK}'")


def remove(engine: Engine) -> None:
    """Write the database anew without its free pages, if they hold plain text; else nothing."""
    if engine.dialect.name == "sqlite":
        _vacuum_sqlite(engine)
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.scalar(text("SELECT obj_description('patient'::regclass)")) == _MARK:
            connection.exec_driver_sql(f"VACUUM (FULL) {', '.join(_SEALED_TABLES)}")
            connection.exec_driver_sql("COMMENT ON TABLE patient IS NULL")


def _vacuum_sqlite(engine: Engine) -> None:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        if cursor.execute("PRAGMA user_version").fetchone()[0] != 1:
            return
        cursor.execute("VACUUM")
        # The write-ahead log still holds the old pages. Where somebody reads at this moment it cannot be cut: the mark
        # stays, and the next start tries again.
        busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not busy:
            cursor.execute("PRAGMA user_version = 0")
        cursor.close()
    finally:
        connection.close()
