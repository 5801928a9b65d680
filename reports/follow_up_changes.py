"""What changed between the visits of a patient: series that may be joined, and changes against measurement error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from reports.content import Outcome, ScoreBlock
from reports.follow_up_content import FollowUpReport, VisitBlock
from reports.gait_blocks import GaitBlock, ParameterLine


@dataclass(frozen=True, slots=True)
class Change:
    """A gait parameter of the newest visit and of the last one before from the same side."""

    before: ParameterLine
    before_on: date
    now: ParameterLine
    now_on: date

    @property
    def difference(self) -> float:
        """Now minus before."""
        return (self.now.value or 0.0) - (self.before.value or 0.0)

    @property
    def detectable(self) -> bool | None:
        """Whether the difference is more than measurement error; None where nobody measured that."""
        limit = self.now.minimal_detectable_change
        return None if limit is None else abs(self.difference) > limit


def changes(report: FollowUpReport) -> tuple[Change, ...]:
    """Every parameter of the newest measured visit that an earlier visit from the same side has, too."""
    walks = [(visit, visit.gait) for visit in report.walks if visit.gait is not None]
    if not walks:
        return ()
    newest, gait = walks[-1]
    found: list[Change] = []
    for line in gait.measured:
        for visit, earlier in reversed(walks[:-1]):
            before = _measured(earlier, line.name) if earlier.view == gait.view else None
            if before is not None:
                found.append(Change(before, visit.on, line, newest.on))
                break
    return tuple(found)


def _measured(gait: GaitBlock, name: str) -> ParameterLine | None:
    return next((line for line in gait.measured if line.name == name), None)


def score_series(
    report: FollowUpReport, task: str
) -> dict[tuple[str, str | None], list[tuple[VisitBlock, ScoreBlock]]]:
    """The scores of a task by model version and view; an unlike recording has no figure and is left out."""
    series: dict[tuple[str, str | None], list[tuple[VisitBlock, ScoreBlock]]] = {}
    for visit in report.visits:
        score = visit.score(task)
        if score is not None and score.outcome is not Outcome.UNLIKE:
            series.setdefault((visit.version, visit.view), []).append((visit, score))
    return series


def parameter_series(report: FollowUpReport, name: str) -> dict[str, list[tuple[date, ParameterLine]]]:
    """The values of a parameter by view."""
    series: dict[str, list[tuple[date, ParameterLine]]] = {}
    for visit, gait in _walks(report):
        line = _measured(gait, name)
        if line is not None:
            series.setdefault(gait.view, []).append((visit.on, line))
    return series


def _walks(report: FollowUpReport) -> Iterator[tuple[VisitBlock, GaitBlock]]:
    return ((visit, visit.gait) for visit in report.walks if visit.gait is not None)


def repeated_parameters(report: FollowUpReport) -> tuple[str, ...]:
    """Names of the parameters that two visits or more have a value of, in the order of the first mention."""
    counts: dict[str, int] = {}
    for _, gait in _walks(report):
        for line in gait.measured:
            counts[line.name] = counts.get(line.name, 0) + 1
    return tuple(name for name, count in counts.items() if count > 1)
