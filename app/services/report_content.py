"""From the JSON of an assessment to the content of a report; no page, no network, no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.services.report_gait_content import clip_blocks, explanation_blocks, gait_block, reference_blocks
from reports.content import (
    AdaptationBlock,
    ModelBlock,
    PatientBlock,
    QualityLine,
    RecordingBlock,
    ScoreBlock,
    ScreeningReport,
)
from reports.measures import CalibrationBlock, Interval, OperatingPointBlock, TypicalityBlock
from reports.record_blocks import AddendumBlock, ClinicBlock, DecisionBlock, OutcomeLine, VerificationBlock
from reports.stored_words import said_in

Json = Mapping[str, Any]


def report_from_result(
    result_json: Json,
    silhouettes: NDArray[np.uint8],
    patient: PatientBlock | None,
    *,
    clinic_name: str,
    report_number: str,
    created_by: str,
    created_at: datetime | None = None,
    recorded_at: datetime | None = None,
    language: str = "en",
    clinic: ClinicBlock | None = None,
    decisions: Sequence[DecisionBlock] = (),
    outcomes: Sequence[OutcomeLine] = (),
    verification: VerificationBlock | None = None,
    addendum: AddendumBlock | None = None,
    version: int = 1,
    supersedes: str = "",
) -> ScreeningReport:
    """The content of a report.

    Args:
        result_json: what `GaitAssessment.to_json` gave, as stored.
        silhouettes: uint8 [frame, 64, 44].
        patient: None where nobody was chosen.
        clinic_name: heading of the report; the letterhead's name goes first.
        report_number: unique within the clinic.
        created_by: who ordered the report, as it shall be printed.
        created_at: with a time zone; now if not given.
        recorded_at: when the walk was filmed, if known.
        language: key of the wording.
        clinic: letterhead and prevalence.
        decisions, outcomes: of this assessment, the present ones.
        verification: how a reader checks the printed report.
        addendum: what is added to an earlier report.
        version: of the report, from 1.
        supersedes: number of the report that this version stands for; empty for the first.

    Raises:
        ValueError: if the result holds values that cannot be true, or the video could not even be read.
    """
    return ScreeningReport(
        clinic_name=clinic.name if clinic else clinic_name,
        report_number=report_number,
        created_at=created_at or datetime.now(UTC),
        created_by=created_by,
        software_version=str(result_json["created_by"]),
        patient=patient,
        recording=recording_block(result_json, recorded_at),
        quality=quality_lines(result_json["quality"]["checks"], language),
        scores=score_blocks(result_json, language),
        model=model_block(result_json, language),
        silhouettes=silhouettes,
        typicality=typicality_block(result_json, language),
        language=language,
        clinic=clinic,
        decisions=tuple(decisions),
        outcomes=tuple(outcomes),
        gait=gait_block(result_json, language),
        explanations=explanation_blocks(result_json, language),
        references=reference_blocks(result_json),
        clips=clip_blocks(result_json, language),
        body_height_m=result_json.get("body_height_m"),
        verification=verification,
        addendum=addendum,
        version=version,
        supersedes=supersedes,
    )


def recording_block(result_json: Json, recorded_at: datetime | None = None) -> RecordingBlock:
    """The recording and what of it was used."""
    video, quality = result_json["recording"], result_json["quality"]
    return RecordingBlock(
        file_name=video["file_name"],
        recorded_at=recorded_at,
        sha256=video["sha256"],
        duration_s=video["duration_s"],
        width_px=video["width_px"],
        height_px=video["height_px"],
        frame_rate_hz=video["frame_rate_hz"],
        codec=video["codec"],
        person_number=result_json["person"],
        n_people=len(result_json["people"]),
        frames_used=result_json["sequence"]["frames"],
        view=quality["view"],
        steps=quality["steps"],
    )


def quality_lines(checks: Sequence[Json], language: str = "en") -> tuple[QualityLine, ...]:
    """The quality checks in a language, the failed blocking ones first."""
    lines = [
        QualityLine(
            label=said_in(check["label"], language),
            value=measured_text(check["value"], check["unit"], language),
            threshold=said_in(check["threshold"], language),
            passed=check["passed"],
            blocking=check["blocking"],
            advice=said_in(check["advice"], language),
        )
        for check in checks
    ]
    return tuple(sorted(lines, key=lambda line: (line.passed, not line.blocking)))


def measured_text(value: float | int | str | None, unit: str, language: str = "en") -> str:
    """A measured value with its unit, with as many digits as a reader needs."""
    if value is None:
        return said_in("not measured", language)
    if isinstance(value, bool):
        return said_in("yes" if value else "no", language)
    if isinstance(value, str):
        return said_in(value, language)
    number = f"{value:.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.3g}"
    return f"{number} {said_in(unit, language)}".strip()


def score_blocks(result_json: Json, language: str = "en") -> tuple[ScoreBlock, ...]:
    """The scores, in the order of the model's tasks."""
    typicality = typicality_block(result_json, language)
    typical = typicality is None or typicality.typical
    adaptation = adaptation_block(result_json["model"].get("adapted_on"))
    return tuple(_score_block(score, typical, adaptation, language) for score in result_json["scores"])


def typicality_block(result_json: Json, language: str = "en") -> TypicalityBlock | None:
    """Whether the recording is like the training data; None in results of versions that did not check it."""
    facts = result_json.get("typicality")
    if facts is None:
        return None
    return TypicalityBlock(
        unlikeness=facts["score"],
        threshold=facts["threshold"],
        typical=facts["typical"],
        reason=said_in(facts["reason"], language),
        false_alarm_rate=facts["false_alarm_rate"],
        measured_false_alarm_rate=facts["measured_false_alarm_rate"],
        measured_false_alarm_interval=Interval(*facts["measured_false_alarm_interval"]),
    )


def _score_block(score: Json, typical: bool, adaptation: AdaptationBlock | None, language: str) -> ScoreBlock:
    adapted = adaptation is not None and adaptation.task == score["task"]
    order = tuple(score["class_order"])
    return ScoreBlock(
        task=score["task"],
        class_order=order,
        probabilities=tuple(float(score["probabilities"][name]) for name in order),
        positive_class=score["positive_class"],
        interval=Interval(*score["interval"]),
        interval_method=said_in(score["interval_method"], language),
        prediction_set=tuple(score["prediction_set"]),
        coverage=score["coverage"],
        abstained=score["abstained"],
        above_threshold=score["above_threshold"],
        operating_point=_operating_point(score["operating_point"]),
        calibration=CalibrationBlock(**{name: score["calibration"][name] for name in _CALIBRATION_FIELDS}),
        typical=typical,
        fitted_on=score.get("fitted_on"),
        simulated=score["simulated"],
        clips=score.get("clips", 1),
        fusion=said_in(score.get("fusion", ""), language),
        clinic_people=adapted and adaptation is not None and not adaptation.simulated_people,
    )


_CALIBRATION_FIELDS = ("ece", "brier", "slope", "intercept", "n_people")


def _operating_point(point: Json) -> OperatingPointBlock:
    return OperatingPointBlock(
        threshold=point["threshold"],
        sensitivity=point["sensitivity"],
        sensitivity_interval=Interval(*point["sensitivity_interval"]),
        specificity=point["specificity"],
        specificity_interval=Interval(*point["specificity_interval"]),
        n_positive=point["n_positive"],
        n_negative=point["n_negative"],
    )


def model_block(result_json: Json, language: str = "en") -> ModelBlock:
    """The model that scored."""
    model = result_json["model"]
    people = model["people"]
    return ModelBlock(
        name=model["name"],
        version=model["version"],
        sha256=model["sha256"],
        training_data=said_in(model["training_data"], language),
        known_gaps=tuple(said_in(gap, language) for gap in model["known_gaps"]),
        simulated=result_json["simulated"],
        people_train=people["train"],
        people_calibration=people["calibration"],
        people_test=people["test"],
        adaptation=adaptation_block(model.get("adapted_on")),
    )


def adaptation_block(facts: Json | None) -> AdaptationBlock | None:
    """What a clinic changed of a model; None where none did, and in results of versions that could not retrain."""
    if facts is None:
        return None
    return AdaptationBlock(
        task=facts["task"],
        scope=facts["scope"],
        people=facts["people"],
        simulated_people=facts["simulated_people"],
        base=f"{facts['base_name']} {facts['base_version']}",
    )
