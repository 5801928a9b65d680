"""Confirmed outcomes: what turned out to be true of a screened patient, with corrections and who made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from app.services.access import assessment_for
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from clinic_data import audit, outcomes, users
from clinic_data.database import Database
from clinic_data.outcomes import OutcomeData
from clinic_data.retraining_tables import ConfirmedOutcome

PHQ9_CUT_OFF = 10
"""From this total on the PHQ-9 counts as positive (Kroenke, Spitzer and Williams, J Gen Intern Med 16:606, 2001)."""
FAR_APART_DAYS = {"scoliosis": 183, "depression": 31}
"""An examination further from the walk than this may have found another state than the walk showed."""


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """An outcome and the name of who recorded it."""

    outcome: ConfirmedOutcome
    confirmed_by: str


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Use cases around confirmed outcomes."""

    database: Database

    def current(self, actor: Actor | None, assessment_id: str) -> dict[str, OutcomeView]:
        """The present outcome of each task of an assessment that has one.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            assessment_for(session, actor, Permission.READ_RESULTS, assessment_id)
            found = outcomes.current_outcomes(session=session, assessment_id=assessment_id)
            views = {task: _view(session, outcome) for task, outcome in found.items()}
        note_read(self.database, actor, "assessment.opened", "assessment", assessment_id)
        return views

    def history(self, actor: Actor | None, assessment_id: str, task: str) -> tuple[OutcomeView, ...]:
        """The outcome of a task with all that it replaced, newest first.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            assessment_for(session, actor, Permission.READ_RESULTS, assessment_id)
            found = outcomes.outcome_history(session=session, assessment_id=assessment_id, task=task)
            views = tuple(_view(session, outcome) for outcome in found)
        note_read(self.database, actor, "assessment.opened", "assessment", assessment_id)
        return views

    def record(
        self, actor: Actor | None, assessment_id: str, data: OutcomeData, expected_id: str | None
    ) -> ConfirmedOutcome:
        """Records an outcome, or corrects the one with `expected_id`; nothing is overwritten.

        Raises:
            ConflictError: if somebody else recorded or corrected it meanwhile.
            NotFoundError: if there is no such assessment.
            ValidationError: if the examination was before the patient's birth.
        """
        actor = require(actor, Permission.CONFIRM_OUTCOMES)
        with self.database.transaction() as session:
            assessment_for(session, actor, Permission.CONFIRM_OUTCOMES, assessment_id)
            outcome = outcomes.record_outcome(
                session=session,
                assessment_id=assessment_id,
                data=data,
                expected_id=expected_id,
                actor_id=actor.user_id,
            )
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="outcome.corrected" if expected_id else "outcome.recorded",
                subject_type="confirmed_outcome",
                subject_id=outcome.id,
                details={"assessment_id": assessment_id, "task": outcome.task, "replaces_id": expected_id},
            )
        return outcome


def remarks(outcome: ConfirmedOutcome, walked_on: date) -> tuple[str, ...]:
    """What is unusual about an outcome and worth a second look; nothing of it is refused.

    Args:
        outcome: as it was recorded.
        walked_on: the day of the recording.
    """
    return tuple(filter(None, (_phq9_remark(outcome), _date_remark(outcome, walked_on))))


def _phq9_remark(outcome: ConfirmedOutcome) -> str:
    total = outcome.phq9_total
    if total is None or outcome.label is None or (total >= PHQ9_CUT_OFF) == (outcome.label == "yes"):
        return ""
    side, found = ("at or above", "no depression") if total >= PHQ9_CUT_OFF else ("below", "depression")
    return (
        f"The PHQ-9 total of {total} is {side} the usual cut-off of {PHQ9_CUT_OFF}, while the diagnosis is {found}. "
        "That can be right. The diagnosis counts as the outcome; correct the entry if one of the two is a slip."
    )


def _date_remark(outcome: ConfirmedOutcome, walked_on: date) -> str:
    if outcome.examined_on is None:
        return ""
    days = (outcome.examined_on - walked_on).days
    if abs(days) <= FAR_APART_DAYS.get(outcome.task, max(FAR_APART_DAYS.values())):
        return ""
    return (
        f"The examination was {abs(days)} days {'after' if days > 0 else 'before'} the walk. The patient's state may "
        "have changed in between."
    )


def _view(session: Session, outcome: ConfirmedOutcome) -> OutcomeView:
    who = users.get_user(session=session, user_id=outcome.confirmed_by).display_name if outcome.confirmed_by else ""
    return OutcomeView(outcome, who or "unknown")
