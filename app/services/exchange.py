"""Results for other systems: DICOM and FHIR for records of hospitals, tables for statistics. Everything is audited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from sqlmodel import Session

from app.services.access import assessment_for, patient_for, patient_of_report
from app.services.clinic_profile import ClinicProfiles
from app.services.decisions import Decisions
from app.services.outcomes import Outcomes
from app.services.permissions import Actor, Permission, require
from app.services.reporting import Reporting
from app.services.result_tables import ExportedAssessment, result_tables
from app.settings import Settings
from clinic_data import assessments, audit, patients, recordings, teams
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.tables import Assessment, Patient, ReportKind
from reports import data_tables
from reports.data_tables import DataTable

Format = Literal["csv", "xlsx", "json"]
_PATIENTS_AT_ONCE = 200
_NOBODYS = "This assessment belongs to no patient yet."


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file to give out; its name says nothing of the patient."""

    name: str
    mime: str
    content: bytes


_WRITERS: dict[Format, tuple[str, str, Callable[[Sequence[DataTable]], bytes]]] = {
    "csv": ("csv.zip", "application/zip", data_tables.as_csv),
    "xlsx": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", data_tables.as_xlsx),
    "json": ("json", "application/json", data_tables.as_json),
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """Use cases around results that leave the clinic."""

    settings: Settings
    database: Database
    storage: FileVault

    def dicom(self, actor: Actor | None, report_id: str) -> ExportedFile:
        """A stored report as DICOM Encapsulated PDF; the same report gives the same object.

        Raises:
            NotFoundError: if there is no such report.
        """
        actor = require(actor, Permission.EXPORT)
        report = self._reporting().get(actor, report_id)
        with self.database.reading() as session:
            assessment = assessments.get_assessment(session=session, assessment_id=report.assessment_id)
            # Of whom the document speaks, even if the recording was moved to another patient afterwards.
            patient_id = patient_of_report(session, report)
            if patient_id is None:
                raise ValidationError(_NOBODYS)
            patient = patient_for(session, actor, Permission.EXPORT, patient_id)
            recording = recordings.get_recording(session=session, recording_id=assessment.recording_id)
        from reports.dicom import EncapsulatedReport, encapsulate  # here, because it is needed at no other moment

        facts: dict[str, Any] = assessment.result["model"]
        title = "Gait follow-up report" if report.kind is ReportKind.FOLLOW_UP else "Gait screening report"
        content = encapsulate(
            EncapsulatedReport(
                document=self.storage.read_bytes(report.storage_key),
                title=f"{title} {report.number}",
                report_id=report.id,
                assessment_id=assessment.id,
                number=report.number,
                made_at=report.created_at,
                record_number=patient.record_number,
                family_name=patient.family_name,
                given_name=patient.given_name,
                birth_date=patient.birth_date,
                sex=patient.sex.value,
                recorded_at=recording.recorded_at,
                clinic_name=ClinicProfiles(self.settings, self.database, self.storage).public_name,
                software_version=str(assessment.result["created_by"]),
                model=f"{facts['name']} {facts['version']}",
            )
        )
        self._note(actor, "report.exported", "report", report.id, {"number": report.number, "format": "dicom"})
        return ExportedFile(f"{report.number}.dcm", "application/dicom", content)

    def fhir(self, actor: Actor | None, report_id: str) -> ExportedFile:
        """A stored report and its result as an HL7 FHIR R4 bundle, with the present decisions.

        Raises:
            NotFoundError: if there is no such report.
            ValidationError: for a report about several visits.
        """
        actor = require(actor, Permission.EXPORT)
        reporting = self._reporting()
        report = reporting.get(actor, report_id)
        if report.kind is ReportKind.FOLLOW_UP:
            raise ValidationError(
                "A follow-up report is exchanged as PDF or DICOM. Choose the report of one assessment."
            )
        content = reporting.content_of(actor, report_id)
        from reports.fhir import ExchangedReport, bundle_json  # here, because it is needed at no other moment

        exchanged = ExchangedReport(
            content=content,
            document=self.storage.read_bytes(report.storage_key),
            report_id=report.id,
            assessment_id=report.assessment_id,
            addendum=report.kind is ReportKind.ADDENDUM,
        )
        made = bundle_json(exchanged)
        self._note(actor, "report.exported", "report", report.id, {"number": report.number, "format": "fhir"})
        return ExportedFile(f"{report.number}.fhir.json", "application/fhir+json", made)

    def assessment_tables(self, actor: Actor | None, assessment_ids: Sequence[str], kind: Format) -> ExportedFile:
        """Scores, gait parameters, decisions and outcomes of some assessments.

        Raises:
            NotFoundError: if one of them does not exist.
            ValidationError: if one belongs to nobody yet.
        """
        actor = require(actor, Permission.EXPORT)
        with self.database.reading() as session:
            found = [assessment_for(session, actor, Permission.EXPORT, each) for each in assessment_ids]
            rows = [_unfinished(session, assessment) for assessment in found]
        return self._tables(actor, rows, kind, "assessment", assessment_ids[0] if len(assessment_ids) == 1 else None)

    def patient_tables(self, actor: Actor | None, patient_id: str, kind: Format) -> ExportedFile:
        """The same of all assessments of a patient.

        Raises:
            NotFoundError: if there is no such patient.
        """
        actor = require(actor, Permission.EXPORT)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.EXPORT, patient_id)
            rows = _rows_of_patient(session, patient_id)
        return self._tables(actor, rows, kind, "patient", patient_id)

    def clinic_tables(self, actor: Actor | None, kind: Format) -> ExportedFile:
        """The same of all assessments of all patients of the actor's teams and of all staff."""
        actor = require(actor, Permission.EXPORT)
        rows: list[ExportedAssessment] = []
        offset = 0
        while True:  # until there are no more: the count of a search stops early
            with self.database.reading() as session:
                mine = teams.visible_team_ids(session=session, user_id=actor.user_id)
                page = patients.search_patients(session=session, limit=_PATIENTS_AT_ONCE, offset=offset, team_ids=mine)
                rows += [row for patient in page.rows for row in _rows_of_patient(session, patient.id)]
            if not page.rows:
                break
            offset += _PATIENTS_AT_ONCE
        return self._tables(actor, rows, kind, "clinic", None)

    def _tables(
        self, actor: Actor, rows: Sequence[ExportedAssessment], kind: Format, subject: str, subject_id: str | None
    ) -> ExportedFile:
        decided = Decisions(self.database).current_of(actor, [row.assessment.id for row in rows])
        outcomes = Outcomes(self.database)
        whole = [
            replace(
                row,
                decisions=decided.get(row.assessment.id, {}),
                outcomes={} if row.assessment.rescored_from_id else outcomes.current(actor, row.assessment.id),
            )
            for row in sorted(rows, key=lambda row: (row.record_number, row.assessment.created_at, row.assessment.id))
        ]
        ending, mime, write = _WRITERS[kind]
        content = write(result_tables(whole))
        details = {"format": kind, "assessments": len(whole)}
        self._note(actor, "results.exported", subject, subject_id, details)
        return ExportedFile(f"fgait-{subject}-{datetime.now(UTC):%Y%m%d-%H%M%S}.{ending}", mime, content)

    def _reporting(self) -> Reporting:
        return Reporting(self.settings, self.database, self.storage)

    def _note(
        self, actor: Actor, action: str, subject: str, subject_id: str | None, details: dict[str, str | int]
    ) -> None:
        with self.database.transaction() as session:
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action=action,
                subject_type=subject,
                subject_id=subject_id,
                details=dict(details),
            )


def _patient_of(session: Session, assessment: Assessment) -> Patient:
    if assessment.patient_id is None:
        raise ValidationError(_NOBODYS)
    return patients.get_patient(session=session, patient_id=assessment.patient_id)


def _rows_of_patient(session: Session, patient_id: str) -> list[ExportedAssessment]:
    found = assessments.list_assessments(session=session, patient_id=patient_id)
    return [_unfinished(session, assessment) for assessment in found]


def _unfinished(session: Session, assessment: Assessment) -> ExportedAssessment:
    """Without decisions and outcomes, which are read for many at once."""
    patient = _patient_of(session, assessment)
    recording = recordings.get_recording(session=session, recording_id=assessment.recording_id)
    return ExportedAssessment(
        assessment, patient.record_number, patient.sex.value, patient.birth_date, recording.recorded_at, {}, {}
    )
