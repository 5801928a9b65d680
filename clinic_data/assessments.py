"""Assessments: what the engine found in a recording."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.json_values import checked_json
from clinic_data.tables import Assessment

MIN_HEIGHT_CM, MAX_HEIGHT_CM = 40.0, 260.0


def add_assessment(
    *,
    session: Session,
    patient_id: str | None,
    recording_id: str,
    job_id: str,
    model_version_id: str,
    result: dict[str, Any],
    silhouettes_key: str | None = None,
    overlay_key: str | None = None,
    body_height_cm: float | None = None,
    rescored_from_id: str | None = None,
    created_by: str | None = None,
    created_at: datetime | None = None,
) -> Assessment:
    """Store a result. Do it in the transaction that ends the job.

    Args:
        session: a session of ``Database.transaction()``.
        patient_id: whose walk it is, or None while that is not known.
        recording_id: the leading recording.
        job_id: the job that made it.
        model_version_id: the version that scored.
        result: what the engine gave.
        silhouettes_key: of the leading recording.
        overlay_key: likewise.
        body_height_cm: as it was on that day, where it was measured.
        rescored_from_id: the assessment whose silhouettes were scored anew; of a rescored one its origin is kept.
        created_by: who asked for it.
        created_at: None: now. For simulated clinics, whose assessments lie in the past.

    Raises:
        ConflictError: the job has an assessment already, the origin was scored by this version already, or a row that
            it refers to does not exist.
        NotFoundError: there is no assessment ``rescored_from_id``.
        ValidationError: the result is no JSON, or nobody is that tall.
    """
    if body_height_cm is not None and not MIN_HEIGHT_CM <= body_height_cm <= MAX_HEIGHT_CM:
        raise ValidationError("A body height is given in cm, from 40 to 260. Leave it empty if it is not known.")
    origin_id = origin_of(session=session, assessment_id=rescored_from_id) if rescored_from_id else None
    if origin_id and _scored_by(session, origin_id, model_version_id):
        raise ConflictError("This assessment was scored by this model version already.")
    assessment = Assessment(
        patient_id=patient_id,
        recording_id=recording_id,
        job_id=job_id,
        model_version_id=model_version_id,
        result=checked_json(result),
        silhouettes_key=silhouettes_key,
        overlay_key=overlay_key,
        body_height_cm=body_height_cm,
        rescored_from_id=origin_id,
        created_by=created_by,
        created_at=created_at or utc_now(),
    )
    with conflict_as(session, "This job has its assessment already, or a row that the assessment needs is missing."):
        session.add(assessment)
    return assessment


def get_assessment(*, session: Session, assessment_id: str) -> Assessment:
    """Read one assessment.

    Raises:
        NotFoundError: there is no such assessment.
    """
    assessment = session.get(Assessment, assessment_id)
    if assessment is None:
        raise NotFoundError("This assessment does not exist.")
    return assessment


def find_for_job(*, session: Session, job_id: str) -> Assessment | None:
    """The assessment that the job made, or None: what makes a repeated task idempotent."""
    return session.exec(select(Assessment).where(Assessment.job_id == job_id)).first()


def list_assessments(*, session: Session, patient_id: str | None) -> list[Assessment]:
    """The assessments of a patient (None: of nobody yet), newest first."""
    statement = select(Assessment).where(col(Assessment.patient_id) == patient_id)
    return list(session.exec(statement.order_by(col(Assessment.created_at).desc(), col(Assessment.id))).all())


def list_for_recording(*, session: Session, recording_id: str) -> list[Assessment]:
    """The assessments of a recording, newest first."""
    statement = select(Assessment).where(col(Assessment.recording_id) == recording_id)
    return list(session.exec(statement.order_by(col(Assessment.created_at).desc(), col(Assessment.id))).all())


def origin_of(*, session: Session, assessment_id: str) -> str:
    """The assessment whose silhouettes this one was scored from; its own id where it was not rescored.

    Raises:
        NotFoundError: there is no such assessment.
    """
    return get_assessment(session=session, assessment_id=assessment_id).rescored_from_id or assessment_id


def list_siblings(*, session: Session, assessment_id: str) -> list[Assessment]:
    """The original assessment and all that were rescored from it, the original first, then by time.

    Raises:
        NotFoundError: there is no such assessment.
    """
    origin_id = origin_of(session=session, assessment_id=assessment_id)
    rescored = select(Assessment).where(col(Assessment.rescored_from_id) == origin_id)
    order = (col(Assessment.created_at), col(Assessment.id))
    return [
        get_assessment(session=session, assessment_id=origin_id),
        *session.exec(rescored.order_by(*order)).all(),
    ]


def _scored_by(session: Session, origin_id: str, model_version_id: str) -> bool:
    siblings = list_siblings(session=session, assessment_id=origin_id)
    return any(sibling.model_version_id == model_version_id for sibling in siblings)
