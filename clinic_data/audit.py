"""The audit trail. ``record`` is the only way to write it; the tables refuse to change or delete a row.

Call ``record`` in the same transaction as what it records: then neither exists without the other. Put ids and
plain facts in ``details``, never a name, a birth date or a password: the trail outlives an erased patient.
"""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, select

from clinic_data.errors import ValidationError
from clinic_data.json_values import checked_json
from clinic_data.paging import Page, read_page
from clinic_data.tables import AuditRow


def record(
    *,
    session: Session,
    actor_id: str | None,
    action: str,
    subject_type: str,
    subject_id: str | None,
    details: dict[str, Any] | None = None,
) -> AuditRow:
    """Write one row: ``actor_id`` (None: nobody is signed in) did ``action`` to ``subject_type`` ``subject_id``.

    Args:
        session: a session of ``Database.transaction()``.
        actor_id: the user, or None.
        action: a verb in the past, e.g. ``"patient.created"``; at most 60 characters.
        subject_type: the kind of row, e.g. ``"patient"``; at most 40 characters.
        subject_id: the id of the row, or None.
        details: further facts, as JSON.

    Raises:
        ValidationError: ``details`` is no JSON, or a name is empty or too long.
    """
    if not 1 <= len(action) <= 60 or not 1 <= len(subject_type) <= 40 or len(subject_id or "") > 64:
        raise ValidationError("An audit row names an action (up to 60 characters) and a subject type (up to 40).")
    row = AuditRow(
        actor_id=actor_id,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        details=checked_json(details or {}),
    )
    session.add(row)
    session.flush()
    return row


def list_rows(
    *,
    session: Session,
    limit: int = 50,
    offset: int = 0,
    actor_id: str | None = None,
    action: str | None = None,
    subject_type: str | None = None,
    subject_id: str | None = None,
) -> Page[AuditRow]:
    """Read the trail, newest first; each filter that is given must match."""
    statement = select(AuditRow)
    wanted = {"actor_id": actor_id, "action": action, "subject_type": subject_type, "subject_id": subject_id}
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(getattr(AuditRow, name) == value)
    return read_page(session, statement, order=(col(AuditRow.id).desc(),), limit=limit, offset=offset)
