"""Shadow scores: what a candidate says of an assessment beside the version in production. No clinician sees them."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, select

from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError
from clinic_data.json_values import checked_json
from clinic_data.retraining_tables import ShadowScore
from clinic_data.tables import Assessment


def add(*, session: Session, assessment_id: str, model_version_id: str, scores: list[dict[str, Any]]) -> ShadowScore:
    """Store a candidate's scores of an assessment; repeating it changes nothing.

    Raises:
        ConflictError: there is no such assessment or version.
        ValidationError: the scores are no JSON.
    """
    existing = _find(session, assessment_id, model_version_id)
    if existing is not None:
        return existing
    plain = checked_json({"scores": scores})["scores"]
    score = ShadowScore(assessment_id=assessment_id, model_version_id=model_version_id, scores=plain)
    try:
        with conflict_as(session, "The assessment or model version of a shadow score does not exist."):
            session.add(score)
    except ConflictError:
        existing = _find(session, assessment_id, model_version_id)  # another worker may have stored it meanwhile
        if existing is None:
            raise
        return existing
    return score


def list_for_version(*, session: Session, model_version_id: str) -> list[tuple[ShadowScore, Assessment]]:
    """What a version scored in the shadow, each with its assessment; the oldest assessment first."""
    statement = (
        select(ShadowScore, Assessment)
        .join(Assessment, col(Assessment.id) == col(ShadowScore.assessment_id))
        .where(ShadowScore.model_version_id == model_version_id)
        .order_by(col(Assessment.created_at), col(Assessment.id))
    )
    return [(score, assessment) for score, assessment in session.exec(statement).all()]


def _find(session: Session, assessment_id: str, model_version_id: str) -> ShadowScore | None:
    statement = select(ShadowScore).where(
        ShadowScore.assessment_id == assessment_id, ShadowScore.model_version_id == model_version_id
    )
    return session.exec(statement).first()
