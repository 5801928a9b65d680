"""Reports: made once, signed, kept, and given out byte for byte from then on.

A report is never changed. What is to be said differently is a new version, which supersedes the one before; an addendum
is a new version with a text that a clinician adds. Each carries a code with which anybody who holds it can verify it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from app.services import report_sources
from app.services.access import assessment_for, patient_for, report_for, seen_reports
from app.services.clinic_profile import ClinicProfiles
from app.services.decisions import Decisions
from app.services.follow_up import FollowUps
from app.services.notes import Notes
from app.services.outcomes import Outcomes
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from app.services.report_content import report_from_result
from app.services.report_making import Draft, ReportMaking
from app.settings import Settings
from clinic_data import assessments, audit, recordings
from clinic_data import reports as report_rows
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.tables import Assessment, Patient, Recording, Report, ReportKind
from fgait_core.sequence import SilhouetteSequence
from reports.content import ScreeningReport
from reports.follow_up_content import FollowUpReport
from reports.record_blocks import AddendumBlock

_MOVED = "The recording was moved to another patient after this report was made. Make a new version first."


@dataclass(frozen=True, slots=True)
class Reporting:
    """Use cases around reports."""

    settings: Settings
    database: Database
    storage: FileVault

    def create(self, actor: Actor | None, assessment_id: str, language: str | None = None) -> Report:
        """Renders, signs and stores the report of an assessment; it supersedes the newest that there is.

        Args:
            actor: who orders it.
            assessment_id: what it tells.
            language: of its text; the clinic's choice if not given.

        Raises:
            ConflictError: if somebody else made one meanwhile.
            NotFoundError: if there is no such assessment.
            ValidationError: if the assessment belongs to nobody, or its result cannot be printed or signed.
        """
        actor = require(actor, Permission.WRITE_REPORTS)
        with self.database.reading() as session:
            assessment_for(session, actor, Permission.WRITE_REPORTS, assessment_id)
            rows = report_rows.list_reports(session=session, assessment_id=assessment_id)
        # Of a moved visit the newest one may name a patient of another team: it is superseded all the same.
        before = newest_version(row for row in rows if row.kind is not ReportKind.FOLLOW_UP)
        return self._make(actor, assessment_id, language or self._language(actor), before, ReportKind.ASSESSMENT)

    def add_addendum(self, actor: Actor | None, report_id: str, text: str) -> Report:
        """Makes the next version of a report, in the same language, with a text that a clinician adds.

        Raises:
            ConflictError: if the report was superseded meanwhile.
            NotFoundError: if there is no such report.
            ValidationError: if there is no text or it cannot be stored, or the report is one about several visits.
        """
        actor = require(actor, Permission.WRITE_REPORTS)
        text = report_rows.checked_addendum(text)
        before = self.get(actor, report_id)
        if before.kind is ReportKind.FOLLOW_UP:
            raise ValidationError("A follow-up report takes no addendum. Write a note and make a new version.")
        with self.database.reading() as session:
            assessment = assessments.get_assessment(session=session, assessment_id=before.assessment_id)
            if before.patient_id not in {None, assessment.patient_id}:
                raise ValidationError(_MOVED)
        return self._make(actor, before.assessment_id, before.language, before, ReportKind.ADDENDUM, text)

    def create_follow_up(self, actor: Actor | None, patient_id: str, language: str | None = None) -> Report:
        """Renders, signs and stores a report over all visits of a patient; it supersedes the newest of its kind.

        Raises:
            ConflictError: if somebody else made one meanwhile.
            NotFoundError: if there is no such patient.
            ValidationError: if no visit has a result, or the report cannot be printed or signed.
        """
        actor = require(actor, Permission.WRITE_REPORTS)
        language = language or self._language(actor)
        visits = FollowUps(self.database).visits(actor, patient_id, language)
        if not visits:
            raise ValidationError("This patient has no result yet. A follow-up report needs at least one.")
        newest = visits[-1].newest.assessment
        with self.database.reading() as session:
            patient = patient_for(session, actor, Permission.WRITE_REPORTS, patient_id)
        earlier = (row for row in self.list_of_patient(actor, patient_id) if row.kind is ReportKind.FOLLOW_UP)
        making = self._making()
        draft = making.draft(newest.id, patient_id, ReportKind.FOLLOW_UP, newest_version(earlier), language)
        try:
            content = FollowUpReport(
                clinic=report_sources.clinic_block(self._profiles().read(actor)),
                report_number=draft.number,
                created_at=draft.at,
                created_by=actor.display_name,
                software_version=str(newest.result["created_by"]),
                patient=report_sources.patient_block(patient),
                visits=report_sources.visit_blocks(visits),
                notes=report_sources.note_blocks(Notes(self.database).of_patient(actor, patient_id)),
                version=draft.version,
                language=language,
            )
        except ValueError as error:
            raise ValidationError(f"This result cannot be printed: {error}") from error
        return making.finish(actor, draft, content)

    def get(self, actor: Actor | None, report_id: str) -> Report:
        """One report.

        Raises:
            NotFoundError: if there is no such report.
        """
        actor = require(actor, Permission.READ_REPORTS)
        with self.database.reading() as session:
            report = report_for(session, actor, Permission.READ_REPORTS, report_id)
        note_read(self.database, actor, "report.opened", "report", report_id)
        return report

    def list_of_assessment(self, actor: Actor | None, assessment_id: str) -> tuple[Report, ...]:
        """The reports of an assessment with their addenda, newest first; none about several visits.

        Of a visit that was moved, those that name a patient of another team are left out.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        actor = require(actor, Permission.READ_REPORTS)
        with self.database.reading() as session:
            assessment_for(session, actor, Permission.READ_REPORTS, assessment_id)
            rows = report_rows.list_reports(session=session, assessment_id=assessment_id)
            found = seen_reports(session, actor, rows)
        note_read(self.database, actor, "assessment.opened", "assessment", assessment_id)
        return tuple(row for row in found if row.kind is not ReportKind.FOLLOW_UP)

    def list_of_patient(self, actor: Actor | None, patient_id: str) -> tuple[Report, ...]:
        """All reports on a patient, newest first.

        Raises:
            NotFoundError: if there is no such patient.
        """
        actor = require(actor, Permission.READ_REPORTS)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.READ_REPORTS, patient_id)
            found = tuple(report_rows.list_for_patient(session=session, patient_id=patient_id))
        note_read(self.database, actor, "patient.opened", "patient", patient_id)
        return found

    def read_pdf(self, actor: Actor | None, report_id: str) -> bytes:
        """The stored PDF, as it was made; writes into the audit log that it was given out."""
        actor = require(actor, Permission.READ_REPORTS)
        with self.database.transaction() as session:
            report = report_for(session, actor, Permission.READ_REPORTS, report_id)
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="report.downloaded",
                subject_type="report",
                subject_id=report.id,
                details={"number": report.number, "sha256": report.sha256},
            )
        return self.storage.read_bytes(report.storage_key)

    def content_of(self, actor: Actor | None, report_id: str) -> ScreeningReport:
        """What a stored report of one assessment tells, with the decisions and outcomes of this moment.

        Raises:
            NotFoundError: if there is no such report.
            ValidationError: if the result cannot be told, or is another patient's by now.
        """
        report = self.get(actor, report_id)
        actor = require(actor, Permission.READ_REPORTS)
        with self.database.reading() as session:
            assessment, recording, patient = _subject(session, actor, report.assessment_id)
            if report.patient_id not in {None, patient.id}:
                raise ValidationError(_MOVED)
            before = (
                report_rows.get_report(session=session, report_id=report.supersedes_id)
                if report.supersedes_id
                else None
            )
        draft = Draft(
            assessment_id=assessment.id,
            patient_id=patient.id,
            kind=report.kind,
            number=report.number,
            code=report.verification_code or "",
            at=report.created_at,
            before=before,
            language=report.language,
            addendum=report.addendum,
        )
        try:
            return self._content(actor, draft, assessment, recording, patient)
        except ValueError as error:
            raise ValidationError(f"This result cannot be told: {error}") from error

    def _make(
        self,
        actor: Actor,
        assessment_id: str,
        language: str,
        before: Report | None,
        kind: ReportKind,
        addendum: str | None = None,
    ) -> Report:
        with self.database.reading() as session:
            assessment, recording, patient = _subject(session, actor, assessment_id)
        making = self._making()
        draft = making.draft(assessment_id, patient.id, kind, before, language, addendum)
        try:
            content = self._content(actor, draft, assessment, recording, patient)
        except ValueError as error:
            raise ValidationError(f"This result cannot be printed: {error}") from error
        return making.finish(actor, draft, content)

    def _content(
        self, actor: Actor, draft: Draft, assessment: Assessment, recording: Recording, patient: Patient
    ) -> ScreeningReport:
        profile = self._profiles().read(actor)
        before = draft.before
        addendum = AddendumBlock(draft.addendum, before.number, before.version) if draft.addendum and before else None
        return report_from_result(
            assessment.result,
            self._silhouettes(assessment),
            report_sources.patient_block(patient),
            clinic_name=profile.name,
            report_number=draft.number,
            created_by=actor.display_name,
            created_at=draft.at,
            recorded_at=recording.recorded_at,
            language=draft.language,
            clinic=report_sources.clinic_block(profile),
            decisions=report_sources.decision_blocks(Decisions(self.database).current(actor, assessment.id)),
            outcomes=report_sources.outcome_lines(Outcomes(self.database).current(actor, assessment.id)),
            addendum=addendum,
            version=draft.version,
            supersedes=before.number if before else "",
        )

    def _silhouettes(self, assessment: Assessment) -> NDArray[np.uint8]:
        if not assessment.silhouettes_key:
            return np.zeros((0, 64, 44), np.uint8)
        with self.storage.open(assessment.silhouettes_key) as file:
            return SilhouetteSequence.load(file).frames

    def _making(self) -> ReportMaking:
        return ReportMaking(self.settings, self.database, self.storage)

    def _profiles(self) -> ClinicProfiles:
        return ClinicProfiles(self.settings, self.database, self.storage)

    def _language(self, actor: Actor) -> str:
        return self._profiles().read(actor).report_language


def superseding(reports: Iterable[Report]) -> dict[str, Report]:
    """The next version of each report that has one, by the report's id."""
    return {row.supersedes_id: row for row in reports if row.supersedes_id}


def newest_version(reports: Iterable[Report]) -> Report | None:
    """The newest of the reports, newest first, that nothing supersedes."""
    rows = tuple(reports)
    newer = superseding(rows)
    return next((row for row in rows if row.id not in newer), None)


def _subject(session: Session, actor: Actor, assessment_id: str) -> tuple[Assessment, Recording, Patient]:
    assessment = assessment_for(session, actor, Permission.READ_REPORTS, assessment_id)
    if assessment.patient_id is None:
        raise ValidationError("This assessment belongs to no patient yet.")
    recording = recordings.get_recording(session=session, recording_id=assessment.recording_id)
    return assessment, recording, patient_for(session, actor, Permission.READ_REPORTS, assessment.patient_id)
