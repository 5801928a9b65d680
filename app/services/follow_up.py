"""Follow-up: all visits of a patient with their scores by model version, gait, decisions and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.services import gait_view
from app.services.access import patient_for
from app.services.decisions import Decisions, DecisionView
from app.services.outcomes import Outcomes, OutcomeView
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from app.services.report_content import model_block, score_blocks
from clinic_data import assessment_clips, assessments, recordings
from clinic_data.database import Database
from clinic_data.tables import Assessment
from fgait_core.screening_result import GaitFacts
from reports.content import ModelBlock, ScoreBlock

SEVERAL_VIEWS = "several"
"""Stands for the view of a score that was fused from several recordings."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """What one model version said of a visit.

    Attributes:
        assessment: the stored result.
        model: the version.
        scores: in the order of the model's tasks, worded in the reader's language.
        decisions: the present ones, by task.
    """

    assessment: Assessment
    model: ModelBlock
    scores: tuple[ScoreBlock, ...]
    decisions: Mapping[str, DecisionView]

    @property
    def version(self) -> str:
        """Name and version of the model."""
        return f"{self.model.name} {self.model.version}"

    @property
    def rescored(self) -> bool:
        """Whether an older recording was scored again."""
        return self.assessment.rescored_from_id is not None

    def score(self, task: str) -> ScoreBlock | None:
        """The score of a task, if there is one."""
        return next((score for score in self.scores if score.task == task), None)


@dataclass(frozen=True, slots=True)
class Visit:
    """One assessment of a patient with all that is known of it.

    Attributes:
        at: when the walk was filmed, or assessed where nobody knows that.
        filming_time_known: which of the two.
        scorings: by the version that scored first, then those of the versions that scored again, by time.
        gaits: what was measured of each recording that could be scored; empty where nothing was.
        outcomes: what turned out to be true, by task.
    """

    at: datetime
    filming_time_known: bool
    scorings: tuple[Scoring, ...]
    gaits: tuple[GaitFacts, ...]
    outcomes: Mapping[str, OutcomeView]

    @property
    def assessment(self) -> Assessment:
        """The first result; outcomes are recorded there."""
        return self.scorings[0].assessment

    @property
    def newest(self) -> Scoring:
        """What the version that scored last said."""
        return self.scorings[-1]

    @property
    def clips(self) -> int:
        """How many recordings were uploaded for it."""
        return max(1, len(self.assessment.result.get("clips") or ()))

    @property
    def view(self) -> str | None:
        """From where the walker was filmed: `SEVERAL_VIEWS` where scores were fused from different sides."""
        views = {clip.quality.view for clip in gait_view.clips_of(self.assessment.result) if not clip.refused}
        return SEVERAL_VIEWS if len(views) > 1 else self.assessment.result["quality"]["view"]

    def gait(self, view: str) -> GaitFacts | None:
        """What was measured from a view."""
        return next((gait for gait in self.gaits if gait.view == view), None)


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Use cases around the course of a patient."""

    database: Database

    def visits(self, actor: Actor | None, patient_id: str, language: str = "en") -> tuple[Visit, ...]:
        """All visits that have a result, oldest first.

        Args:
            actor: who asks.
            patient_id: whose visits.
            language: of the words inside scores and models.

        Raises:
            NotFoundError: if there is no such patient.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.READ_RESULTS, patient_id)
            rows = assessments.list_assessments(session=session, patient_id=patient_id)
            filmed = {row.id: _filmed_at(session, row) for row in rows if row.rescored_from_id is None}
        note_read(self.database, actor, "patient.opened", "patient", patient_id)
        decided = Decisions(self.database).current_of(actor, [row.id for row in rows])
        siblings: dict[str, list[Assessment]] = {}
        for row in sorted(rows, key=lambda row: (row.rescored_from_id is not None, row.created_at)):
            siblings.setdefault(row.rescored_from_id or row.id, []).append(row)
        found = [
            Visit(
                at=filmed[origin_id] or mine[0].created_at,
                filming_time_known=filmed[origin_id] is not None,
                scorings=tuple(
                    Scoring(
                        row,
                        model_block(row.result, language),
                        score_blocks(row.result, language),
                        decided.get(row.id, {}),
                    )
                    for row in mine
                ),
                gaits=_gaits(mine),
                outcomes=Outcomes(self.database).current(actor, origin_id),
            )
            for origin_id, mine in siblings.items()
            if origin_id in filmed
        ]
        return tuple(sorted(found, key=lambda visit: (visit.at, visit.assessment.id)))

    def recordings_with_result(self, actor: Actor | None, patient_id: str) -> frozenset[str]:
        """The ids of the recordings that a result was made from, alone or together with others.

        Raises:
            NotFoundError: if there is no such patient.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.READ_RESULTS, patient_id)
            found = assessment_clips.assessed_recordings(session=session, patient_id=patient_id)
        note_read(self.database, actor, "patient.opened", "patient", patient_id)
        return found


def _filmed_at(session: Session, assessment: Assessment) -> datetime | None:
    return recordings.get_recording(session=session, recording_id=assessment.recording_id).recorded_at


def _gaits(siblings: list[Assessment]) -> tuple[GaitFacts, ...]:
    """Of the first result that has any: a version that scores again measures nothing anew."""
    for row in siblings:
        clips = [clip.gait for clip in gait_view.clips_of(row.result) if not clip.refused]
        leading = gait_view.gait_of(row.result)
        measured = [gait for gait in clips or [leading] if gait is not None]
        if measured:
            return tuple(measured)
    return ()
