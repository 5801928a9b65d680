"""Legal holds: while one is in force, nothing of the patient is removed by a retention rule or an erasure."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, exists, select

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.privacy_tables import LegalHold
from clinic_data.text_rules import one_line

REASON_MAX = 500
_HELD = (
    "This patient is under a legal hold: nothing of the record may be removed. Release the hold first, if it is over."
)


def on_hold(patient_id: Any) -> ColumnElement[bool]:
    """The condition that the patient of a column is under a hold."""
    return exists().where(col(LegalHold.patient_id) == patient_id, col(LegalHold.released_at).is_(None))


def hold_of(*, session: Session, patient_id: str) -> LegalHold | None:
    """The hold that is in force on a patient."""
    statement = select(LegalHold).where(LegalHold.patient_id == patient_id, col(LegalHold.released_at).is_(None))
    return session.exec(statement).first()


def require_none(*, session: Session, patient_id: str) -> None:
    """Refuse to go on while a hold is in force.

    Raises:
        ConflictError: there is one.
    """
    if hold_of(session=session, patient_id=patient_id) is not None:
        raise ConflictError(_HELD)


def list_holds(*, session: Session) -> list[LegalHold]:
    """All holds, those in force first, newest first."""
    order = (col(LegalHold.released_at).is_not(None), col(LegalHold.placed_at).desc(), col(LegalHold.id))
    return list(session.exec(select(LegalHold).order_by(*order)).all())


def place(*, session: Session, patient_id: str, reason: str, actor_id: str) -> LegalHold:
    """Put a patient under a hold. The caller writes the audit row.

    Raises:
        ConflictError: there is no such patient, or a hold is in force already.
        ValidationError: no reason was given, or it is too long.
    """
    said = one_line(reason, REASON_MAX + 1)
    if not 10 <= len(said) <= REASON_MAX:
        raise ValidationError(f"Say in 10 to {REASON_MAX} characters why the data must be kept.")
    hold = LegalHold(patient_id=patient_id, reason=said, placed_by=actor_id)
    with conflict_as(session, "This patient does not exist, or is under a legal hold already."):
        session.add(hold)
    return hold


def release(*, session: Session, hold_id: str, actor_id: str) -> LegalHold:
    """End a hold. The caller writes the audit row.

    Raises:
        ConflictError: it is over already.
        NotFoundError: there is no such hold.
    """
    hold = session.get(LegalHold, hold_id, with_for_update=True, populate_existing=True)
    if hold is None:
        raise NotFoundError("This legal hold does not exist.")
    if hold.released_at is not None:
        raise ConflictError("This legal hold was released already.")
    hold.released_by, hold.released_at = actor_id, utc_now()
    session.flush()
    return hold
