"""Access to the record of another team's patient in an emergency: with a reason, for some hours, looked at afterwards.

The audit log says that it happened; the reason stands here only, so that it goes with the patient when the patient is
erased.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from clinic_data.access_tables import EmergencyAccess
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.paging import Page, read_page
from clinic_data.text_rules import checked_lines

LASTS = timedelta(hours=8)
REASON_MIN, REASON_MAX = 10, 500


def grant(
    *, session: Session, user_id: str, patient_id: str, reason: str, now: datetime | None = None
) -> EmergencyAccess:
    """Open a patient's record to a user for ``LASTS``. The caller writes the audit row.

    Raises:
        ConflictError: there is no such user or patient.
        ValidationError: the reason is too short, too long or holds invisible characters.
    """
    moment = now or utc_now()
    access = EmergencyAccess(
        user_id=user_id,
        patient_id=patient_id,
        reason=_checked_reason(reason),
        granted_at=moment,
        expires_at=moment + LASTS,
    )
    with conflict_as(session, "This patient does not exist."):
        session.add(access)
    return access


def get_access(*, session: Session, access_id: str) -> EmergencyAccess:
    """Read one access.

    Raises:
        NotFoundError: there is no such access.
    """
    access = session.get(EmergencyAccess, access_id)
    if access is None:
        raise NotFoundError("This emergency access does not exist.")
    return access


def is_open(*, session: Session, user_id: str, patient_id: str, now: datetime | None = None) -> bool:
    """Whether the user has an access to this patient that is not over."""
    statement = select(EmergencyAccess.id).where(
        EmergencyAccess.user_id == user_id,
        EmergencyAccess.patient_id == patient_id,
        col(EmergencyAccess.expires_at) > (now or utc_now()),
    )
    return session.exec(statement.limit(1)).first() is not None


def list_open(*, session: Session, user_id: str, now: datetime | None = None) -> list[EmergencyAccess]:
    """The accesses of a user that are not over, the newest first."""
    statement = select(EmergencyAccess).where(
        EmergencyAccess.user_id == user_id, col(EmergencyAccess.expires_at) > (now or utc_now())
    )
    order = (col(EmergencyAccess.granted_at).desc(), col(EmergencyAccess.id))
    return list(session.exec(statement.order_by(*order)).all())


def end(*, session: Session, access_id: str, now: datetime | None = None) -> EmergencyAccess:
    """End an access now; one that is over stays as it is. The caller writes the audit row.

    Raises:
        NotFoundError: there is no such access.
    """
    access = _locked(session, access_id)
    access.expires_at = min(access.expires_at, now or utc_now())
    session.flush()
    return access


def list_accesses(
    *, session: Session, reviewed: bool | None = None, limit: int = 50, offset: int = 0
) -> Page[EmergencyAccess]:
    """All accesses, or those that were reviewed or not, the newest first."""
    statement = select(EmergencyAccess)
    if reviewed is not None:
        at = col(EmergencyAccess.reviewed_at)
        statement = statement.where(at.is_not(None) if reviewed else at.is_(None))
    order = (col(EmergencyAccess.granted_at).desc(), col(EmergencyAccess.id))
    return read_page(session, statement, order=order, limit=limit, offset=offset)


def count_to_review(*, session: Session) -> int:
    """How many accesses nobody has reviewed."""
    statement = select(func.count()).select_from(EmergencyAccess).where(col(EmergencyAccess.reviewed_at).is_(None))
    return session.exec(statement).one()


def review(*, session: Session, access_id: str, reviewer_id: str, now: datetime | None = None) -> EmergencyAccess:
    """Write down that somebody else looked at an access. The caller writes the audit row.

    Raises:
        ConflictError: it was reviewed already, or it is the reviewer's own.
        NotFoundError: there is no such access.
    """
    access = _locked(session, access_id)
    if access.reviewed_at is not None:
        raise ConflictError("Somebody else has reviewed this access meanwhile. Look at the list again.")
    if access.user_id == reviewer_id:
        raise ConflictError("Nobody reviews their own access. Ask another administrator.")
    with conflict_as(session, "This user does not exist."):
        access.reviewed_by, access.reviewed_at = reviewer_id, now or utc_now()
    return access


def _locked(session: Session, access_id: str) -> EmergencyAccess:
    """The access, read anew and locked against a concurrent change (on SQLite the transaction is the lock)."""
    statement = select(EmergencyAccess).where(EmergencyAccess.id == access_id).with_for_update()
    access = session.exec(statement.execution_options(populate_existing=True)).first()
    if access is None:
        raise NotFoundError("This emergency access does not exist.")
    return access


def _checked_reason(reason: str) -> str:
    try:
        text = checked_lines(reason, "reason", REASON_MAX)
    except ValueError as error:
        raise ValidationError(str(error)) from None
    if len("".join(text.split())) < REASON_MIN:
        raise ValidationError(f"Say why you need this record now, in at least {REASON_MIN} letters.")
    return text
