"""Results as rows: what is exported of assessments, and what each column means. Names of patients are not among it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.services.decisions import DecisionView
from app.services.outcomes import OutcomeView
from app.services.report_content import score_blocks, typicality_block
from clinic_data.tables import Assessment
from reports.content import Outcome, ScoreBlock
from reports.data_tables import Cell, Column, DataTable

Json = Mapping[str, Any]
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ExportedAssessment:
    """One assessment and what is known around it.

    Attributes:
        assessment: the stored result.
        record_number: the clinic's number of the patient.
        sex: of the patient.
        birth_date: of the patient; only the age is exported.
        recorded_at: when the walk was filmed; None where nobody knows.
        decisions, outcomes: the present ones, by task.
    """

    assessment: Assessment
    record_number: str
    sex: str
    birth_date: date
    recorded_at: datetime | None
    decisions: Mapping[str, DecisionView]
    outcomes: Mapping[str, OutcomeView]

    @property
    def key(self) -> Row:
        """What every row begins with."""
        return self.assessment.id, self.record_number, self.recorded_at or self.assessment.created_at

    @property
    def age_years(self) -> float:
        """Of the patient at the recording."""
        on = (self.recorded_at or self.assessment.created_at).date()
        return round((on - self.birth_date).days / 365.2425, 1)


_KEY = (
    Column("assessment", "Id of the assessment; the same in all tables"),
    Column("record_number", "The clinic's own number of the patient"),
    Column("recorded_at", "When the walk was filmed, or assessed where nobody knows that", "ISO 8601"),
)
_SCORES = (
    *_KEY,
    Column("assessed_at", "When the assessment was made", "ISO 8601"),
    Column("sex", "female, male, other or unknown"),
    Column("age", "Age at the recording", "years"),
    Column("body_height", "As entered by the clinic", "m"),
    Column("view", "From where the leading recording was filmed: front, oblique, side or back"),
    Column("recordings", "Recordings that the score was fused from"),
    Column("model", "Name of the model"),
    Column("model_version", "Scores of different versions are not comparable"),
    Column("simulated", "Whether the model learned from simulated people; it is then not clinically validated"),
    Column("rescored", "Whether an older recording was scored again with a newer version"),
    Column("task", "What is screened for"),
    Column(
        "result", "positive, borderline, negative, abstained, conflicting, unlike (no score), or refused (recording)"
    ),
    Column("positive_class", "The class whose probability is given"),
    Column("probability", "Calibrated probability of the positive class; empty where the result is unlike or refused"),
    Column("interval_low", "Lower end of the 95 % interval of the probability"),
    Column("interval_high", "Upper end of the 95 % interval of the probability"),
    Column("threshold", "Operating point, fixed beforehand"),
    Column("prediction_set", "Classes that cannot be ruled out at the coverage, with + between them"),
    Column("coverage", "Promised share of people whose true class is in their set"),
    Column("unlikeness", "How far the recording is from those of the training data; no answer above its threshold"),
)
_PARAMETERS = (
    *_KEY,
    Column("recording", "Place of the recording among those of the assessment, from 1"),
    Column("view", "From where it was filmed"),
    Column("parameter", "Name of the gait parameter"),
    Column("unit", "Unit of the value"),
    Column("value", "Measured value; empty where the recording cannot support it"),
    Column("why_not", "Why there is no value: view, too_few_steps, frame_rate, height_missing or not_seen"),
    Column("n", "Steps or strides that it is from"),
    Column("standard_error", "Of the value in this recording", "as value"),
    Column("minimal_detectable_change", "A smaller difference between two recordings may be error (95 %)", "as value"),
    Column("norm_mean", "Mean of healthy people of that age and sex", "as value"),
    Column("norm_sd", "Their standard deviation", "as value"),
    Column("norm_source", "Who they are"),
    Column("norm_simulated", "Whether they are simulated"),
    Column("validated", "false: video without markers is not known to measure this"),
)
_DECISIONS = (
    *_KEY,
    Column("task", "Whose score"),
    Column("verdict", "accepted or overridden"),
    Column("label", "Class that the clinician set in place of the result"),
    Column("reason", "As the clinician wrote it"),
    Column("phq9_waived_reason", "Why a depression result was accepted without a PHQ-9 total"),
    Column("decided_by", "Name of the clinician"),
    Column("decided_at", "When", "ISO 8601"),
)
_OUTCOMES = (
    *_KEY,
    Column("task", "What was examined"),
    Column("label", "What turned out to be true; empty where it is not known"),
    Column("method", "How it was found"),
    Column("examined_on", "Day of the examination", "ISO 8601"),
    Column("phq9_total", "0 to 27"),
    Column("note", "As the clinician wrote it"),
    Column("confirmed_by", "Name of the clinician"),
    Column("confirmed_at", "When it was recorded", "ISO 8601"),
)


def result_tables(exported: Sequence[ExportedAssessment]) -> tuple[DataTable, ...]:
    """The four tables: scores, gait parameters, decisions, confirmed outcomes."""
    return (
        DataTable("scores", _SCORES, tuple(row for each in exported for row in _score_rows(each))),
        DataTable("gait_parameters", _PARAMETERS, tuple(row for each in exported for row in _parameter_rows(each))),
        DataTable("decisions", _DECISIONS, tuple(row for each in exported for row in _decision_rows(each))),
        DataTable("outcomes", _OUTCOMES, tuple(row for each in exported for row in _outcome_rows(each))),
    )


def _score_rows(exported: ExportedAssessment) -> Iterator[Row]:
    assessment = exported.assessment
    result: Json = assessment.result
    typicality = typicality_block(result)
    head = (
        *exported.key,
        assessment.created_at,
        exported.sex,
        exported.age_years,
        result.get("body_height_m"),
        result["quality"].get("view"),
        sum(not clip["refused"] for clip in result.get("clips") or ()) or 1,
        result["model"]["name"],
        result["model"]["version"],
        bool(result["simulated"]),
        assessment.rescored_from_id is not None,
    )
    unlikeness = typicality.unlikeness if typicality else None
    scores = score_blocks(result)
    if not scores:
        yield (*head, None, "refused", *(None,) * 7, unlikeness)
    for score in scores:
        yield (*head, score.task, score.outcome.value, score.positive_class, *_figures(score), unlikeness)


def _figures(score: ScoreBlock) -> Row:
    """The figures of a score; of a recording that is unlike the training data they would mean nothing."""
    if score.outcome is Outcome.UNLIKE:
        return (None,) * 6
    return (
        score.positive_probability,
        score.interval.low,
        score.interval.high,
        score.operating_point.threshold,
        "+".join(score.prediction_set),
        score.coverage,
    )


def _parameter_rows(exported: ExportedAssessment) -> Iterator[Row]:
    result: Json = exported.assessment.result
    clips: Sequence[Json] = result.get("clips") or (result,)
    for place, clip in enumerate(clips, start=1):
        gait: Json = clip.get("gait") or {}
        for parameter in gait.get("parameters", ()):
            norm: Json = parameter.get("norm") or {}
            yield (
                *exported.key,
                place,
                gait["view"],
                *(parameter.get(name) for name in ("name", "unit", "value", "why_not", "n", "standard_error")),
                parameter.get("minimal_detectable_change"),
                *(norm.get(name) for name in ("mean", "sd", "source", "simulated")),
                parameter.get("validated"),
            )


def _decision_rows(exported: ExportedAssessment) -> Iterator[Row]:
    for task, view in sorted(exported.decisions.items()):
        decision = view.decision
        yield (
            *exported.key,
            task,
            decision.verdict.value,
            decision.label,
            decision.reason,
            decision.phq9_waived_reason,
            view.decided_by_name,
            decision.created_at,
        )


def _outcome_rows(exported: ExportedAssessment) -> Iterator[Row]:
    for task, view in sorted(exported.outcomes.items()):
        outcome = view.outcome
        yield (
            *exported.key,
            task,
            outcome.label,
            outcome.method,
            outcome.examined_on,
            outcome.phq9_total,
            outcome.note,
            view.confirmed_by,
            outcome.created_at,
        )
