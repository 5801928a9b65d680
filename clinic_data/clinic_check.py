"""Whether an installation is whole: rows and files find each other, everything is sealed, the audit trail is unbroken.

What there is may be millions of rows and files: they are compared in a small database on the disk, not in memory.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, null, select, type_coerce
from sqlmodel import Session

from clinic_data import audit_verification, data_keys
from clinic_data.audit_chain import Head
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.encryption_tables import SealedFile
from clinic_data.errors import NotFoundError, SealError
from clinic_data.file_references import FILE_COLUMNS, references, still_referenced
from clinic_data.schema import METADATA
from clinic_data.sealed_rows import SEALED, open_bytes
from clinic_data.storage import Storage
from clinic_data.tables import ClinicTable

Progress = Callable[[float, str], None]
"""Is told the share that is done, from 0 to 1, and what is being done."""

_ROW_FOLLOWS_S = 1.0
_SEALED = "s1."
_PUT_BACK = "Put it back from a backup: restore that aside and copy the file of this name."
YOUNG_S = 86_400.0
"""Files and their keys may be this old before a row must refer to them: it may be on its way."""
_FILES = METADATA.tables["stored_file"]
_KEYS = METADATA.tables["data_key"]
_ASSESSMENTS = METADATA.tables["assessment"]
_REMOVALS = METADATA.tables["file_removal"]


class FaultKind(StrEnum):
    """What is wrong."""

    FILE_MISSING = "file_missing"
    FILE_WITHOUT_ROW = "file_without_row"
    FILE_SIZE = "file_size"
    FILE_BYTES = "file_bytes"
    FILE_OWNER = "file_owner"
    NOT_SEALED_YET = "not_sealed_yet"
    NOT_SEALED = "not_sealed"
    DOES_NOT_OPEN = "does_not_open"
    REFERENCE = "reference"
    AUDIT = "audit"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong.

    Attributes:
        kind: what.
        sentence: what, where, and what to do.
    """

    kind: FaultKind
    sentence: str


def check(
    database: Database, storage: Storage, heads: Iterable[Head], progress: Progress, *, every_byte: bool = False
) -> Iterator[Fault]:
    """Look at everything and tell each fault.

    Args:
        database: with its keys.
        storage: of the sealed files.
        heads: of the audit trail, noted outside the database.
        progress: is told how far it is.
        every_byte: also read each file and open each sealed value.

    Raises:
        ClinicDataError: the storage does not answer, or there is no master key.
    """
    progress(0.0, "Checking the keys")
    with database.reading() as session:
        wrong_keys = list(_keys(session))
        yield from wrong_keys
        yield from _references(session.connection())
        yield from _file_owners(session.connection())
    progress(0.1, "Checking the files")
    yield from _files(database, storage, every_byte, progress)
    if wrong_keys:
        return  # nothing that is sealed can be looked at
    with database.reading() as session:
        progress(0.5, "Checking the sealed values")
        for declared in SEALED:
            yield from _sealed_values(session, declared, every_byte)
        progress(0.7, "Checking the audit trail")
        for problem in audit_verification.verify(session=session, anchors=heads).problems:
            yield Fault(FaultKind.AUDIT, problem.sentence)
    progress(1.0, "Checked")


def _keys(session: Session) -> Iterator[Fault]:
    try:
        data_keys.check(session=session)
    except SealError as error:
        yield Fault(FaultKind.KEY, str(error))


def _references(connection: Connection) -> Iterator[Fault]:
    if connection.dialect.name != "sqlite":
        return  # PostgreSQL cannot be switched off as SQLite can: its foreign keys hold
    for child, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Fault(FaultKind.REFERENCE, f"Row {row} of {child} refers to a row of {parent} that does not exist.")


def _file_owners(connection: Connection) -> Iterator[Fault]:
    """Files that are another patient's than the row that refers to them: rows were changed past FGait."""
    for wanted in FILE_COLUMNS:
        row = wanted.table
        statement = (
            references(wanted)
            .add_columns(row.c.id)
            .join(_FILES, _FILES.c.storage_key == wanted)
            .join(_KEYS, _KEYS.c.id == _FILES.c.data_key_id)
        )
        patient: ColumnElement[Any] = row.c.patient_id if "patient_id" in row.c else null()
        if row.name == "assessment_clip":
            statement = statement.join(_ASSESSMENTS, _ASSESSMENTS.c.id == row.c.assessment_id)
            patient = _ASSESSMENTS.c.patient_id
        for key, row_id in connection.execute(statement.where(patient.is_distinct_from(_KEYS.c.patient_id))):
            yield Fault(
                FaultKind.FILE_OWNER,
                f"The file {key}, to which {row.name}.{wanted.name} of {row_id} refers, belongs to another patient: "
                "the row was changed past FGait. Restore the row from a backup.",
            )


def _files(database: Database, storage: Storage, every_byte: bool, progress: Progress) -> Iterator[Fault]:
    with closing(sqlite3.connect("")) as seen:
        seen.execute("CREATE TABLE file (key TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")
        seen.execute("CREATE TABLE row (key TEXT PRIMARY KEY, size INTEGER, sha256 TEXT, young INTEGER) WITHOUT ROWID")
        seen.execute("CREATE TABLE wanted (key TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID")
        with database.reading() as session:
            _gather_rows(session, seen)
        seen.executemany("INSERT OR IGNORE INTO file VALUES (?, ?)", storage.sizes())
        yield from _damaged(seen)
        yield from _missing(seen, database)
        yield from _without_row(seen, database)
        if every_byte:
            yield from _read_files(seen, storage, progress)


def _gather_rows(session: Session, seen: sqlite3.Connection) -> None:
    connection = session.connection()
    young_since = utc_now() - timedelta(seconds=YOUNG_S)
    rows = connection.execution_options(yield_per=1000).execute(
        select(_FILES.c.storage_key, _FILES.c.sealed_size_bytes, _FILES.c.sealed_sha256, _FILES.c.created_at)
    )
    seen.executemany("INSERT INTO row VALUES (?, ?, ?, ?)", ((*row[:3], row[3] > young_since) for row in rows))
    for wanted in FILE_COLUMNS:
        place = f"{wanted.table.name}.{wanted.name}"
        keys = connection.execution_options(yield_per=1000).execute(references(wanted))
        seen.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?)", ((key, place) for (key,) in keys))
    keys = connection.execute(select(_REMOVALS.c.storage_key))
    seen.executemany("INSERT OR IGNORE INTO wanted VALUES (?, '')", ((key,) for (key,) in keys))


def _damaged(seen: sqlite3.Connection) -> Iterator[Fault]:
    for (key,) in seen.execute("SELECT key FROM row WHERE sha256 = ''"):
        sentence = f"The file {key} of an earlier release is not sealed yet. The next start of the app does it."
        yield Fault(FaultKind.NOT_SEALED_YET, sentence)
    for key, size, found in seen.execute(
        "SELECT key, row.size, file.size FROM row JOIN file USING (key) WHERE sha256 <> '' AND row.size <> file.size"
    ):
        sentence = f"The file {key} has {found:,} bytes instead of {size:,}: it is damaged. {_PUT_BACK}"
        yield Fault(FaultKind.FILE_SIZE, sentence)


def _missing(seen: sqlite3.Connection, database: Database) -> Iterator[Fault]:
    found = seen.execute(
        "SELECT key, place FROM wanted WHERE place <> '' AND (key NOT IN (SELECT key FROM row) "
        "OR key NOT IN (SELECT key FROM file))"
    ).fetchall()
    with database.reading() as session:  # again: it may have been deleted, row and file, while we looked
        wanted = still_referenced(session=session, storage_keys=[key for key, _ in found])
    for key, place in found:
        if key in wanted:
            yield Fault(FaultKind.FILE_MISSING, f"The file {key} of {place} is missing. {_PUT_BACK}")


def _without_row(seen: sqlite3.Connection, database: Database) -> Iterator[Fault]:
    found = seen.execute(
        "SELECT key FROM file WHERE key NOT IN (SELECT key FROM wanted) "
        "AND key NOT IN (SELECT key FROM row WHERE young)"
    ).fetchall()
    known = set(seen.execute("SELECT key FROM row"))
    if found:
        time.sleep(_ROW_FOLLOWS_S)
    with database.reading() as session:  # again: the row of a file follows a moment after it
        for (key,) in found:
            new = (key,) not in known and session.get(SealedFile, key) is not None
            if not new:
                sentence = (
                    f"No row refers to the file {key}. `fgait-clinic check --repair` removes it once it is a day old."
                )
                yield Fault(FaultKind.FILE_WITHOUT_ROW, sentence)


def _read_files(seen: sqlite3.Connection, storage: Storage, progress: Progress) -> Iterator[Fault]:
    total = seen.execute("SELECT count(*) FROM row").fetchone()[0]
    for number, (key, sha256) in enumerate(seen.execute("SELECT key, sha256 FROM row JOIN file USING (key)")):
        progress(0.1 + 0.4 * number / max(total, 1), f"Reading files: {number:,} of {total:,}")
        hashed = hashlib.sha256()
        try:
            for piece in storage.stream(key):
                hashed.update(piece)
        except NotFoundError:
            continue  # deleted since
        if sha256 and hashed.hexdigest() != sha256:
            yield Fault(FaultKind.FILE_BYTES, f"The file {key} has other bytes than were stored. {_PUT_BACK}")


def _sealed_values(session: Session, declared: type[ClinicTable], every_byte: bool) -> Iterator[Fault]:
    """Values that lie in the clear, or do not open."""
    name = SEALED[declared].name
    found = METADATA.tables[name]
    for wanted in SEALED[declared].columns:
        # As plain text, past the type that only lets sealed values through.
        value = type_coerce(found.c[wanted], Text())
        statement = select(found.c.id, value).where(found.c[wanted].is_not(None), value != "")
        if not every_byte:
            statement = statement.where(value.not_like(f"{_SEALED}%"))
        rows = session.connection().execution_options(yield_per=500).execute(statement)
        for some in rows.partitions():
            yield from _opened(session, declared, wanted, [(row_id, sealed) for row_id, sealed in some])


def _opened(
    session: Session, declared: type[ClinicTable], column: str, values: list[tuple[str, str]]
) -> Iterator[Fault]:
    name = SEALED[declared].name
    for row_id, _ in (one for one in values if not one[1].startswith(_SEALED)):
        sentence = (
            f"{name}.{column} of {row_id} lies in the clear: it was written past FGait. Enter it anew in the app."
        )
        yield Fault(FaultKind.NOT_SEALED, sentence)
    sealed = [one for one in values if one[1].startswith(_SEALED)]
    with suppress(SealError):  # all at once: their keys are read together
        open_bytes(session=session, table=declared, column=column, values=sealed)
        return
    for one in sealed:
        try:
            open_bytes(session=session, table=declared, column=column, values=[one])
        except SealError as error:
            yield Fault(FaultKind.DOES_NOT_OPEN, f"{name}.{column} of {one[0]}: {error}")
