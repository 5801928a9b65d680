"""Takes files out of the storage that must go: those of erased patients, and those whose time is over.

The rows name them first (`clinic_data.removals`); a file whose removal was interrupted is removed by the next run.
"""

from __future__ import annotations

import logging
from contextlib import closing

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from clinic_data import removals
from clinic_data.database import BUSY_TIMEOUT_S, Database
from clinic_data.file_vault import FileVault

_AT_ONCE = 100
_SCRUBBED = ("data_key", "stored_file")
_LATER = "Deleted rows and keys were not yet taken off the disk (%s); the daily run of the retention rules does it."
_log = logging.getLogger(__name__)


def remove_waiting_files(database: Database, storage: FileVault, erasure_id: str | None = None) -> int:
    """Removes the files that must go; returns how many.

    Args:
        database: where they are named.
        storage: where they are.
        erasure_id: only those of this erasure; None: all.

    Raises:
        StorageError: if the storage does not answer; what is left is removed by the next call.
    """
    count = 0
    while True:
        with database.reading() as session:
            keys = removals.waiting_files(session=session, erasure_id=erasure_id, limit=_AT_ONCE)
        if not keys:
            return count
        for key in keys:
            storage.delete(key)
        with database.transaction() as session:
            for key in keys:
                removals.file_gone(session=session, storage_key=key)
        count += len(keys)


def scrub(database: Database) -> None:
    """Takes deleted rows off the disk as well as the database can.

    SQLite overwrites what is deleted (`secure_delete`), but its log still holds the pages as they were: it is emptied.
    PostgreSQL keeps deleted rows until a vacuum; the small tables of keys are written anew, the others are vacuumed.
    A database that is busy refuses; the next run does it then.
    """
    try:
        if database.engine.dialect.name == "sqlite":
            with closing(database.engine.raw_connection()) as connection:
                cursor = connection.cursor()
                cursor.execute("PRAGMA busy_timeout = 2000")  # nobody can write while it waits for who reads
                busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
            if busy:  # somebody reads at this moment; SQLite does not raise then
                _log.warning(_LATER, "busy")
            return
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET lock_timeout = '5s'"))
            for table in _SCRUBBED:
                connection.execute(text(f"VACUUM (FULL) {table}"))
            connection.execute(text("VACUUM"))
            connection.execute(text("RESET lock_timeout"))
    except SQLAlchemyError as error:
        _log.warning(_LATER, type(error).__name__)
