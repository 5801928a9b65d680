"""Shadow scoring: candidates score the same silhouettes beside the version in production, and no clinician sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from app.services.incidents import log_incident
from app.services.models_in_use import LoadedModel, ModelsInUse
from clinic_data import outcomes, shadow_scores
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.tables import ModelVersion
from fgait_core.screening_result import ScoreFacts

if TYPE_CHECKING:
    from fgait_core.inference import GaitAssessment

MAX_DAYS = 90


@dataclass(frozen=True, slots=True)
class ShadowTask:
    """A candidate beside the version that screened, on the recordings that both scored for one task.

    Attributes:
        recordings: how many.
        changed_side: in how many only one of them flags the person, each at its own threshold.
        mean_difference: of the probability of the condition, candidate less screening version.
        correlation: Pearson's, of the two probabilities; None below three recordings or where one is constant.
        abstained: in how many the candidate leaves the question open.
        screening_abstained: in how many the version that screened does.
        confirmed: in how many it is known by now what was true.
        right: in how many of those the candidate's side is the true one.
        screening_right: likewise of the version that screened.
    """

    task: str
    recordings: int
    changed_side: int
    mean_difference: float
    correlation: float | None
    abstained: int
    screening_abstained: int
    confirmed: int
    right: int
    screening_right: int


@dataclass(frozen=True, slots=True)
class ShadowSummary:
    """What shadow scoring of a version has shown so far.

    Attributes:
        until: when it ends or ended; None if it never began.
        running: whether it goes on.
        tasks: one entry for each task that both versions scored.
    """

    until: datetime | None
    running: bool
    tasks: tuple[ShadowTask, ...]


def score_beside(
    database: Database, models: ModelsInUse, production: LoadedModel, assessment_id: str, assessment: GaitAssessment
) -> None:
    """Scores a finished screening with every shadowing version. A fault is logged and changes nothing of the screening.

    Args:
        database: where the scores are kept.
        models: loads the packages.
        production: the version that screened.
        assessment_id: of the stored result.
        assessment: the result with its silhouettes.
    """
    try:
        versions = [version for version in models.shadowing() if version.id != production.version.id]
        models.keep_only(frozenset({production.version.id, *(version.id for version in versions)}))
    except Exception as error:  # the boundary: the screening is done and stored
        log_incident(error)
        return
    for version in versions:
        try:
            _score_with(database, models.load(version), assessment_id, assessment)
        except Exception as error:  # the boundary, as above; the next version may be sound
            log_incident(error)


def _score_with(database: Database, model: LoadedModel, assessment_id: str, assessment: GaitAssessment) -> None:
    tasks = [score.task for score in assessment.result.scores if score.task in model.package.tasks]
    if not tasks:
        return
    scores = [score.model_dump(mode="json") for score in _scores(model, tasks, assessment)]
    with database.transaction() as session:
        shadow_scores.add(
            session=session, assessment_id=assessment_id, model_version_id=model.version.id, scores=scores
        )


def _scores(model: LoadedModel, tasks: Sequence[str], assessment: GaitAssessment) -> Sequence[ScoreFacts]:
    """What a package says of a screening's silhouettes; those of several recordings are fused as in the screening."""
    if not assessment.result.clips:
        return model.package.assess(assessment.walk.sequence, tasks, assessment.result.quality.view).scores
    from fgait_core.model_package import SeenWalk

    seen = [
        SeenWalk(walk.sequence, clip.quality.view)
        for walk, clip in zip(assessment.walks, assessment.result.clips, strict=True)
        if walk is not None
    ]
    return model.package.assess_clips(seen, tasks).scores


def summary(session: Session, version: ModelVersion) -> ShadowSummary:
    """What shadow scoring of a version has shown so far."""
    pairs = shadow_scores.list_for_version(session=session, model_version_id=version.id)
    by_task: dict[str, list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]] = {}
    for shadow, assessment in pairs:
        screened = {score["task"]: score for score in assessment.result.get("scores", ())}
        for score in shadow.scores:
            if score["task"] in screened:
                by_task.setdefault(score["task"], []).append((assessment.id, screened[score["task"]], score))
    tasks = tuple(_task_summary(task, rows, _labels(session, task)) for task, rows in sorted(by_task.items()))
    running = version.shadow_until is not None and version.shadow_until > utc_now()
    return ShadowSummary(version.shadow_until, running, tasks)


def _labels(session: Session, task: str) -> dict[str, str]:
    """Assessment id to what turned out to be true, where it is known."""
    found = outcomes.list_confirmed(session=session, task=task)
    return {each.assessment.id: each.outcome.label for each in found if each.outcome.label is not None}


def _task_summary(
    task: str, rows: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]], labels: Mapping[str, str]
) -> ShadowTask:
    screened = [before for _, before, _ in rows]
    beside = [after for _, _, after in rows]
    first, second = _probabilities(screened), _probabilities(beside)
    known = [(labels[key], before, after) for key, before, after in rows if key in labels]
    return ShadowTask(
        task=task,
        recordings=len(rows),
        changed_side=sum(a["above_threshold"] != b["above_threshold"] for a, b in zip(screened, beside, strict=True)),
        mean_difference=float(np.mean(second - first)),
        correlation=_correlation(first, second),
        abstained=sum(bool(score["abstained"]) for score in beside),
        screening_abstained=sum(bool(score["abstained"]) for score in screened),
        confirmed=len(known),
        right=sum(_is_right(label, after) for label, _, after in known),
        screening_right=sum(_is_right(label, before) for label, before, _ in known),
    )


def _probabilities(scores: Iterable[Mapping[str, Any]]) -> NDArray[np.float64]:
    return np.array([score["probabilities"][score["positive_class"]] for score in scores], float)


def _correlation(first: NDArray[np.float64], second: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    if len(first) < 3 or first.std() == 0 or second.std() == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _is_right(label: str, score: Mapping[str, Any]) -> bool:
    return bool(score["above_threshold"]) == (label == score["positive_class"])
