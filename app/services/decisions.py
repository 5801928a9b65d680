"""Decisions: a clinician accepts a score or overrides it, with the reason, and may change that later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.services.permissions import Actor, Permission, require
from app.services.user_names import user_names
from clinic_data import assessments, audit, decisions
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
        require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            assessments.get_assessment(session=session, assessment_id=assessment_id)
        return dict(self.current_of(actor, [assessment_id]).get(assessment_id, {}))

    def current_of(
        self, actor: Actor | None, assessment_ids: Collection[str]
    ) -> Mapping[str, Mapping[str, DecisionView]]:
        """The present decisions of many assessments by their id and task; those without any are missing."""
        require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            found = decisions.decisions_of(session=session, assessment_ids=assessment_ids)
            names = user_names(session, (row.decided_by for rows in found.values() for row in rows.values()))
        return {
            assessment_id: {task: DecisionView(row, names[row.decided_by]) for task, row in rows.items()}
            for assessment_id, rows in found.items()
        }

    def history(self, actor: Actor | None, assessment_id: str, task: str) -> tuple[DecisionView, ...]:
        """The decision on a task with all that it replaced, newest first."""
        require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            found = decisions.decision_history(session=session, assessment_id=assessment_id, task=task)
            names = user_names(session, (row.decided_by for row in found))
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
