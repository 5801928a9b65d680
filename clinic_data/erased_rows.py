"""Everything that depends on a patient or a recording, found along the foreign keys, and its removal.

The tables say themselves what depends on what: whatever refers to a row that goes, goes too. So a table that a later
release adds cannot be forgotten. The exceptions are named here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, delete, func, select, update
from sqlmodel import Session

from clinic_data import change_permit
from clinic_data.file_references import FILE_COLUMNS, still_referenced
from clinic_data.privacy_tables import FileRemoval
from clinic_data.schema import METADATA

Ids = dict[str, set[str]]
"""Ids of rows by the name of their table."""

CUT = frozenset({("training_person", "patient_id"), ("report", "supersedes_id")})
"""References that are emptied instead: a training role is for ever, and another patient's report may supersede one."""
_PERMIT = "erasure"


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed.

    Attributes:
        rows: how many, by the name of the table.
        cut: references that were emptied, by the name of the table.
        files: number and plain size of the files that must go, by kind.
        storage_keys: of these files; each has a ``file_removal`` row from now on.
    """

    rows: dict[str, int]
    cut: dict[str, int]
    files: dict[str, dict[str, int]]
    storage_keys: frozenset[str]


def dependants(*, session: Session, start: Mapping[str, set[str]]) -> Ids:
    """The rows of ``start`` and all that depend on them, by the ids of those tables that others refer to."""
    found: Ids = defaultdict(set, {table: set(ids) for table, ids in start.items()})
    jobs = METADATA.tables["assessment"].c.job_id  # the job that made an assessment goes with it
    while True:
        before = sum(len(ids) for ids in found.values())
        for child, column, parent in _references():
            if "id" in child.c and found[parent]:
                found[child.name] |= _read(session, select(child.c.id).where(column.in_(found[parent])))
        if found["assessment"]:
            chosen = METADATA.tables["assessment"].c.id.in_(found["assessment"])
            found["job"] |= _read(session, select(jobs).where(chosen))
        if sum(len(ids) for ids in found.values()) == before:
            return dict(found)


def remove(*, session: Session, ids: Ids, erasure_id: str | None = None) -> Removed:
    """Delete rows with all that depends on them, and note which files must go. The caller commits.

    Args:
        session: a session of ``Database.transaction()``.
        ids: what ``dependants`` found.
        erasure_id: of which erasure the files are.
    """
    keys = _storage_keys(session, ids)
    rows: dict[str, int] = {}
    with change_permit.permitted(session=session, purpose=_PERMIT):
        cut = _cut_references(session, ids)
        for table in reversed(METADATA.sorted_tables):
            conditions = [
                column.in_(ids.get(parent, set()))
                for child, column, parent in _references()
                if child is table and ids.get(parent)
            ]
            if ids.get(table.name):
                conditions = [table.c.id.in_(ids[table.name])]  # holds what its references say, too
            for condition in conditions:
                count = _changed(session, delete(table).where(condition))
                if count:
                    rows[table.name] = rows.get(table.name, 0) + count
    gone = keys - still_referenced(session=session, storage_keys=keys)
    files = _sizes(session, gone)
    note_removals(session=session, storage_keys=gone, erasure_id=erasure_id)
    session.expire_all()
    return Removed(rows, cut, files, frozenset(gone))


def note_removals(*, session: Session, storage_keys: set[str], erasure_id: str | None = None) -> None:
    """Remember that files must go, once the present transaction is committed."""
    table = METADATA.tables["file_removal"]
    known = _read(session, select(table.c.storage_key).where(table.c.storage_key.in_(storage_keys)))
    session.add_all(FileRemoval(storage_key=key, erasure_id=erasure_id) for key in sorted(storage_keys - known))
    session.flush()


def _references() -> list[tuple[Table, Column[Any], str]]:
    """Each foreign key that is followed: the table, its column, and the table that it refers to."""
    return [
        (table, key.parent, key.column.table.name)
        for table in METADATA.sorted_tables
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        if (table.name, key.parent.name) not in CUT
    ]


def _cut_references(session: Session, ids: Ids) -> dict[str, int]:
    cut: dict[str, int] = {}
    for name, column in sorted(CUT):
        table = METADATA.tables[name]
        (parent,) = (key.column.table.name for key in table.c[column].foreign_keys)
        condition = table.c[column].in_(ids.get(parent, set()))
        if ids.get(name):
            condition &= table.c.id.not_in(ids[name])
        if count := _changed(session, update(table).where(condition).values({column: None})):
            cut[name] = count
    return cut


def _storage_keys(session: Session, ids: Ids) -> set[str]:
    keys: set[str] = set()
    for column in FILE_COLUMNS:
        table = column.table
        if ids.get(table.name):
            keys |= _read(session, select(column).where(table.c.id.in_(ids[table.name]), column.is_not(None)))
    return keys


def _sizes(session: Session, keys: set[str]) -> dict[str, dict[str, int]]:
    table = METADATA.tables["stored_file"]
    statement = (
        select(table.c.kind, func.count(), func.sum(table.c.size_bytes))
        .where(table.c.storage_key.in_(keys))
        .group_by(table.c.kind)
    )
    return {kind: {"files": files, "bytes": int(size)} for kind, files, size in session.connection().execute(statement)}


def _read(session: Session, statement: Any) -> set[str]:
    return set(session.connection().execute(statement).scalars())


def _changed(session: Session, statement: Any) -> int:
    return session.connection().execute(statement).rowcount
