"""Assessments: what the engine found in a recording."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import NotFoundError
from clinic_data.json_values import checked_json
from clinic_data.tables import Assessment


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
    created_by: str | None = None,
    created_at: datetime | None = None,
) -> Assessment:
    """Store a result. Do it in the transaction that ends the job.

    ``created_at`` (None: now) is for simulated clinics, whose assessments lie in the past.

    Raises:
        ConflictError: the job has an assessment already, or a row that it refers to does not exist.
        ValidationError: the result is no JSON.
    """
    assessment = Assessment(
        patient_id=patient_id,
        recording_id=recording_id,
        job_id=job_id,
        model_version_id=model_version_id,
        result=checked_json(result),
        silhouettes_key=silhouettes_key,
        overlay_key=overlay_key,
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
