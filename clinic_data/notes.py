"""Notes on a patient or on one of the patient's assessments. A correction is a new row."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from clinic_data.assessments import get_assessment
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import NotFoundError, ValidationError
from clinic_data.patients import get_patient
from clinic_data.text_rules import checked_lines
from clinic_data.visit_tables import PatientNote

TEXT_MAX = 4000


def add_note(
    *,
    session: Session,
    patient_id: str,
    text: str,
    actor_id: str | None,
    assessment_id: str | None = None,
    created_at: datetime | None = None,
) -> PatientNote:
    """Write a note.

    Args:
        session: a session of ``Database.transaction()``.
        patient_id: whom it is on.
        text: up to 4000 characters, new lines allowed.
        actor_id: who writes it.
        assessment_id: the assessment that it is on, if any.
        created_at: None: now. For simulated clinics, whose notes lie in the past.

    Raises:
        NotFoundError: there is no such patient or assessment.
        ValidationError: the text is empty, too long or holds invisible characters, or the assessment is not of this
            patient.
    """
    get_patient(session=session, patient_id=patient_id)
    if assessment_id is not None:
        assessment = get_assessment(session=session, assessment_id=assessment_id)
        if assessment.patient_id != patient_id:
            raise ValidationError("This assessment is of another patient.")
    note = PatientNote(
        patient_id=patient_id,
        assessment_id=assessment_id,
        text=_checked(text),
        created_by=actor_id,
        created_at=created_at or utc_now(),
    )
    with conflict_as(session, "This note refers to a row that does not exist."):
        session.add(note)
    return note


def correct_note(*, session: Session, note_id: str, text: str, actor_id: str | None) -> PatientNote:
    """Replace the note that was read as ``note_id``; what it said is kept.

    Raises:
        ConflictError: somebody else corrected it meanwhile.
        NotFoundError: there is no such note.
        ValidationError: the text is empty, too long or holds invisible characters.
    """
    before = session.get(PatientNote, note_id)
    if before is None:
        raise NotFoundError("This note does not exist.")
    note = PatientNote(
        patient_id=before.patient_id,
        assessment_id=before.assessment_id,
        text=_checked(text),
        replaces_id=note_id,
        created_by=actor_id,
    )
    with conflict_as(session, _MEANWHILE):
        session.add(note)
    return note


_MEANWHILE = (
    "Somebody else corrected this note while you were editing. Reload the page, compare, and enter your correction "
    "again; nothing was overwritten."
)


def list_notes(*, session: Session, patient_id: str) -> list[tuple[PatientNote, list[PatientNote]]]:
    """The notes on a patient as they are now, the newest begun first, each with what it replaced, newest first."""
    statement = select(PatientNote).where(col(PatientNote.patient_id) == patient_id)
    rows = {note.id: note for note in session.exec(statement).all()}
    replaced = {note.replaces_id for note in rows.values()}
    found: list[tuple[PatientNote, list[PatientNote]]] = []
    for note in rows.values():
        if note.id not in replaced:
            earlier: list[PatientNote] = []
            before = rows.get(note.replaces_id or "")
            while before is not None:
                earlier.append(before)
                before = rows.get(before.replaces_id or "")
            found.append((note, earlier))
    return sorted(found, key=_begun, reverse=True)


def _begun(entry: tuple[PatientNote, list[PatientNote]]) -> tuple[datetime, str]:
    note, earlier = entry
    first = earlier[-1] if earlier else note
    return first.created_at, first.id


def _checked(text: str) -> str:
    try:
        checked = checked_lines(text, "note", TEXT_MAX)
    except ValueError as error:
        raise ValidationError(str(error)) from None
    if not checked:
        raise ValidationError("Write something into the note first.")
    return checked
