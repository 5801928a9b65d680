"""Reports: made once from a stored result, kept, and given out byte for byte from then on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from app.services.permissions import Actor, Permission, require
from app.services.report_content import report_from_result
from app.settings import Settings
from clinic_data import assessments, audit, patients, recordings
from clinic_data import reports as report_rows
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.storage import Storage
from clinic_data.tables import Assessment, Patient, Recording, Report
from fgait_core.sequence import SilhouetteSequence
from reports.content import PatientBlock


@dataclass(frozen=True, slots=True)
class Reporting:
    """Use cases around reports."""

    settings: Settings
    database: Database
    storage: Storage

    def create(self, actor: Actor | None, assessment_id: str, language: str = "en") -> Report:
        """Renders and stores the report of an assessment.

        Raises:
            NotFoundError: if there is no such assessment.
            ValidationError: if the assessment belongs to nobody, or its result cannot be printed.
        """
        actor = require(actor, Permission.WRITE_REPORTS)
        assessment, recording, patient = self._read(assessment_id)
        with self.database.transaction() as session:
            number = report_rows.reserve_number(session=session)
        try:
            content = report_from_result(
                assessment.result,
                self._silhouettes(assessment),
                patient_block(patient),
                clinic_name=self.settings.clinic_name,
                report_number=number,
                created_by=actor.display_name,
                created_at=datetime.now(UTC),
                recorded_at=recording.recorded_at,
                language=language,
            )
        except ValueError as error:
            raise ValidationError(f"This result cannot be printed: {error}") from error
        from reports.pdf import render_pdf  # here, because fonts and layout are needed at no other moment

        stored = self.storage.write_bytes(render_pdf(content))
        with self.database.transaction() as session:
            report = report_rows.add_report(
                session=session,
                assessment_id=assessment_id,
                stored=stored,
                created_by=actor.user_id,
                language=language,
                number=number,
            )
            self._audit(session, actor, "report.created", report)
        return report

    def _read(self, assessment_id: str) -> tuple[Assessment, Recording, Patient]:
        with self.database.reading() as session:
            assessment = assessments.get_assessment(session=session, assessment_id=assessment_id)
            if assessment.patient_id is None:
                raise ValidationError("This assessment belongs to no patient yet.")
            recording = recordings.get_recording(session=session, recording_id=assessment.recording_id)
            return assessment, recording, patients.get_patient(session=session, patient_id=assessment.patient_id)

    def _silhouettes(self, assessment: Assessment) -> NDArray[np.uint8]:
        if not assessment.silhouettes_key:
            return np.zeros((0, 64, 44), np.uint8)
        return SilhouetteSequence.load(self.storage.path(assessment.silhouettes_key)).frames

    def list_of_assessment(self, actor: Actor | None, assessment_id: str) -> tuple[Report, ...]:
        """The reports of an assessment, newest first."""
        require(actor, Permission.READ_REPORTS)
        with self.database.reading() as session:
            return tuple(report_rows.list_reports(session=session, assessment_id=assessment_id))

    def read_pdf(self, actor: Actor | None, report_id: str) -> bytes:
        """The stored PDF, as it was made; writes into the audit log that it was given out."""
        actor = require(actor, Permission.READ_REPORTS)
        with self.database.transaction() as session:
            report = report_rows.get_report(session=session, report_id=report_id)
            self._audit(session, actor, "report.downloaded", report)
        return self.storage.read_bytes(report.storage_key)

    def _audit(self, session: Session, actor: Actor, action: str, report: Report) -> None:
        audit.record(
            session=session,
            actor_id=actor.user_id,
            action=action,
            subject_type="report",
            subject_id=report.id,
            details={"number": report.number, "sha256": report.sha256},
        )


def patient_block(patient: Patient) -> PatientBlock:
    """The patient as printed."""
    return PatientBlock(
        record_number=patient.record_number,
        family_name=patient.family_name,
        given_name=patient.given_name,
        birth_date=patient.birth_date,
        sex=patient.sex.value,
    )
