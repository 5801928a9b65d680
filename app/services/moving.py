"""Moving a visit that was filed under the wrong patient: shown with both names first, then moved as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from app.services.access import patient_for, recording_for
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from clinic_data import audit, holds, moving, recordings, teams
from clinic_data.database import Database
from clinic_data.errors import PermissionDeniedError, ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.moving import Visit
from clinic_data.tables import Patient
from clinic_data.text_rules import has_invisible

REASON_MIN, REASON_MAX = 10, 300


@dataclass(frozen=True, slots=True)
class VisitOfPatient:
    """A visit, and whose it is now."""

    visit: Visit
    patient: Patient


@dataclass(frozen=True, slots=True)
class MovePreview:
    """What would happen, before anybody says yes.

    Attributes:
        visit: what moves.
        before: whose it is now.
        after: whose it becomes.
        reports_staying: how many reports name the patient before and stay with them.
        same_file: whether the same film is stored for the other patient already.
    """

    visit: Visit
    before: Patient
    after: Patient
    reports_staying: int
    same_file: bool


@dataclass(frozen=True, slots=True)
class Moving:
    """Use cases around visits that are filed under the wrong patient."""

    database: Database
    storage: FileVault

    def visit(self, actor: Actor | None, recording_id: str) -> VisitOfPatient:
        """The visit of a recording.

        Raises:
            NotFoundError: if there is no such recording, or it is one of another team's patient.
            ValidationError: if nobody said yet whom it shows.
        """
        actor = require(actor, Permission.MOVE_VISITS)
        with self.database.reading() as session:
            found = _visit(session, actor, recording_id)
        note_read(self.database, actor, "patient.opened", "patient", found.patient.id)
        return found

    def preview(self, actor: Actor | None, recording_id: str, to_patient_id: str) -> MovePreview:
        """What would happen if the visit were moved.

        Raises:
            NotFoundError: if there is no such recording or patient, or they are another team's.
            ValidationError: if it is this patient's already.
        """
        actor = require(actor, Permission.MOVE_VISITS)
        with self.database.reading() as session:
            found = _visit(session, actor, recording_id)
            after = patient_for(session, actor, Permission.MOVE_VISITS, to_patient_id)
            if after.id == found.patient.id:
                raise ValidationError("This visit is this patient's already. Choose another patient.")
            files = {row.sha256 for row in found.visit.recordings}
            shown = recordings.patients_by_file(session=session, sha256s=files)
        for patient in (found.patient, after):
            note_read(self.database, actor, "patient.opened", "patient", patient.id)
        staying = sum(report.patient_id == found.patient.id for report in found.visit.reports)
        same_file = any(after.id in patient_ids for patient_ids in shown.values())
        return MovePreview(found.visit, found.patient, after, staying, same_file)

    def move(
        self, actor: Actor | None, recording_id: str, from_patient_id: str, to_patient_id: str, reason: str
    ) -> Visit:
        """Moves a visit, with its files, and writes into the audit log of both patients why.

        Args:
            actor: who moves it.
            recording_id: any recording of the visit.
            from_patient_id: whose it is, as the page showed it.
            to_patient_id: whose it becomes.
            reason: why, without health data: the audit log keeps it for ever.

        Raises:
            ConflictError: if somebody else changed the visit meanwhile, a screening of it has not ended, or the patient
                is under a legal hold.
            NotFoundError: if there is no such recording or patient, or they are another team's.
            PermissionDeniedError: if the actor sees one of the patients in an emergency only.
            ValidationError: if the reason is too short or too long, or both are the same patient.
        """
        actor = require(actor, Permission.MOVE_VISITS)
        why = _checked_reason(reason)
        with self.database.transaction() as session:
            recording_for(session, actor, Permission.MOVE_VISITS, recording_id)
            for patient_id in (from_patient_id, to_patient_id):
                _check_member(session, actor, patient_for(session, actor, Permission.MOVE_VISITS, patient_id))
            holds.require_none(session=session, patient_id=from_patient_id)
            visit = moving.move_visit(
                session=session,
                recording_id=recording_id,
                from_patient_id=from_patient_id,
                to_patient_id=to_patient_id,
            )
            self.storage.give_to(session=session, keys=visit.storage_keys, patient_id=to_patient_id)
            _audit(session, actor, "visit.moved_away", from_patient_id, why, visit, {"to_patient_id": to_patient_id})
            _audit(session, actor, "visit.moved_here", to_patient_id, why, visit, {"from_patient_id": from_patient_id})
        return visit


def _visit(session: Session, actor: Actor, recording_id: str) -> VisitOfPatient:
    recording = recording_for(session, actor, Permission.MOVE_VISITS, recording_id)
    if recording.patient_id is None:
        raise ValidationError("Nobody has said yet whom this recording shows. Choose the patient on the page Batch.")
    patient = patient_for(session, actor, Permission.MOVE_VISITS, recording.patient_id)
    return VisitOfPatient(moving.visit_of(session=session, recording_id=recording_id), patient)


def _check_member(session: Session, actor: Actor, patient: Patient) -> None:
    if not teams.is_member(session=session, user_id=actor.user_id, team_id=patient.team_id):
        raise PermissionDeniedError(
            "You see one of these patients in an emergency only. Ask a member of the patient's team to move the visit."
        )


def _checked_reason(reason: str) -> str:
    text = " ".join(reason.split())
    if not REASON_MIN <= len(text) <= REASON_MAX or has_invisible(text):
        raise ValidationError(f"Say why the visit is moved, in {REASON_MIN} to {REASON_MAX} printable characters.")
    return text


def _audit(
    session: Session, actor: Actor, action: str, patient_id: str, why: str, visit: Visit, details: dict[str, Any]
) -> None:
    moved = {
        "recordings": [row.id for row in visit.recordings],
        "assessments": [row.id for row in visit.assessments],
        "notes": len(visit.notes),
    }
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="patient",
        subject_id=patient_id,
        details=details | moved,
        why=why,
    )
