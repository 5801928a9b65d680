"""The blocks refuse values that cannot be true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.content import (
    Outcome,
    PatientBlock,
    QualityLine,
    ScoreBlock,
    ScreeningReport,
)
from reports.measures import CalibrationBlock, Interval, OperatingPointBlock, TypicalityBlock

HALF = Interval(0.4, 0.6)


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.5), (0.5, 1.1), (0.6, 0.4), (float("nan"), 0.5)])
def test_an_interval_lies_within_0_and_1_in_order(low: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"[Ii]nterval"):
        Interval(low, high)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": (0.1, 0.2, 0.6)}, "sum to 1"),
        ({"probabilities": (0.3, 0.7)}, "one probability for each class"),
        ({"probabilities": (-0.1, 0.2, 0.9)}, "within 0 and 1"),
        ({"positive_class": "yes"}, "none of the classes"),
        ({"class_order": ("a", "a", "positive")}, "each named once"),
        ({"prediction_set": ("yes",)}, "must hold classes"),
        ({"prediction_set": ("positive", "positive"), "abstained": True}, "must hold classes"),
        ({"abstained": True}, "abstention"),
        ({"prediction_set": ()}, "abstention"),
        ({"above_threshold": False}, "contradicts"),
        ({"coverage": 1.2}, "coverage"),
        ({"interval_method": " "}, "method"),
        ({"typical": False}, "not typical must abstain"),
        ({"fitted_on": "above"}, "fitted on"),
        ({"task": ""}, "task"),
    ],
)
def test_a_score_refuses_contradictions(
    changes: dict[str, Any], message: str, score_factory: Callable[..., ScoreBlock]
) -> None:
    with pytest.raises(ValueError, match=message):
        score_factory(**changes)


@pytest.mark.parametrize(
    ("task", "wanted", "outcome"),
    [
        ("scoliosis", "positive", Outcome.POSITIVE),
        ("scoliosis", "negative", Outcome.NEGATIVE),
        ("scoliosis", "borderline", Outcome.BORDERLINE),
        ("scoliosis", "abstained", Outcome.ABSTAINED),
        ("scoliosis", "empty", Outcome.ABSTAINED),
        ("depression", "conflicting", Outcome.CONFLICTING),
        ("depression", "negative", Outcome.NEGATIVE),
        ("depression", "unlike", Outcome.UNLIKE),
    ],
)
def test_outcome_hears_threshold_and_prediction_set(
    task: str, wanted: str, outcome: Outcome, outcome_factory: Callable[[str, str], ScoreBlock]
) -> None:
    assert outcome_factory(task, wanted).outcome is outcome


def test_a_single_positive_class_below_the_threshold_is_no_positive_result(
    score_factory: Callable[..., ScoreBlock],
) -> None:
    point = replace(score_factory().operating_point, threshold=0.8)
    assert score_factory(operating_point=point, above_threshold=False).outcome is Outcome.CONFLICTING


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_predictive_values_are_shares_or_absent(sensitivity: float, specificity: float, prevalence: float) -> None:
    point = OperatingPointBlock(0.5, sensitivity, HALF, specificity, HALF, 5, 5)
    for value in point.predictive_values(prevalence):
        assert value is None or 0 <= value <= 1 + 1e-9


@pytest.mark.parametrize(
    "build",
    [
        lambda: OperatingPointBlock(1.5, 0.5, HALF, 0.5, HALF, 5, 5),
        lambda: OperatingPointBlock(0.5, 1.5, HALF, 0.5, HALF, 5, 5),
        lambda: OperatingPointBlock(0.5, 0.5, HALF, 0.5, HALF, 0, 5),
        lambda: OperatingPointBlock(0.5, 0.5, HALF, 0.5, HALF, 5, 0),
        lambda: CalibrationBlock(1.5, 0.1, 1, 0, 10),
        lambda: CalibrationBlock(0.1, float("nan"), 1, 0, 10),
        lambda: CalibrationBlock(0.1, 0.1, float("inf"), 0, 10),
        lambda: CalibrationBlock(0.1, 0.1, 1, 0, 0),
        lambda: PatientBlock(" ", "A", "B", date(2000, 1, 1), "female"),
        lambda: PatientBlock("1", " ", "", date(2000, 1, 1), "female"),
        lambda: PatientBlock("1", "A", "B", date(2000, 1, 1), "f"),
        lambda: QualityLine("Steps", "2", "at least 4", False, True, ""),
    ],
)
def test_blocks_refuse_impossible_values(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        build()


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "5A" * 32},
        {"sha256": ""},
        {"duration_s": 0.0},
        {"frame_rate_hz": float("nan")},
        {"person_number": 3},
        {"person_number": 0},
        {"view": "above"},
        {"steps": -1},
        {"recorded_at": datetime(2026, 1, 1)},
    ],
)
def test_a_recording_refuses_impossible_values(
    changes: dict[str, Any], report_factory: Callable[..., ScreeningReport]
) -> None:
    recording = report_factory().recording
    with pytest.raises(ValueError, match=r"."):
        replace(recording, **changes)


def test_a_report_refuses_scores_of_a_blocked_recording(report_factory: Callable[..., ScreeningReport]) -> None:
    blocked = (QualityLine("Footsteps", "2", "at least 4", False, True, "Film a longer walk."),)
    with pytest.raises(ValueError, match="blocking"):
        report_factory(quality=blocked)
    with pytest.raises(ValueError, match="blocking"):
        report_factory(scores=())
    assert report_factory(quality=blocked, scores=()).refusals == blocked


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"silhouettes": np.zeros((3, 44, 64), np.uint8)}, "uint8"),
        ({"silhouettes": np.zeros((3, 64, 44), np.float32)}, "uint8"),
        ({"created_at": datetime(2026, 1, 1)}, "time zone"),
        ({"created_at": datetime(2001, 1, 1, tzinfo=UTC)}, "birth date"),
        ({"report_number": " "}, "report number"),
    ],
)
def test_a_report_refuses_what_does_not_fit(
    changes: dict[str, Any], message: str, report_factory: Callable[..., ScreeningReport]
) -> None:
    with pytest.raises(ValueError, match=message):
        report_factory(**changes)


def test_scores_and_model_must_agree_on_simulation(
    report_factory: Callable[..., ScreeningReport], score_factory: Callable[..., ScoreBlock]
) -> None:
    with pytest.raises(ValueError, match="simulated"):
        report_factory(scores=(score_factory(simulated=False),))
    with pytest.raises(ValueError, match="each task once"):
        report_factory(scores=(score_factory(), score_factory()))


def test_age_counts_completed_years(patient_factory: Callable[..., PatientBlock]) -> None:
    patient = patient_factory()
    assert patient.age_years(date(2026, 5, 1)) == 14
    assert patient.age_years(date(2026, 5, 2)) == 15


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"typical": False}, "contradicts"),
        ({"unlikeness": float("nan")}, "finite"),
        ({"threshold": float("inf")}, "finite"),
        ({"unlikeness": 0.5, "typical": False}, "reason"),
        ({"false_alarm_rate": 1.2}, "within 0 and 1"),
        ({"measured_false_alarm_rate": -0.1}, "within 0 and 1"),
    ],
)
def test_typicality_refuses_contradictions(changes: dict[str, Any], message: str, typical: TypicalityBlock) -> None:
    with pytest.raises(ValueError, match=message):
        replace(typical, **changes)


def test_scores_and_report_must_agree_on_typicality(
    report_factory: Callable[..., ScreeningReport],
    outcome_factory: Callable[[str, str], ScoreBlock],
    typical: TypicalityBlock,
    unlike: TypicalityBlock,
) -> None:
    scores = (outcome_factory("scoliosis", "unlike"),)
    for told in (None, typical):
        with pytest.raises(ValueError, match="like the training data"):
            report_factory(scores=scores, typicality=told)
    with pytest.raises(ValueError, match="like the training data"):
        report_factory(typicality=unlike)
    assert report_factory(scores=scores, typicality=unlike).typicality is unlike
