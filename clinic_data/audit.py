"""The audit trail: who did what to which row, when, from where and why. ``record`` is the only way to write it.

Call ``record`` in the same transaction as what it records: then neither exists without the other. Put ids and
plain facts in ``details``, never a name, a birth date or a password: the trail outlives an erased patient.

The rows are kept with the session and written right before its commit (`write_pending`), because whoever appends to
the chain holds the lock of its head: the shorter, the better, and after it no other lock is asked for. A rolled-back
transaction or savepoint takes its rows along.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from clinic_data import audit_writing
from clinic_data.audit_reading import AuditFilter, list_rows
from clinic_data.audit_text import checked_name, plain_json, plain_text
from clinic_data.errors import ValidationError
from clinic_data.tables import AuditRow

__all__ = ["AuditFilter", "Origin", "list_rows", "origin", "record", "write_pending"]

MAX_WHY = 500
write_pending = audit_writing.write_pending


@dataclass(frozen=True, slots=True)
class Origin:
    """From where something is done.

    Attributes:
        address: of the visitor's computer, or a word for a process of the server.
        session: a short hash that tells sign-in sessions apart, "" where nobody is signed in.
    """

    address: str = ""
    session: str = ""


origin: ContextVar[Origin] = ContextVar("audit_origin", default=Origin())  # noqa: B039 - frozen
"""From where the present call comes; set where a request, a page, a worker or a command begins."""


def record(
    *,
    session: Session,
    actor_id: str | None,
    action: str,
    subject_type: str,
    subject_id: str | None,
    details: dict[str, Any] | None = None,
    why: str = "",
    patient_id: str | None = None,
) -> AuditRow:
    """Write down that ``actor_id`` (None: nobody is signed in) did ``action`` to ``subject_type`` ``subject_id``.

    Control characters and line breaks in any text are written as ``\\u000a``, so that nothing can feign a row.

    Args:
        session: a session of ``Database.transaction()``.
        actor_id: the user, or None.
        action: a verb in the past, e.g. ``"patient.created"``; at most 60 characters.
        subject_type: the kind of row, e.g. ``"patient"``; at most 40 characters.
        subject_id: the id of the row, or None.
        details: further facts, as JSON.
        why: the reason that a person gave; longer ones are cut after 500 characters.
        patient_id: whom it concerns; by default found from the subject.

    Returns:
        The row, which gets its number and its place in the chain at the commit.

    Raises:
        ValidationError: ``details`` is no JSON, or a name is not made of ``a-z 0-9 _ .``, is empty or too long.
    """
    if subject_id is not None and len(subject_id) > 64:
        raise ValidationError("An audit row names the id of its subject: up to 64 characters.")
    here = origin.get()
    facts = plain_json(details or {})
    row = AuditRow(
        actor_id=actor_id,
        action=checked_name(action, 60),
        subject_type=checked_name(subject_type, 40),
        subject_id=None if subject_id is None else plain_text(subject_id)[:64],
        patient_id=patient_id,
        address=plain_text(here.address)[:64],
        session_id=plain_text(here.session)[:16],
        why=plain_text(why.strip())[:MAX_WHY],
        details=facts,
        previous_mac="",
        mac="",
    )
    audit_writing.keep(session, row)
    return row
