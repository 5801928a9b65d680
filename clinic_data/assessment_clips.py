"""The recordings of an assessment that was made from several; an assessment of one has no rows here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from clinic_data.database import conflict_as
from clinic_data.errors import ValidationError
from clinic_data.tables import Assessment
from clinic_data.visit_tables import AssessmentClip


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """One recording of an assessment, and what was made of it; a refused one has neither silhouettes nor overlay."""

    recording_id: str
    silhouettes_key: str | None = None
    overlay_key: str | None = None


def add_clips(*, session: Session, assessment_id: str, clips: Sequence[ClipFiles]) -> list[AssessmentClip]:
    """Store the recordings of an assessment, in the order of the result's ``clips``.

    Do it in the transaction that stores the assessment.

    Raises:
        ConflictError: the assessment has its clips already, or a row does not exist.
        ValidationError: there are fewer than two, or one recording is there twice.
    """
    if len(clips) < 2 or len({clip.recording_id for clip in clips}) < len(clips):
        raise ValidationError("An assessment of several recordings needs at least two, each of them once.")
    rows = [
        AssessmentClip(
            assessment_id=assessment_id,
            recording_id=clip.recording_id,
            position=position,
            silhouettes_key=clip.silhouettes_key,
            overlay_key=clip.overlay_key,
        )
        for position, clip in enumerate(clips)
    ]
    with conflict_as(session, "This assessment has its recordings already, or a row that it needs is missing."):
        session.add_all(rows)
    return rows


def list_clips(*, session: Session, assessment_id: str) -> list[AssessmentClip]:
    """The recordings of an assessment by position; empty where there was one only."""
    statement = select(AssessmentClip).where(col(AssessmentClip.assessment_id) == assessment_id)
    return list(session.exec(statement.order_by(col(AssessmentClip.position))).all())


def list_for_recording(*, session: Session, recording_id: str) -> list[AssessmentClip]:
    """Where a recording was assessed together with others."""
    statement = select(AssessmentClip).where(col(AssessmentClip.recording_id) == recording_id)
    return list(session.exec(statement.order_by(col(AssessmentClip.assessment_id))).all())


def assessed_recordings(*, session: Session, patient_id: str) -> frozenset[str]:
    """The recordings of a patient that an assessment was made from, alone or together with others."""
    alone = select(Assessment.recording_id).where(col(Assessment.patient_id) == patient_id)
    together = (
        select(AssessmentClip.recording_id)
        .join(Assessment, col(Assessment.id) == col(AssessmentClip.assessment_id))
        .where(col(Assessment.patient_id) == patient_id)
    )
    return frozenset([*session.exec(alone).all(), *session.exec(together).all()])
