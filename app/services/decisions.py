"""Decisions: a clinician accepts a score or overrides it, with the reason, and may change that later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlmodel import Session

from app.services.access import assessment_for, seen_assessments
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from app.services.user_names import user_names
from clinic_data import audit, decisions
from clinic_data.database import Database
from clinic_data.decisions import DecisionData
from clinic_data.visit_tables import ScoreDecision


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision and the name of who made it."""

    decision: ScoreDecision
    decided_by_name: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """Use cases around accepting and overriding scores."""

    database: Database

    def current(self, actor: Actor | None, assessment_id: str) -> dict[str, DecisionView]:
        """The present decision on each task of an assessment that has one.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            assessment_for(session, actor, Permission.READ_RESULTS, assessment_id)
            found = self._views(session, [assessment_id]).get(assessment_id, {})
        note_read(self.database, actor, "assessment.opened", "assessment", assessment_id)
        return found

    def current_of(
        self, actor: Actor | None, assessment_ids: Collection[str]
    ) -> Mapping[str, Mapping[str, DecisionView]]:
        """The present decisions of many assessments by their id and task.

        Those without any are missing, and so are those that the actor does not see.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            seen = seen_assessments(session, actor, assessment_ids)
            found = self._views(session, [assessment.id for assessment in seen])
        for patient_id in sorted({assessment.patient_id for assessment in seen if assessment.patient_id}):
            note_read(self.database, actor, "patient.opened", "patient", patient_id)
        return found

    def history(self, actor: Actor | None, assessment_id: str, task: str) -> tuple[DecisionView, ...]:
        """The decision on a task with all that it replaced, newest first.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            assessment_for(session, actor, Permission.READ_RESULTS, assessment_id)
            found = decisions.decision_history(session=session, assessment_id=assessment_id, task=task)
            names = user_names(session, (row.decided_by for row in found))
        note_read(self.database, actor, "assessment.opened", "assessment", assessment_id)
        return tuple(DecisionView(row, names[row.decided_by]) for row in found)

    def decide(
        self, actor: Actor | None, assessment_id: str, data: DecisionData, expected_id: str | None
    ) -> ScoreDecision:
        """Records a decision, or changes the one with `expected_id`; nothing is overwritten.

        Raises:
            ConflictError: if somebody else decided meanwhile.
            NotFoundError: if there is no such assessment.
            ValidationError: if there is no such score, or a depression score is accepted without a PHQ-9 total on
                record and without a reason for that.
        """
        actor = require(actor, Permission.DECIDE)
        with self.database.transaction() as session:
            assessment_for(session, actor, Permission.DECIDE, assessment_id)
            decision = decisions.decide(
                session=session,
                assessment_id=assessment_id,
                data=data,
                expected_id=expected_id,
                actor_id=actor.user_id,
            )
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action=f"decision.{decision.verdict.value}",
                subject_type="score_decision",
                subject_id=decision.id,
                details={
                    "assessment_id": assessment_id,
                    "task": decision.task,
                    "label": decision.label,
                    "without_phq9": bool(decision.phq9_waived_reason),
                    "replaces_id": expected_id,
                },
            )
        return decision

    def _views(self, session: Session, assessment_ids: Collection[str]) -> dict[str, dict[str, DecisionView]]:
        found = decisions.decisions_of(session=session, assessment_ids=assessment_ids)
        names = user_names(session, (row.decided_by for rows in found.values() for row in rows.values()))
        return {
            assessment_id: {task: DecisionView(row, names[row.decided_by]) for task, row in rows.items()}
            for assessment_id, rows in found.items()
        }
