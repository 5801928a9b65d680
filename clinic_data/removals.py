"""What a retention rule removes, one piece at a time: each call is a short transaction of its own.

The rows change first and name the files that must go; the files go after the commit. Whoever is killed in between
leaves names behind, and the next start, or the next run, goes on with them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, func, select

from clinic_data import erased_rows
from clinic_data.clock import utc_now
from clinic_data.encryption_tables import SealedFile
from clinic_data.erased_rows import Removed
from clinic_data.errors import NotFoundError
from clinic_data.file_references import still_referenced
from clinic_data.privacy_tables import FileRemoval
from clinic_data.tables import Assessment, Job, Recording, SignInSession
from clinic_data.visit_tables import AssessmentClip

SEARCH_KINDS = ("find_people", "find_and_screen")
"""Kinds of jobs whose results hold pictures of people."""


def remove_video(*, session: Session, recording_id: str, now: datetime | None = None) -> frozenset[str]:
    """Take the video away from a recording, with its overlay clips and the pictures of people in it.

    Returns:
        The storage keys of the files that must go.

    Raises:
        NotFoundError: there is no such recording.
    """
    recording = session.get(Recording, recording_id, with_for_update=True, populate_existing=True)
    if recording is None:
        raise NotFoundError("This recording does not exist.")
    keys = {recording.storage_key} | _take_overlays(session, recording_id)
    recording.video_removed_at = recording.video_removed_at or now or utc_now()
    for job in session.exec(select(Job).where(Job.recording_id == recording_id, col(Job.kind).in_(SEARCH_KINDS))).all():
        if job.result:
            job.result = _without_pictures(job.result)
    return _to_remove(session, keys)


def _to_remove(session: Session, keys: set[str]) -> frozenset[str]:
    """Notes the files that must go: those to which nothing else refers."""
    session.flush()
    gone = keys - still_referenced(session=session, storage_keys=keys)
    erased_rows.note_removals(session=session, storage_keys=gone)
    return frozenset(gone)


def _take_overlays(session: Session, recording_id: str) -> set[str]:
    keys: set[str] = set()
    clips = session.exec(select(AssessmentClip).where(AssessmentClip.recording_id == recording_id)).all()
    rows = session.exec(select(Assessment).where(Assessment.recording_id == recording_id)).all()
    for row in (*clips, *rows):
        if row.overlay_key is not None:
            keys.add(row.overlay_key)
            row.overlay_key = None
    return keys


def _without_pictures(result: dict[str, Any]) -> dict[str, Any]:
    people: list[dict[str, Any]] = result.get("people") or []
    return {**result, "people": [{**person, "thumbnail_jpeg": ""} for person in people]} if people else result


def remove_silhouettes(*, session: Session, assessment_id: str) -> frozenset[str]:
    """Take the silhouettes away from an assessment and from those that were scored again from it.

    Returns:
        The storage keys of the files that must go.
    """
    ids = [assessment_id]
    ids += session.exec(select(Assessment.id).where(Assessment.rescored_from_id == assessment_id)).all()
    keys: set[str] = set()
    clips = session.exec(select(AssessmentClip).where(col(AssessmentClip.assessment_id).in_(ids))).all()
    rows = session.exec(select(Assessment).where(col(Assessment.id).in_(ids)).with_for_update()).all()
    for row in (*clips, *rows):
        if row.silhouettes_key is not None:
            keys.add(row.silhouettes_key)
            row.silhouettes_key = None
    return _to_remove(session, keys)


def remove_recording(*, session: Session, recording_id: str) -> Removed:
    """Remove a recording that belongs to nobody, with everything that was made of it.

    Raises:
        NotFoundError: there is no such recording, or it was given to a patient meanwhile.
    """
    recording = session.get(Recording, recording_id, with_for_update=True, populate_existing=True)
    if recording is None or recording.patient_id is not None:
        raise NotFoundError("This recording is no longer in the inbox.")
    ids = erased_rows.dependants(session=session, start={"recording": {recording_id}})
    return erased_rows.remove(session=session, ids=ids)


def remove_jobs(*, session: Session, job_ids: list[str]) -> int:
    """Remove jobs that ended; how many."""
    return session.connection().execute(delete(Job).where(col(Job.id).in_(job_ids))).rowcount


def remove_sessions(*, session: Session, session_ids: list[str]) -> int:
    """Remove sign-in sessions that are over; how many."""
    return session.connection().execute(delete(SignInSession).where(col(SignInSession.id).in_(session_ids))).rowcount


def waiting_files(*, session: Session, erasure_id: str | None = None, limit: int = 500) -> list[str]:
    """Storage keys of files that must go and perhaps have not gone yet; those of one erasure, or any."""
    statement = select(FileRemoval.storage_key).order_by(col(FileRemoval.asked_at), col(FileRemoval.storage_key))
    if erasure_id is not None:
        statement = statement.where(FileRemoval.erasure_id == erasure_id)
    return list(session.exec(statement.limit(limit)).all())


def count_waiting_files(*, session: Session) -> int:
    """How many files must go and perhaps have not gone yet."""
    return session.exec(select(func.count()).select_from(FileRemoval)).one()


def file_gone(*, session: Session, storage_key: str) -> None:
    """Forget a file that is gone, with its key."""
    session.connection().execute(delete(SealedFile).where(col(SealedFile.storage_key) == storage_key))
    session.connection().execute(delete(FileRemoval).where(col(FileRemoval.storage_key) == storage_key))
