"""Decisions: whether a clinician accepts a score or overrides it. A change of mind is a new row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from sqlmodel import Session, col, select

from clinic_data.assessments import get_assessment
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.outcomes import LABELS, current_outcomes
from clinic_data.problem_sentences import problem_sentences
from clinic_data.text_rules import checked_lines
from clinic_data.visit_tables import ScoreDecision, Verdict

REASON_MAX = 1000
_DEPRESSION = "depression"


class DecisionData(BaseModel):
    """What a clinician decides about one score, checked.

    Build it from a form with ``DecisionData.checked(...)``, whose errors are sentences.

    Attributes:
        task: scoliosis or depression.
        verdict: accepted or overridden.
        label: the class that the clinician sets instead; for an overridden score only.
        reason: needed for an overridden score, up to 1000 characters.
        phq9_waived_reason: why a depression score is accepted without a PHQ-9 total on record.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    task: str
    verdict: Verdict
    label: str | None = None
    reason: Annotated[str, AfterValidator(lambda value: checked_lines(value, "reason", REASON_MAX))] = ""
    phq9_waived_reason: Annotated[str, AfterValidator(lambda value: checked_lines(value, "reason", REASON_MAX))] = ""

    @classmethod
    def checked(cls, **fields: Any) -> DecisionData:
        """Build from form values.

        Raises:
            ValidationError: every problem in one text, a sentence each.
        """
        try:
            return cls(**fields)
        except pydantic.ValidationError as error:
            raise ValidationError(problem_sentences(error, "decision")) from None

    @model_validator(mode="after")
    def _belongs_together(self) -> DecisionData:
        if self.task not in LABELS:
            raise ValueError(f"A decision is about one of the tasks: {', '.join(LABELS)}.")
        if self.verdict is Verdict.OVERRIDDEN:
            if self.label not in LABELS[self.task]:
                raise ValueError("Choose what you set instead of the score.")
            if not self.reason:
                raise ValueError("Say why you override the score.")
        elif self.label is not None:
            raise ValueError("An accepted score keeps its own class. Choose to override it if you set another one.")
        if self.phq9_waived_reason and (self.task != _DEPRESSION or self.verdict is not Verdict.ACCEPTED):
            raise ValueError("Only an accepted depression score asks for a PHQ-9.")
        return self


def decide(
    *,
    session: Session,
    assessment_id: str,
    data: DecisionData,
    expected_id: str | None,
    actor_id: str | None,
    decided_at: datetime | None = None,
) -> ScoreDecision:
    """Record a decision, or change the one that was read as ``expected_id``.

    Args:
        session: a session of ``Database.transaction()``.
        assessment_id: whose score it is about.
        data: what is decided.
        expected_id: the present decision on this task as the clinician saw it; None: there was none.
        actor_id: who decides.
        decided_at: None: now. For simulated clinics, whose decisions lie in the past.

    Raises:
        NotFoundError: there is no such assessment.
        ConflictError: somebody else decided meanwhile.
        ValidationError: the assessment has no score of this task, or a depression score is accepted without a PHQ-9
            total on record and without a reason for that.
    """
    assessment = get_assessment(session=session, assessment_id=assessment_id)
    if data.task not in {score["task"] for score in assessment.result.get("scores", ())}:
        raise ValidationError("This assessment has no score of this kind to decide about.")
    present = current_decisions(session=session, assessment_id=assessment_id).get(data.task)
    if (present.id if present else None) != expected_id:
        raise ConflictError(_MEANWHILE)
    if data.task == _DEPRESSION and data.verdict is Verdict.ACCEPTED and not data.phq9_waived_reason:
        outcome = current_outcomes(session=session, assessment_id=assessment_id).get(_DEPRESSION)
        if outcome is None or outcome.phq9_total is None:
            raise ValidationError(PHQ9_NEEDED)
    decision = ScoreDecision(
        assessment_id=assessment_id,
        replaces_id=expected_id,
        decided_by=actor_id,
        created_at=decided_at or utc_now(),
        **data.model_dump(),
    )
    with conflict_as(session, _MEANWHILE):
        session.add(decision)
    return decision


PHQ9_NEEDED = (
    "A depression score never stands alone. Record the PHQ-9 total first, or say why the score is accepted without one."
)
_MEANWHILE = (
    "Somebody else decided about this score while you were editing. Reload the page, compare, and decide again; "
    "nothing was overwritten."
)


def current_decisions(*, session: Session, assessment_id: str) -> dict[str, ScoreDecision]:
    """The present decision on each task that has one."""
    found = decisions_of(session=session, assessment_ids=[assessment_id])
    return found.get(assessment_id, {})


def decisions_of(*, session: Session, assessment_ids: Collection[str]) -> dict[str, dict[str, ScoreDecision]]:
    """The present decisions by assessment and task; assessments without any are missing."""
    wanted = sorted(set(assessment_ids))
    statement = select(ScoreDecision).where(col(ScoreDecision.assessment_id).in_(wanted))
    rows = session.exec(statement).all() if wanted else ()
    found: dict[str, dict[str, ScoreDecision]] = {}
    for decision in _not_replaced(rows):
        found.setdefault(decision.assessment_id, {})[decision.task] = decision
    return found


def decision_history(*, session: Session, assessment_id: str, task: str) -> list[ScoreDecision]:
    """The decision on a task with everything that it replaced, newest first."""
    statement = select(ScoreDecision).where(ScoreDecision.assessment_id == assessment_id, ScoreDecision.task == task)
    rows = {decision.id: decision for decision in session.exec(statement).all()}
    history: list[ScoreDecision] = []
    following = next(iter(_not_replaced(list(rows.values()))), None)
    while following is not None:
        history.append(following)
        following = rows.get(following.replaces_id or "")
    return history


def _not_replaced(decisions: Sequence[ScoreDecision]) -> list[ScoreDecision]:
    replaced = {decision.replaces_id for decision in decisions}
    return [decision for decision in decisions if decision.id not in replaced]
