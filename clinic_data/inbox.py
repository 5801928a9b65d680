"""Recordings that came in without work: who they show is still to be said, or their screening still to be queued."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import Mapped
from sqlmodel import Session, and_, col, or_, select

from clinic_data import holds, recordings
from clinic_data.errors import ConflictError
from clinic_data.jobs import ENDED
from clinic_data.paging import Page, read_page
from clinic_data.tables import Assessment, Job, Patient, Recording
from clinic_data.visit_tables import AssessmentClip


def list_waiting(
    *, session: Session, limit: int = 50, offset: int = 0, team_ids: Collection[str] | None = None
) -> Page[Recording]:
    """Recordings for which no work was ever queued, with or without a patient, the oldest first.

    Args:
        session: any session.
        limit, offset: of the page.
        team_ids: only those of patients of these teams, of all staff and of nobody; None: all.
    """
    statement = select(Recording).where(_is_waiting(), _of_teams(col(Recording.patient_id), team_ids))
    order = (col(Recording.created_at), col(Recording.id))
    return read_page(session, statement, order=order, limit=limit, offset=offset)


def list_assigned(*, session: Session, team_ids: Collection[str] | None = None) -> list[Recording]:
    """Those of them whose patient is known, the oldest first; ``team_ids`` as in `list_waiting`."""
    statement = select(Recording).where(
        _is_waiting(), col(Recording.patient_id).is_not(None), _of_teams(col(Recording.patient_id), team_ids)
    )
    return list(session.exec(statement.order_by(col(Recording.created_at), col(Recording.id))).all())


def lock_assigned(*, session: Session, team_ids: Collection[str] | None = None) -> list[Recording]:
    """The same for who queues them in this transaction: nobody else can queue or discard them meanwhile."""
    waiting = [recording.id for recording in list_assigned(session=session, team_ids=team_ids)]
    recordings.lock_recordings(session=session, recording_ids=waiting)
    return list_assigned(session=session, team_ids=team_ids)  # without those that somebody queued while we waited


def list_jobs(
    *, session: Session, kind: str, limit: int = 50, offset: int = 0, team_ids: Collection[str] | None = None
) -> Page[Job]:
    """The jobs of one kind, the newest first; ``team_ids`` as in `list_waiting`."""
    order = (col(Job.created_at).desc(), col(Job.id))
    statement = select(Job).where(Job.kind == kind, _of_teams(col(Job.patient_id), team_ids))
    return read_page(session, statement, order=order, limit=limit, offset=offset)


def list_jobs_of_patient(*, session: Session, patient_id: str, kind: str) -> list[Job]:
    """The jobs of one kind for a patient, the newest first."""
    statement = select(Job).where(col(Job.patient_id) == patient_id, Job.kind == kind)
    return list(session.exec(statement.order_by(col(Job.created_at).desc(), col(Job.id))).all())


def unfinished_jobs(*, session: Session, kinds: Collection[str]) -> list[Job]:
    """The jobs of some kinds that wait or run."""
    statement = select(Job).where(col(Job.kind).in_(kinds), col(Job.state).not_in(ENDED))
    return list(session.exec(statement).all())


def assign(*, session: Session, recording_id: str, patient_id: str, expected_patient_id: str | None) -> Recording:
    """Say whom a waiting recording shows. The caller writes the audit row.

    Args:
        session: a session of ``Database.transaction()``.
        recording_id: the recording.
        patient_id: whom it shows.
        expected_patient_id: whose it was when the caller read it.

    Raises:
        NotFoundError: there is no such recording.
        ConflictError: somebody else assigned or queued it meanwhile, there is no such patient, or who it was said to
            show is under a legal hold.
    """
    recording = _waiting(session, recording_id)
    if recording.patient_id != expected_patient_id:
        raise ConflictError("Somebody else has assigned this recording meanwhile. Look at the list again.")
    if recording.patient_id is not None:
        holds.require_none(session=session, patient_id=recording.patient_id)
    return recordings.assign_patient(session=session, recording_id=recording_id, patient_id=patient_id)


def discard(*, session: Session, recording_id: str) -> str:
    """Delete the row of a waiting recording. The caller writes the audit row and deletes the file afterwards.

    Returns:
        The key of its file.

    Raises:
        NotFoundError: there is no such recording.
        ConflictError: work was queued for it, so that other rows may refer to it; or its patient is under a legal hold.
    """
    recording = _waiting(session, recording_id)
    if recording.patient_id is not None:
        holds.require_none(session=session, patient_id=recording.patient_id)
    session.delete(recording)
    session.flush()
    return recording.storage_key


def _of_teams(patient_id: Mapped[str | None], team_ids: Collection[str] | None) -> ColumnElement[bool]:
    """Whether a row is nobody's, or of a patient of all staff or of one of the teams; None: any row."""
    if team_ids is None:
        return true()
    shown = or_(col(Patient.team_id).is_(None), col(Patient.team_id).in_(sorted(team_ids)))
    return or_(patient_id.is_(None), select(Patient.id).where(col(Patient.id) == patient_id, shown).exists())


def _is_waiting() -> ColumnElement[bool]:
    """Nobody began to work on the recording, and its video is still there."""
    return and_(~_has_job(), col(Recording.video_removed_at).is_(None))


def _has_job() -> ColumnElement[bool]:
    return select(Job.id).where(col(Job.recording_id) == col(Recording.id)).exists()


def _waiting(session: Session, recording_id: str) -> Recording:
    """The recording, locked; it has neither jobs nor assessments."""
    (recording,) = recordings.lock_recordings(session=session, recording_ids=[recording_id])
    for table in (Job, Assessment, AssessmentClip):
        if session.exec(select(table.id).where(col(table.recording_id) == recording_id).limit(1)).first() is not None:
            raise ConflictError("This recording is queued or screened already.")
    return recording
