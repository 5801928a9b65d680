"""Confirmed outcomes: what turned out to be true of an assessment's task. A correction is a new row.

An outcome is about the person on that day, not about the model: of an assessment that another model version rescored,
it is recorded at the original one, whichever of the two is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session, col, select

from clinic_data.assessments import get_assessment
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.problem_sentences import problem_sentences
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.tables import Assessment, Patient, Recording
from clinic_data.text_rules import checked_lines

NOT_KNOWN = "not_known"
LABELS = {"scoliosis": ("negative", "neutral", "positive"), "depression": ("no", "yes")}
METHODS = {
    "scoliosis": ("radiograph", "forward_bend_test", NOT_KNOWN),
    "depression": ("clinical_diagnosis", NOT_KNOWN),
}
PHQ9_MAX = 27
_EARLIEST = date(1900, 1, 1)
_NOTE_MAX = 1000


class OutcomeData(BaseModel):
    """What a clinician states about the outcome of one task, checked.

    Build it from a form with ``OutcomeData.checked(...)``, whose errors are sentences.

    Attributes:
        task: scoliosis or depression.
        label: the class that was found, one of ``LABELS``; None where nothing is known.
        method: how it was found, one of ``METHODS``.
        examined_on: the day of the examination; needed for every method but ``not_known``, and for a PHQ-9 total.
        phq9_total: 0 to 27, for depression only; it may be known without a diagnosis.
        note: up to 1000 characters, new lines allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    task: str
    label: str | None = None
    method: str
    examined_on: Annotated[date, AfterValidator(lambda value: _examination_date(value))] | None = None
    phq9_total: Annotated[int, Field(strict=True), AfterValidator(lambda value: _phq9_total(value))] | None = None
    note: Annotated[str, AfterValidator(lambda value: checked_lines(value, "note", _NOTE_MAX))] = ""

    @classmethod
    def checked(cls, **fields: Any) -> OutcomeData:
        """Build from form values.

        Raises:
            ValidationError: every problem in one text, a sentence each.
        """
        try:
            return cls(**fields)
        except pydantic.ValidationError as error:
            raise ValidationError(problem_sentences(error, "outcome")) from None

    @model_validator(mode="after")
    def _belongs_together(self) -> OutcomeData:
        if self.task not in LABELS:
            raise ValueError(f"An outcome is of one of the tasks: {', '.join(LABELS)}.")
        if self.method not in METHODS[self.task]:
            raise ValueError(f"An outcome of {self.task} is known by one of: {', '.join(METHODS[self.task])}.")
        if self.label is not None and self.label not in LABELS[self.task]:
            raise ValueError(f"An outcome of {self.task} is one of: {', '.join(LABELS[self.task])}.")
        if (self.label is None) != (self.method == NOT_KNOWN):
            raise ValueError("Say both what was found and how it was found, or that the outcome is not known.")
        if self.phq9_total is not None and self.task != "depression":
            raise ValueError("A PHQ-9 total belongs to depression.")
        self._has_its_date()
        return self

    def _has_its_date(self) -> None:
        examined = self.method != NOT_KNOWN or self.phq9_total is not None
        if examined and self.examined_on is None:
            raise ValueError("Enter the date of the examination.")
        if not examined and self.examined_on is not None:
            raise ValueError("An outcome that is not known has no date of examination. Remove the date.")


@dataclass(frozen=True, slots=True)
class ConfirmedAssessment:
    """An assessment with its present outcome, and whom it shows."""

    outcome: ConfirmedOutcome
    assessment: Assessment
    recording: Recording
    patient: Patient | None


def record_outcome(
    *,
    session: Session,
    assessment_id: str,
    data: OutcomeData,
    expected_id: str | None,
    actor_id: str | None,
    confirmed_at: datetime | None = None,
) -> ConfirmedOutcome:
    """Record an outcome, or correct the one that was read as ``expected_id``.

    Args:
        session: a session of ``Database.transaction()``.
        assessment_id: whose outcome it is.
        data: what is stated.
        expected_id: the present outcome of this task as the clinician saw it; None: there was none.
        actor_id: who states it.
        confirmed_at: None: now. For simulated clinics, whose outcomes were confirmed in the past.

    Raises:
        NotFoundError: there is no such assessment.
        ConflictError: somebody else recorded or corrected this outcome meanwhile.
        ValidationError: the examination was before the patient's birth.
    """
    assessment = get_assessment(session=session, assessment_id=assessment_id)
    patient = session.get(Patient, assessment.patient_id) if assessment.patient_id else None
    if patient and data.examined_on and data.examined_on < patient.birth_date:
        raise ValidationError("The examination lies before the patient's birth. Check the date.")
    present = current_outcomes(session=session, assessment_id=assessment_id).get(data.task)
    if (present.id if present else None) != expected_id:
        raise ConflictError(_MEANWHILE)
    outcome = ConfirmedOutcome(
        assessment_id=_origin(session, assessment_id),
        replaces_id=expected_id,
        confirmed_by=actor_id,
        created_at=confirmed_at or utc_now(),
        **data.model_dump(),
    )
    with conflict_as(session, _MEANWHILE):
        session.add(outcome)
    return outcome


_MEANWHILE = (
    "Somebody else recorded this outcome while you were editing. Reload the page, compare, and enter your correction "
    "again; nothing was overwritten."
)


def current_outcomes(*, session: Session, assessment_id: str) -> dict[str, ConfirmedOutcome]:
    """The present outcome of each task that has one."""
    statement = select(ConfirmedOutcome).where(ConfirmedOutcome.assessment_id == _origin(session, assessment_id))
    return {outcome.task: outcome for outcome in _not_replaced(session.exec(statement).all())}


def outcome_history(*, session: Session, assessment_id: str, task: str) -> list[ConfirmedOutcome]:
    """The outcome of a task with everything that it replaced, newest first."""
    statement = select(ConfirmedOutcome).where(
        ConfirmedOutcome.assessment_id == _origin(session, assessment_id), ConfirmedOutcome.task == task
    )
    rows = {outcome.id: outcome for outcome in session.exec(statement).all()}
    history: list[ConfirmedOutcome] = []
    following = next(iter(_not_replaced(list(rows.values()))), None)
    while following is not None:
        history.append(following)
        following = rows.get(following.replaces_id or "")
    return history


def list_confirmed(*, session: Session, task: str) -> list[ConfirmedAssessment]:
    """Every assessment that has an outcome of the task, with the present one; the oldest assessment first.

    Outcomes that are not known are among them: ``outcome.label`` is None.
    """
    statement = (
        select(ConfirmedOutcome, Assessment, Recording, Patient)
        .join(Assessment, col(Assessment.id) == col(ConfirmedOutcome.assessment_id))
        .join(Recording, col(Recording.id) == col(Assessment.recording_id))
        .join(Patient, col(Patient.id) == col(Assessment.patient_id), isouter=True)
        .where(ConfirmedOutcome.task == task)
        .where(col(ConfirmedOutcome.id).not_in(select(_replaced()).where(_replaced().is_not(None))))
        .order_by(col(Assessment.created_at), col(Assessment.id))
    )
    return [
        ConfirmedAssessment(outcome=outcome, assessment=assessment, recording=recording, patient=patient)
        for outcome, assessment, recording, patient in session.exec(statement).all()
    ]


def _origin(session: Session, assessment_id: str) -> str:
    assessment = session.get(Assessment, assessment_id)
    return (assessment.rescored_from_id if assessment else None) or assessment_id


def _replaced() -> Any:
    return col(ConfirmedOutcome.replaces_id)


def _not_replaced(outcomes: Sequence[ConfirmedOutcome]) -> list[ConfirmedOutcome]:
    replaced = {outcome.replaces_id for outcome in outcomes}
    return [outcome for outcome in outcomes if outcome.id not in replaced]


def _examination_date(value: date) -> date:
    # The day has already begun in time zones up to 14 hours ahead of UTC.
    if value > (utc_now() + timedelta(hours=14)).date():
        raise ValueError("The date of the examination is in the future. Check the year.")
    if value < _EARLIEST:
        raise ValueError("The date of the examination is before 1900. Check the year.")
    return value


def _phq9_total(value: int) -> int:
    if not 0 <= value <= PHQ9_MAX:
        raise ValueError(f"A PHQ-9 total is a number from 0 to {PHQ9_MAX}.")
    return value
