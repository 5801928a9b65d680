"""From the JSON of an assessment to the content of a report; no page, no network, no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
) -> ScreeningReport:
    """The content of a report.

    Args:
        result_json: what `GaitAssessment.to_json` gave, as stored.
        silhouettes: uint8 [frame, 64, 44].
        patient: None where nobody was chosen.
        clinic_name: heading of the report.
        report_number: unique within the clinic.
        created_by: who ordered the report, as it shall be printed.
        created_at: with a time zone; now if not given.
        recorded_at: when the walk was filmed, if known.
        language: key of the wording.

    Raises:
        ValueError: if the result holds values that cannot be true, or the video could not even be read.
    """
    return ScreeningReport(
        clinic_name=clinic_name,
        report_number=report_number,
        created_at=created_at or datetime.now(UTC),
        created_by=created_by,
        software_version=str(result_json["created_by"]),
        patient=patient,
        recording=recording_block(result_json, recorded_at),
        quality=quality_lines(result_json["quality"]["checks"]),
        scores=score_blocks(result_json),
        model=model_block(result_json),
        silhouettes=silhouettes,
        typicality=typicality_block(result_json),
        language=language,
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


def quality_lines(checks: Sequence[Json]) -> tuple[QualityLine, ...]:
    """The quality checks, the failed blocking ones first."""
    lines = [
        QualityLine(
            label=check["label"],
            value=measured_text(check["value"], check["unit"]),
            threshold=check["threshold"],
            passed=check["passed"],
            blocking=check["blocking"],
            advice=check["advice"],
        )
        for check in checks
    ]
    return tuple(sorted(lines, key=lambda line: (line.passed, not line.blocking)))


def measured_text(value: float | int | str | None, unit: str) -> str:
    """A measured value with its unit, with as many digits as a reader needs."""
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    number = f"{value:.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.3g}"
    return f"{number} {unit}".strip()


def score_blocks(result_json: Json) -> tuple[ScoreBlock, ...]:
    """The scores, in the order of the model's tasks."""
    typicality = typicality_block(result_json)
    typical = typicality is None or typicality.typical
    adaptation = adaptation_block(result_json["model"].get("adapted_on"))
    return tuple(_score_block(score, typical, adaptation) for score in result_json["scores"])


def typicality_block(result_json: Json) -> TypicalityBlock | None:
    """Whether the recording is like the training data; None in results of versions that did not check it."""
    facts = result_json.get("typicality")
    if facts is None:
        return None
    return TypicalityBlock(
        unlikeness=facts["score"],
        threshold=facts["threshold"],
        typical=facts["typical"],
        reason=facts["reason"],
        false_alarm_rate=facts["false_alarm_rate"],
        measured_false_alarm_rate=facts["measured_false_alarm_rate"],
        measured_false_alarm_interval=Interval(*facts["measured_false_alarm_interval"]),
    )


def _score_block(score: Json, typical: bool, adaptation: AdaptationBlock | None) -> ScoreBlock:
    adapted = adaptation is not None and adaptation.task == score["task"]
    order = tuple(score["class_order"])
    return ScoreBlock(
        task=score["task"],
        class_order=order,
        probabilities=tuple(float(score["probabilities"][name]) for name in order),
        positive_class=score["positive_class"],
        interval=Interval(*score["interval"]),
        interval_method=score["interval_method"],
        prediction_set=tuple(score["prediction_set"]),
        coverage=score["coverage"],
        abstained=score["abstained"],
        above_threshold=score["above_threshold"],
        operating_point=_operating_point(score["operating_point"]),
        calibration=CalibrationBlock(**{name: score["calibration"][name] for name in _CALIBRATION_FIELDS}),
        typical=typical,
        fitted_on=score.get("fitted_on"),
        simulated=score["simulated"],
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


def model_block(result_json: Json) -> ModelBlock:
    """The model that scored."""
    model = result_json["model"]
    people = model["people"]
    return ModelBlock(
        name=model["name"],
        version=model["version"],
        sha256=model["sha256"],
        training_data=model["training_data"],
        known_gaps=tuple(model["known_gaps"]),
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
