"""The course of a patient as series: what may be joined by a line is one series, what may not is two.

Scores belong together only where the same model version saw the walk from the same side; parameters of gait, where the
walk was filmed from the same side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.services.follow_up import Scoring, Visit
from fgait_core.gait_parameters.names import PARAMETERS
from fgait_core.screening_result import GaitParameterFacts
from reports.content import ScoreBlock

UNKNOWN_VIEW = "unknown"


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """A score that may be shown; `rescored` says that an older recording was scored again."""

    at: datetime
    assessment_id: str
    score: ScoreBlock
    rescored: bool


@dataclass(frozen=True, slots=True)
class ScoreSeries:
    """Scores of one task, one model version and one view, by time."""

    version: str
    view: str
    points: tuple[ScorePoint, ...]


@dataclass(frozen=True, slots=True)
class ParameterPoint:
    """A measured parameter; `beyond_error` compares it with the first of its series (None: cannot be told)."""

    at: datetime
    assessment_id: str
    facts: GaitParameterFacts
    value: float
    beyond_error: bool | None


@dataclass(frozen=True, slots=True)
class ParameterSeries:
    """One parameter from one view, by time."""

    view: str
    points: tuple[ParameterPoint, ...]


@dataclass(frozen=True, slots=True)
class VersionSpan:
    """From when on a version scored this patient's visits as the first one to do so."""

    version: str
    since: datetime


def tasks_of(visits: Sequence[Visit]) -> tuple[str, ...]:
    """Every task that any visit has a score of."""
    return tuple(dict.fromkeys(score.task for visit in visits for each in visit.scorings for score in each.scores))


def score_series(visits: Sequence[Visit], task: str) -> tuple[ScoreSeries, ...]:
    """The scores of a task. Recordings unlike the training data have none that may be shown and are left out."""
    found: dict[tuple[str, str], list[ScorePoint]] = {}
    for visit in visits:
        for scoring in visit.scorings:
            score = scoring.score(task)
            if score is not None and score.typical:
                key = (scoring.version, visit.view or UNKNOWN_VIEW)
                point = ScorePoint(visit.at, scoring.assessment.id, score, scoring.rescored)
                found.setdefault(key, []).append(point)
    return tuple(ScoreSeries(version, view, tuple(points)) for (version, view), points in found.items())


def version_spans(visits: Sequence[Visit]) -> tuple[VersionSpan, ...]:
    """Where the model version changed from one visit to the next; empty where all have one version."""
    spans: list[VersionSpan] = []
    for visit in visits:
        version = visit.scorings[0].version
        if not spans or spans[-1].version != version:
            spans.append(VersionSpan(version, visit.at))
    return tuple(spans) if len(spans) > 1 else ()


def parameters_of(visits: Sequence[Visit]) -> tuple[str, ...]:
    """Every parameter that any visit has a value of, in the order in which they are shown."""
    found = {
        facts.name for visit in visits for gait in visit.gaits for facts in gait.parameters if facts.value is not None
    }
    order = list(PARAMETERS)
    return tuple(sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name)))


def parameter_series(visits: Sequence[Visit], name: str) -> tuple[ParameterSeries, ...]:
    """The values of a parameter, by view."""
    found: dict[str, list[ParameterPoint]] = {}
    for visit in visits:
        for gait in visit.gaits:
            facts = next((facts for facts in gait.parameters if facts.name == name), None)
            if facts is not None and facts.value is not None:
                mine = found.setdefault(gait.view, [])
                change = _beyond_error(mine[0].value if mine else None, facts)
                mine.append(ParameterPoint(visit.at, visit.assessment.id, facts, facts.value, change))
    return tuple(ParameterSeries(view, tuple(points)) for view, points in found.items())


def _beyond_error(first: float | None, facts: GaitParameterFacts) -> bool | None:
    if first is None or facts.value is None or facts.minimal_detectable_change is None:
        return None
    return abs(facts.value - first) > facts.minimal_detectable_change


def best_pair(before: Visit, now: Visit) -> tuple[Scoring, Scoring]:
    """What to compare of two visits: the newest version that scored both, or else what scored each of them last."""
    earlier = {scoring.version: scoring for scoring in before.scorings}
    for scoring in reversed(now.scorings):
        if scoring.version in earlier:
            return earlier[scoring.version], scoring
    return before.newest, now.newest
