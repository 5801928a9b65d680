"""Whose data an actor may see or change: the permission first, then the team.

Every use case that takes an id of patient data passes it through here, and never a row that came from a page.
What belongs to another team's patient is answered exactly as what does not exist, so that nobody learns from an answer
which ids there are. Recordings, jobs and assessments of nobody yet (the inbox) are everybody's who has the permission.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlmodel import Session

from app.services.permissions import Actor, Permission, require
from app.services.screening_jobs import SCREENING_KINDS
from clinic_data import assessments, jobs, patients, recordings, reports, teams
from clinic_data.errors import NotFoundError, PermissionDeniedError
from clinic_data.tables import Assessment, Job, Patient, Recording, Report
from clinic_data.visit_tables import PatientNote

_ID = re.compile("[0-9A-Za-z]{1,32}", re.ASCII)


class PatientOfOtherTeamError(PermissionDeniedError):
    """The patient is another team's; who may break the glass learns that from `PatientRecords.open` alone."""


def sees(session: Session, actor: Actor, patient_id: str | None) -> bool:
    """Whether the actor's teams, or access in an emergency, show them a patient; what is nobody's is everybody's."""
    return patient_id is None or teams.may_see(session=session, user_id=actor.user_id, patient_id=patient_id)


def check_form(kind: str, row_id: str) -> None:
    """Refuses an id that no row can have: it must not reach the database, where some texts are a fault in PostgreSQL.

    Args:
        kind: of the row, as "patient".
        row_id: as it came from outside.

    Raises:
        NotFoundError: it is no id; the sentence is that for an unknown one.
    """
    if not _ID.fullmatch(row_id):
        raise NotFoundError(_UNKNOWN[kind])


def is_of_other_team(session: Session, actor: Actor, patient_id: str) -> bool:
    """Whether there is such a patient whom the actor does not see; only for who may break the glass."""
    if not _ID.fullmatch(patient_id) or session.get(Patient, patient_id) is None:
        return False
    return not sees(session, actor, patient_id)


def patient_for(session: Session, actor: Actor | None, permission: Permission, patient_id: str) -> Patient:
    """The patient, if the actor may.

    Args:
        session: of the use case.
        actor: who asks.
        permission: what the use case needs.
        patient_id: as it came from outside.

    Raises:
        NotFoundError: there is no such patient, or it is one of another team.
        PermissionDeniedError: the role does not allow it.
    """
    actor = require(actor, permission)
    check_form("patient", patient_id)
    patient = patients.get_patient(session=session, patient_id=patient_id)
    _check_team(session, actor, "patient", patient.id)
    return patient


def recording_for(session: Session, actor: Actor | None, permission: Permission, recording_id: str) -> Recording:
    """The recording, if the actor may; see `patient_for`."""
    actor = require(actor, permission)
    check_form("recording", recording_id)
    recording = recordings.get_recording(session=session, recording_id=recording_id)
    _check_team(session, actor, "recording", recording.patient_id)
    return recording


def lock_recordings_for(
    session: Session, actor: Actor | None, permission: Permission, recording_ids: Sequence[str]
) -> list[Recording]:
    """The recordings, in their order, locked for who queues work for them; see `patient_for`."""
    actor = require(actor, permission)
    for recording_id in recording_ids:
        check_form("recording", recording_id)
    found = recordings.lock_recordings(session=session, recording_ids=recording_ids)
    for patient_id in {recording.patient_id for recording in found}:
        _check_team(session, actor, "recording", patient_id)
    return found


def assessment_for(session: Session, actor: Actor | None, permission: Permission, assessment_id: str) -> Assessment:
    """The assessment, if the actor may; see `patient_for`."""
    actor = require(actor, permission)
    check_form("assessment", assessment_id)
    assessment = assessments.get_assessment(session=session, assessment_id=assessment_id)
    _check_team(session, actor, "assessment", assessment.patient_id)
    return assessment


def job_for(session: Session, actor: Actor | None, permission: Permission, job_id: str) -> Job:
    """A job of the screening, if the actor may; see `patient_for`. Other jobs, as retrainings, count as unknown."""
    actor = require(actor, permission)
    check_form("job", job_id)
    job = jobs.get_job(session=session, job_id=job_id)
    if job.kind not in SCREENING_KINDS:
        raise NotFoundError(_UNKNOWN["job"])
    _check_team(session, actor, "job", job.patient_id)
    return job


def report_for(session: Session, actor: Actor | None, permission: Permission, report_id: str) -> Report:
    """The report, if the actor may see the patient whom it names, even if the visit is another patient's by now."""
    actor = require(actor, permission)
    check_form("report", report_id)
    report = reports.get_report(session=session, report_id=report_id)
    _check_team(session, actor, "report", patient_of_report(session, report))
    return report


def note_for(session: Session, actor: Actor | None, permission: Permission, note_id: str) -> PatientNote:
    """The note, if the actor may; see `patient_for`."""
    actor = require(actor, permission)
    check_form("note", note_id)
    note = session.get(PatientNote, note_id)
    if note is None:
        raise NotFoundError(_UNKNOWN["note"])
    _check_team(session, actor, "note", note.patient_id)
    return note


def seen_assessments(session: Session, actor: Actor, assessment_ids: Iterable[str]) -> list[Assessment]:
    """Those of the assessments that exist and that the actor sees; for lists, where one more or less is no error."""
    wanted = [assessment_id for assessment_id in dict.fromkeys(assessment_ids) if _ID.fullmatch(assessment_id)]
    found = [row for row in (session.get(Assessment, each) for each in wanted) if row is not None]
    visible = {patient_id: sees(session, actor, patient_id) for patient_id in {row.patient_id for row in found}}
    return [row for row in found if visible[row.patient_id]]


def seen_reports(session: Session, actor: Actor, found: Iterable[Report]) -> list[Report]:
    """Those of the reports whose patient the actor sees; a moved visit may have reports that name another one."""
    return [report for report in found if sees(session, actor, patient_of_report(session, report))]


def patient_of_report(session: Session, report: Report) -> str | None:
    """Whom a report names; reports of early releases do not say so themselves."""
    if report.patient_id is not None:
        return report.patient_id
    return assessments.get_assessment(session=session, assessment_id=report.assessment_id).patient_id


_UNKNOWN = {
    kind: f"This {kind} does not exist." for kind in ("patient", "recording", "assessment", "job", "report", "note")
}
"""The sentences of `clinic_data`; the tests hold the two against each other."""


def _check_team(session: Session, actor: Actor, kind: str, patient_id: str | None) -> None:
    if not sees(session, actor, patient_id):
        raise NotFoundError(_UNKNOWN[kind])
