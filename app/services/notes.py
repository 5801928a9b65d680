"""Notes on patients: read, written, corrected without losing what they said."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from app.services.access import assessment_for, note_for, patient_for
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from app.services.user_names import user_names
from clinic_data import audit, notes
from clinic_data.database import Database
from clinic_data.visit_tables import PatientNote


@dataclass(frozen=True, slots=True)
class NoteVersion:
    """What a note said, and the name of who wrote that."""

    note: PatientNote
    written_by: str


@dataclass(frozen=True, slots=True)
class NoteView:
    """A note as it is now, and what it said before, newest first."""

    note: PatientNote
    written_by: str
    earlier: tuple[NoteVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Notes:
    """Use cases around notes."""

    database: Database

    def of_patient(self, actor: Actor | None, patient_id: str) -> tuple[NoteView, ...]:
        """The notes on a patient, the newest first.

        Raises:
            NotFoundError: if there is no such patient.
        """
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.READ_PATIENTS, patient_id)
            found = notes.list_notes(session=session, patient_id=patient_id)
            names = user_names(session, (row.created_by for note, earlier in found for row in (note, *earlier)))
        note_read(self.database, actor, "patient.opened", "patient", patient_id)
        return tuple(
            NoteView(note, names[note.created_by], tuple(NoteVersion(row, names[row.created_by]) for row in earlier))
            for note, earlier in found
        )

    def add(self, actor: Actor | None, patient_id: str, text: str, assessment_id: str | None = None) -> PatientNote:
        """Writes a note on a patient, or on one of the patient's assessments.

        Raises:
            NotFoundError: if there is no such patient or assessment.
            ValidationError: if the text is empty or cannot be stored, or the assessment is another patient's.
        """
        actor = require(actor, Permission.WRITE_NOTES)
        with self.database.transaction() as session:
            patient_for(session, actor, Permission.WRITE_NOTES, patient_id)
            if assessment_id is not None:
                assessment_for(session, actor, Permission.WRITE_NOTES, assessment_id)
            note = notes.add_note(
                session=session,
                patient_id=patient_id,
                text=text,
                actor_id=actor.user_id,
                assessment_id=assessment_id,
            )
            _audit(session, actor, "note.added", note)
        return note

    def correct(self, actor: Actor | None, note_id: str, text: str) -> PatientNote:
        """Replaces what a note says; what it said before is kept.

        Raises:
            ConflictError: if somebody else corrected it meanwhile.
            NotFoundError: if there is no such note.
            ValidationError: if the text is empty or cannot be stored.
        """
        actor = require(actor, Permission.WRITE_NOTES)
        with self.database.transaction() as session:
            note_for(session, actor, Permission.WRITE_NOTES, note_id)
            note = notes.correct_note(session=session, note_id=note_id, text=text, actor_id=actor.user_id)
            _audit(session, actor, "note.corrected", note)
        return note


def _audit(session: Session, actor: Actor, action: str, note: PatientNote) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="patient_note",
        subject_id=note.id,
        details={
            "patient_id": note.patient_id,
            "assessment_id": note.assessment_id,
            "replaces_id": note.replaces_id,
        },
    )
