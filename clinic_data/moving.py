"""Moving a visit to another patient, where it was filed under the wrong one.

A visit is a recording with everything that was made from it: assessments, those of the same silhouettes by other
model versions, recordings that were assessed together with it, decisions, outcomes and the notes on its assessments.
All of it moves or none. Reports do not move: they name the patient whom they were made for, and stay with them.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from clinic_data import change_permit, recordings, sealed_rows
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.jobs import ENDED
from clinic_data.patients import get_patient
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.tables import Assessment, Job, Recording, Report
from clinic_data.visit_tables import AssessmentClip, PatientNote, ScoreDecision

_PERMIT = "visit moved"


@dataclass(frozen=True, slots=True)
class Visit:
    """What moves together, the oldest first; ``reports`` are about it, but stay with the patient whom they name."""

    patient_id: str | None
    recordings: tuple[Recording, ...]
    assessments: tuple[Assessment, ...]
    clips: tuple[AssessmentClip, ...]
    notes: tuple[PatientNote, ...]
    decisions: tuple[ScoreDecision, ...]
    outcomes: tuple[ConfirmedOutcome, ...]
    reports: tuple[Report, ...]

    @property
    def storage_keys(self) -> frozenset[str]:
        """The files that move along: videos that are kept, silhouettes, clips with the outline."""
        made_from = (key for row in (*self.assessments, *self.clips) for key in (row.silhouettes_key, row.overlay_key))
        videos = (row.storage_key for row in self.recordings if row.video_removed_at is None)
        return frozenset(key for key in (*videos, *made_from) if key)


def visit_of(*, session: Session, recording_id: str) -> Visit:
    """Everything that belongs to a recording.

    Raises:
        NotFoundError: there is no such recording.
    """
    patient_id = recordings.get_recording(session=session, recording_id=recording_id).patient_id
    recording_ids, assessment_ids = _connected(session, recording_id)
    of_assessments = col(AssessmentClip.assessment_id).in_(assessment_ids)
    return Visit(
        patient_id=patient_id,
        recordings=tuple(
            session.exec(
                select(Recording).where(col(Recording.id).in_(recording_ids)).order_by(col(Recording.created_at))
            ).all()
        ),
        assessments=tuple(
            session.exec(
                select(Assessment).where(col(Assessment.id).in_(assessment_ids)).order_by(col(Assessment.created_at))
            ).all()
        ),
        clips=tuple(session.exec(select(AssessmentClip).where(of_assessments)).all()),
        notes=tuple(_notes(session, assessment_ids)),
        decisions=tuple(
            session.exec(select(ScoreDecision).where(col(ScoreDecision.assessment_id).in_(assessment_ids))).all()
        ),
        outcomes=tuple(
            session.exec(select(ConfirmedOutcome).where(col(ConfirmedOutcome.assessment_id).in_(assessment_ids))).all()
        ),
        reports=tuple(session.exec(select(Report).where(col(Report.assessment_id).in_(assessment_ids))).all()),
    )


def move_visit(*, session: Session, recording_id: str, from_patient_id: str, to_patient_id: str) -> Visit:
    """Give a visit to another patient, and seal its rows with that patient's key.

    The caller gives the files their new key, and writes the audit rows, in the same transaction.

    Args:
        session: a session of ``Database.transaction()``.
        recording_id: any recording of the visit.
        from_patient_id: whose it is, as the caller showed it.
        to_patient_id: whose it becomes.

    Returns:
        The visit as it is now.

    Raises:
        ConflictError: it is somebody else's by now, or work on it has not ended.
        NotFoundError: there is no such recording or patient.
        ValidationError: both are the same patient.
    """
    if from_patient_id == to_patient_id:
        raise ValidationError("This visit is this patient's already. Choose another patient.")
    get_patient(session=session, patient_id=to_patient_id)
    ids = [row.id for row in visit_of(session=session, recording_id=recording_id).recordings]
    recordings.lock_recordings(session=session, recording_ids=ids)
    visit = visit_of(session=session, recording_id=recording_id)
    if [row.id for row in visit.recordings] != ids or {row.patient_id for row in visit.recordings} != {from_patient_id}:
        raise ConflictError("Somebody else has changed this visit meanwhile. Look at it again; nothing was moved.")
    if _work_goes_on(session, visit):
        raise ConflictError("A screening of this visit has not ended. Wait for it, or cancel it; then move the visit.")
    with (
        change_permit.permitted(session=session, purpose=_PERMIT),
        conflict_as(session, "This patient does not exist."),
    ):
        for row in (*visit.recordings, *visit.assessments, *visit.notes, *_jobs(session, ids)):
            row.patient_id = to_patient_id
        session.flush()
        # They have no patient of their own: their assessment's is theirs, and its key seals them.
        sealed_rows.reseal(session=session, rows=[*visit.decisions, *visit.outcomes])
        session.flush()
    return visit_of(session=session, recording_id=recording_id)


def _connected(session: Session, recording_id: str) -> tuple[set[str], set[str]]:
    """Recordings and assessments that hang together: found from either side until there are no more."""
    recording_ids, assessment_ids = {recording_id}, set[str]()
    while True:
        clips = select(AssessmentClip.assessment_id).where(col(AssessmentClip.recording_id).in_(recording_ids))
        made_from = or_(col(Assessment.recording_id).in_(recording_ids), col(Assessment.id).in_(clips))
        found = session.exec(select(Assessment.id, Assessment.recording_id).where(made_from)).all()
        assessment_ids |= {row[0] for row in found}
        together = select(AssessmentClip.recording_id).where(col(AssessmentClip.assessment_id).in_(assessment_ids))
        more = {row[1] for row in found} | set(session.exec(together).all())
        if more <= recording_ids:
            return recording_ids, assessment_ids
        recording_ids |= more


def _notes(session: Session, assessment_ids: Collection[str]) -> list[PatientNote]:
    """The notes on assessments, with what they replaced and what replaced them."""
    about = select(PatientNote.patient_id).where(col(PatientNote.assessment_id).in_(assessment_ids))
    of_patients = session.exec(select(PatientNote).where(col(PatientNote.patient_id).in_(about))).all()
    by_id = {note.id: note for note in of_patients}

    def first(note: PatientNote) -> str:
        while note.replaces_id is not None:
            note = by_id[note.replaces_id]
        return note.id

    begun = {first(note) for note in of_patients if note.assessment_id in assessment_ids}
    return [note for note in of_patients if first(note) in begun]


def _jobs(session: Session, recording_ids: Collection[str]) -> list[Job]:
    return list(session.exec(select(Job).where(col(Job.recording_id).in_(recording_ids))).all())


def _work_goes_on(session: Session, visit: Visit) -> bool:
    """Whether a job that waits or runs is about the visit: alone, together with others, or to score it again."""
    ids = {row.id for row in (*visit.recordings, *visit.assessments)}
    unfinished = select(Job).where(col(Job.patient_id) == visit.patient_id, col(Job.state).not_in(ENDED))
    return any(
        job.recording_id in ids or any(row_id in json.dumps(job.payload) for row_id in ids)
        for job in session.exec(unfinished).all()
    )
