"""What monitoring reads of screenings and of their confirmed outcomes: facts without anything about a patient.

Only the columns that are needed are read, and each stored result is parsed once. Assessments that were scored anew
from stored silhouettes do not count: nobody walked for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, func, select
from sqlmodel import Session, col

from clinic_data import sealed_rows
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.tables import Assessment, Job, JobState, ModelVersion, Recording

NOBODY_FOUND = "nobody_found"
"""Stands among the failed checks of a recording in which the search for people failed already."""

_UNKNOWN = "unknown"
_NOTHING_KNOWN: dict[str, Any] = {
    "recording": {},
    "quality": {"view": None, "checks": [{"name": NOBODY_FOUND, "passed": False}]},
    "refused": True,
    "scores": [],
    "model": {"sha256": ""},
}
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class TaskFact:
    """What a screening said of one task.

    Attributes:
        task: its name.
        positive: calibrated probability of the positive class.
        abstained: whether the prediction set had not exactly one class.
        above_threshold: whether the probability reached the operating point.
    """

    task: str
    positive: float
    abstained: bool
    above_threshold: bool


@dataclass(frozen=True, slots=True)
class ScreeningFact:
    """One screening: an assessment, or a job that ended as refused.

    Attributes:
        at: when it ended.
        model_version_id: which version did it; None where the recording was refused before any model saw it.
        person: the same number for screenings of the same person *in this list*, and nothing else; None where it is
            not known whose they are.
        site: where it was filmed, "" if that was not said.
        device: size, frame rate and codec of the video, as `device_name` writes them.
        view: from where the person is seen.
        refused: whether the recording could not be scored.
        failed_checks: names of the quality checks that failed, blocking or not.
        unlikeness: how far the embedding lies from the training people; None where it was not measured.
        unlikeness_threshold: above it a recording is called unlike.
        typical: False where it was; None where it was not measured.
        tasks: one for each task that was screened for; empty for a refused recording.
    """

    at: datetime
    model_version_id: str | None
    person: int | None
    site: str
    device: str
    view: str
    refused: bool
    failed_checks: tuple[str, ...]
    unlikeness: float | None
    unlikeness_threshold: float | None
    typical: bool | None
    tasks: tuple[TaskFact, ...]


@dataclass(frozen=True, slots=True)
class ConfirmedFact:
    """A score whose truth is known by now.

    Attributes:
        at: when the recording was screened.
        model_version_id: which version scored it.
        person: as in `ScreeningFact`.
        task: what it was screened for.
        positive: whether the confirmed outcome is the positive class.
        score: calibrated probability of the positive class.
        abstained: whether the model could not tell.
        above_threshold: whether the score reached the operating point.
        shown: False where the guard showed no score.
    """

    at: datetime
    model_version_id: str
    person: int | None
    task: str
    positive: bool
    score: float
    abstained: bool
    above_threshold: bool
    shown: bool


def device_name(recording: dict[str, Any]) -> str:
    """The camera as far as a video tells it, e.g. "1920x1080 30 Hz h264".

    Args:
        recording: the object `recording` of a screening result.
    """
    width, height, rate = recording.get("width_px"), recording.get("height_px"), recording.get("frame_rate_hz")
    if not width or not height:
        return _UNKNOWN
    times = f"{rate:.0f} Hz" if rate else "unknown rate"
    return f"{width}x{height} {times} {recording.get('codec') or 'unknown codec'}"


def screenings(*, session: Session, since: datetime, until: datetime) -> list[ScreeningFact]:
    """All screenings that ended from `since` until before `until`, in order of time."""
    people = _People()
    facts = [*_assessed(session, since, until, people), *_refused(session, since, until, people)]
    return sorted(facts, key=lambda fact: fact.at)


def screening_period(*, session: Session, model_version_id: str) -> tuple[datetime, datetime] | None:
    """When a version scored its first and its last recording; None if it never scored any."""
    at = col(Assessment.created_at)
    mine = (col(Assessment.model_version_id) == model_version_id, _screened())
    ends = select(func.min(at), func.max(at)).where(*mine)
    first, last = session.connection().execute(ends).one()
    return (first, last) if first else None


def screened_versions(*, session: Session) -> dict[str, int]:
    """How many recordings each model version scored; versions that scored none are missing."""
    version = col(Assessment.model_version_id)
    counted = session.connection().execute(select(version, func.count()).where(_screened()).group_by(version))
    return {row_id: count for row_id, count in counted}


def confirmed(*, session: Session, since: datetime, until: datetime) -> list[ConfirmedFact]:
    """Scores of recordings screened from `since` until before `until` whose outcome is known now, in order of time.

    An outcome that was corrected counts as corrected; one that says that nothing is known does not count.
    """
    replaced = select(col(ConfirmedOutcome.replaces_id)).where(col(ConfirmedOutcome.replaces_id).is_not(None))
    statement = (
        select(
            col(Assessment.created_at),
            col(Assessment.model_version_id),
            col(Assessment.patient_id),
            col(ConfirmedOutcome.task),
            col(ConfirmedOutcome.label),
            col(Assessment.id),
            col(Assessment.result),
        )
        .join(ConfirmedOutcome, col(ConfirmedOutcome.assessment_id) == col(Assessment.id))
        .where(col(Assessment.created_at) >= since, col(Assessment.created_at) < until)
        .where(col(ConfirmedOutcome.label).is_not(None), col(ConfirmedOutcome.id).not_in(replaced))
        .order_by(col(Assessment.created_at), col(Assessment.id), col(ConfirmedOutcome.task))
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    people = _People()
    facts: list[ConfirmedFact] = []
    for (at, version, patient, task, label), result in _opened(session, Assessment, statement):
        for score in result["scores"]:
            if score["task"] == task:
                said = _task_fact(score)
                facts.append(
                    ConfirmedFact(
                        at=at,
                        model_version_id=version,
                        person=people.number(patient),
                        task=task,
                        positive=label == score["positive_class"],
                        score=said.positive,
                        abstained=said.abstained,
                        above_threshold=said.above_threshold,
                        shown=_typicality(result).get("typical") is not False,
                    )
                )
    return facts


class _People:
    """Gives people numbers, so that one person's recordings can be told to be of one without saying whose."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, patient_id: str | None) -> int | None:
        return None if patient_id is None else self._numbers.setdefault(patient_id, len(self._numbers))


def _assessed(session: Session, since: datetime, until: datetime, people: _People) -> Iterator[ScreeningFact]:
    statement = (
        select(
            col(Assessment.created_at),
            col(Assessment.model_version_id),
            col(Assessment.patient_id),
            col(Recording.site),
            col(Assessment.id),
            col(Assessment.result),
        )
        .join(Recording, col(Recording.id) == col(Assessment.recording_id))
        .where(col(Assessment.created_at) >= since, col(Assessment.created_at) < until, _screened())
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for (at, version, patient, site), result in _opened(session, Assessment, statement):
        yield _fact(at, version, people.number(patient), site, result)


def _refused(session: Session, since: datetime, until: datetime, people: _People) -> Iterator[ScreeningFact]:
    """Jobs around a recording that ended as refused; those without the engine's own result found nobody at all."""
    statement = (
        select(col(Job.finished_at), col(Job.patient_id), col(Recording.site), col(Job.id), col(Job.result))
        .join(Recording, col(Recording.id) == col(Job.recording_id))
        .where(col(Job.state) == JobState.REFUSED, col(Job.finished_at) >= since, col(Job.finished_at) < until)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    known = session.connection().execute(select(col(ModelVersion.sha256), col(ModelVersion.id)))
    versions = {sha256: row_id for sha256, row_id in known}
    for (at, patient, site), told in _opened(session, Job, statement):
        if at is not None:
            result: dict[str, Any] = (told or {}).get("result") or _NOTHING_KNOWN
            yield _fact(at, versions.get(result["model"]["sha256"]), people.number(patient), site, result)


def _screened() -> ColumnElement[bool]:
    return col(Assessment.rescored_from_id).is_(None)


def _opened(
    session: Session, table: type[Assessment] | type[Job], statement: Executable
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What a statement reads: its columns, and the opened result, whose row id and sealed value come last."""
    for some in session.connection().execute(statement).partitions():
        rows: list[tuple[Any, ...]] = [tuple(row) for row in some]
        sealed = [(row[-2], row[-1]) for row in rows]
        opened = sealed_rows.open_values(session=session, table=table, column="result", values=sealed)
        for row, result in zip(rows, opened, strict=True):
            yield row[:-2], result


def _fact(at: datetime, version: str | None, person: int | None, site: str, result: dict[str, Any]) -> ScreeningFact:
    typicality, quality = _typicality(result), result["quality"]
    return ScreeningFact(
        at=at,
        model_version_id=version,
        person=person,
        site=site,
        device=device_name(result["recording"]),
        view=quality["view"] or _UNKNOWN,
        refused=result["refused"],
        failed_checks=tuple(check["name"] for check in quality["checks"] if not check["passed"]),
        unlikeness=typicality.get("score"),
        unlikeness_threshold=typicality.get("threshold"),
        typical=typicality.get("typical"),
        tasks=tuple(_task_fact(score) for score in result["scores"]),
    )


def _typicality(result: dict[str, Any]) -> dict[str, Any]:
    return result.get("typicality") or {}


def _task_fact(score: dict[str, Any]) -> TaskFact:
    return TaskFact(
        task=score["task"],
        positive=score["probabilities"][score["positive_class"]],
        abstained=score["abstained"],
        above_threshold=score["above_threshold"],
    )
