"""Reading the audit trail: filters that stay fast over millions of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, text
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from clinic_data.audit_chain import COVERED
from clinic_data.errors import ValidationError
from clinic_data.paging import MAX_LIMIT, Page
from clinic_data.tables import AuditRow, ClinicTable

COUNTED_ROWS = 10_000
"""Beyond so many rows the count stops: counting a million takes longer than reading a page of them."""
_AT_ONCE = 2_000
_TABLE: Table = ClinicTable.metadata.tables["audit_row"]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What rows are looked for; each that is given must match.

    Attributes:
        actor_id: who did it.
        action: what was done.
        subject_type: the kind of row.
        subject_id: to which row.
        patient_id: whom it concerns.
        address: from where.
        since: not before this moment.
        until: before this moment.
    """

    actor_id: str | None = None
    action: str | None = None
    subject_type: str | None = None
    subject_id: str | None = None
    patient_id: str | None = None
    address: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class StoredRow(NamedTuple):
    """A row of the trail as the database holds it, read without the ORM: quick for millions of rows."""

    id: int
    at: datetime
    actor_id: str | None
    action: str
    subject_type: str
    subject_id: str | None
    patient_id: str | None
    address: str
    session_id: str
    why: str
    details: dict[str, Any]
    previous_mac: str
    mac: str


def list_rows(
    *, session: Session, limit: int = 50, offset: int = 0, wanted: AuditFilter | None = None, **also: str | None
) -> Page[AuditRow]:
    """Read the trail, newest first.

    Args:
        session: any session.
        limit: rows of a page, 1 to 500.
        offset: rows before it, less than `COUNTED_ROWS`.
        wanted: the filter.
        also: single attributes of `AuditFilter`, for short.

    Returns:
        The page; its ``total`` is `COUNTED_ROWS` where there are more rows than that.

    Raises:
        ValidationError: ``limit`` or ``offset`` is out of range.
    """
    if not 1 <= limit <= MAX_LIMIT or not 0 <= offset <= COUNTED_ROWS:
        raise ValidationError(f"A page holds 1 to {MAX_LIMIT} rows, of the first {COUNTED_ROWS} rows.")
    wanted = replace(wanted or AuditFilter(), **also)
    conditions = _conditions(session, wanted)
    counted = select(AuditRow.id).where(*conditions).limit(COUNTED_ROWS).subquery()
    total = session.exec(select(func.count()).select_from(counted)).one()
    newest = select(AuditRow).where(*conditions).order_by(col(AuditRow.id).desc())
    rows = session.exec(newest.limit(limit).offset(offset)).all()
    return Page(rows=tuple(rows), total=total, limit=limit, offset=offset)


def stream(*, session: Session, wanted: AuditFilter | None = None, after: int | None = None) -> Iterator[StoredRow]:
    """The rows oldest first, some thousand at a time: the memory that it takes does not grow with the trail.

    Args:
        session: any session.
        wanted: the filter.
        after: begin behind the row of this number.
    """
    conditions = _conditions(session, wanted or AuditFilter())
    number = _TABLE.c["id"]
    columns: Select[Any] = select_columns(*(_TABLE.c[name] for name in (*COVERED, "mac"))).order_by(number)
    while True:
        beyond = conditions if after is None else [*conditions, number > after]
        rows = session.connection().execute(columns.where(*beyond).limit(_AT_ONCE)).all()
        yield from map(StoredRow._make, rows)
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1][0]


def actions(*, session: Session) -> list[str]:
    """The names of all actions in the trail, in order. Jumps through the index from name to name."""
    jumps = text(
        "WITH RECURSIVE jump(action) AS ("
        "SELECT MIN(action) FROM audit_row UNION ALL "
        "SELECT (SELECT MIN(action) FROM audit_row WHERE audit_row.action > jump.action) FROM jump "
        "WHERE jump.action IS NOT NULL) SELECT action FROM jump WHERE action IS NOT NULL"
    )
    return sorted(session.connection().execute(jumps).scalars())


def _conditions(session: Session, wanted: AuditFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name in ("actor_id", "action", "subject_type", "subject_id", "patient_id", "address"):
        value = getattr(wanted, name)
        if value is not None:
            found.append(_TABLE.c[name] == value)
    # Later rows have later times (`audit_writing`), so a span of time is a span of numbers, whatever else is asked.
    number, at = _TABLE.c["id"], _TABLE.c["at"]
    if wanted.since is not None:
        found.append(number >= _first_number(session, wanted.since))
        found.append(at >= wanted.since)
    if wanted.until is not None:
        found.append(number < _first_number(session, wanted.until))
        found.append(at < wanted.until)
    return found


def _first_number(session: Session, moment: datetime) -> int:
    """The number of the first row at this moment or later; beyond all rows where there is none."""
    at, number = _TABLE.c["at"], _TABLE.c["id"]
    first = select_columns(number).where(at >= moment).order_by(at, number).limit(1)
    return session.connection().execute(first).scalar() or 2**62
