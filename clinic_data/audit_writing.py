"""Appending to the audit trail: at the commit, under the lock of the head.

The lock is the last that a transaction asks for, so nobody waits for somebody who waits for the head. Numbers are given
out under it and times never go back, so the trail has no gaps and one order, whatever computer wrote a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy import insert as insert_into
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session, col, select, update

from clinic_data import data_keys
from clinic_data.audit_chain import COVERED, Head, mac_of, sealed_head
from clinic_data.audit_head_file import HeadFile
from clinic_data.audit_tables import AuditHead
from clinic_data.clock import utc_now
from clinic_data.errors import ConflictError
from clinic_data.tables import Assessment, AuditRow, Job, Recording, Report
from clinic_data.visit_tables import PatientNote

_PENDING, _WRITTEN = "audit_pending", "audit_written"  # in session.info
_PATIENT_OF: dict[str, Any] = {
    "recording": Recording,
    "assessment": Assessment,
    "report": Report,
    "job": Job,
    "note": PatientNote,
    "patient_note": PatientNote,
}


@dataclass(frozen=True, slots=True)
class _Pending:
    row: AuditRow
    savepoint: SessionTransaction | None
    """Within which it was recorded."""


def keep(session: Session, row: AuditRow) -> None:
    """Keep a row until the session commits."""
    if not session.in_transaction():
        session.begin()  # without a transaction a rollback would be none, and the row would stay
    session.info.setdefault(_PENDING, []).append(_Pending(row, session.get_nested_transaction()))


def write_pending(session: Session) -> None:
    """Write the rows that were recorded since; called at the commit of its own accord.

    Raises:
        ConflictError: the head of the trail is missing.
        SealError: there is no audit key at hand.
    """
    pending: list[_Pending] = session.info.pop(_PENDING, [])
    if not pending:
        return
    rows = [each.row for each in pending]
    session.flush()  # every other lock comes before the head's
    for row in rows:
        row.patient_id = row.patient_id or _patient_of(session, row)
    key = data_keys.for_purpose(session=session, purpose=data_keys.AUDIT).key
    head = _append(session, key, rows, locked_head(session, key))
    values = {"last_id": head.last_id, "last_mac": head.last_mac, "at": head.at, "seal": head.seal}
    session.connection().execute(update(AuditHead).values(values))
    session.info[_WRITTEN] = head


def read_head(session: Session) -> Head | None:
    """The head as the database holds it, or None where it has none."""
    return _head(session, lock=False)


def locked_head(session: Session, key: bytes) -> Head:
    """The head, locked until the commit.

    Raises:
        ConflictError: it is missing, or this installation's key did not make it. Whoever appended to such a head would
            seal it anew, and nobody could see any more that rows before it were cut off.
    """
    head = _head(session, lock=True)  # there since the tables were made, also of an empty trail
    if head is None or not head.is_genuine(key):
        raise ConflictError(_NO_HEAD)
    return head


_NO_HEAD = (
    "The audit trail has lost its head, or the head was changed, so nothing can be recorded and nothing was changed. "
    "Somebody changed the database: run `fgait-clinic audit verify`, keep a copy of it and restore a backup."
)


def _head(session: Session, *, lock: bool) -> Head | None:
    columns = select(AuditHead.last_id, AuditHead.last_mac, AuditHead.at, AuditHead.seal)
    found = session.connection().execute(columns.with_for_update() if lock else columns).first()
    return None if found is None else Head(*found)


def _append(session: Session, key: bytes, rows: list[AuditRow], head: Head) -> Head:
    """Number the rows, chain them and insert them; the head after them."""
    number, mac, at = head.last_id, head.last_mac, max(utc_now(), head.at)
    values: list[dict[str, Any]] = []
    for row in rows:
        number += 1
        row.id, row.at, row.previous_mac = number, at, mac
        value = {name: getattr(row, name) for name in COVERED}
        row.mac = mac = mac_of(key, value)
        values.append({**value, "mac": mac})
    session.connection().execute(insert_into(AuditRow), values)
    return sealed_head(key, number, mac, at)


def _patient_of(session: Session, row: AuditRow) -> str | None:
    """Whom a row concerns, as its subject or its details tell."""
    told = row.details.get("patient_id")
    if row.subject_type == "patient":
        return row.subject_id
    if isinstance(told, str) and len(told) <= 32:
        return told
    table = _PATIENT_OF.get(row.subject_type)
    if table is None or row.subject_id is None:
        return None
    return session.connection().execute(select(table.patient_id).where(col(table.id) == row.subject_id)).scalar()


@event.listens_for(Session, "before_commit")
def _write_at_the_commit(session: Session) -> None:
    if not session.in_nested_transaction():  # a savepoint's end, not the commit
        write_pending(session)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    """Rows of a transaction or savepoint that was rolled back go with it."""
    while not ended.nested and ended.parent is not None:
        ended = ended.parent  # a flush that failed has rolled back what it was part of
    pending: list[_Pending] = session.info.get(_PENDING, [])
    if ended.parent is None:
        pending.clear()
        session.info.pop(_WRITTEN, None)
    pending[:] = [each for each in pending if not _is_within(each.savepoint, ended)]


def _is_within(savepoint: SessionTransaction | None, ended: SessionTransaction) -> bool:
    while savepoint is not None:
        if savepoint is ended:
            return True
        savepoint = savepoint.parent
    return False


@event.listens_for(Session, "after_commit")
def _note_the_head(session: Session) -> None:
    if session.in_nested_transaction():
        return
    head: Head | None = session.info.pop(_WRITTEN, None)
    file: HeadFile | None = session.info.get("head_file")
    if head is not None and file is not None:
        file.note(head)
