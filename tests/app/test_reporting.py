"""Reports: from the stored JSON to content, made once, given out byte for byte."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fast_engine import refused, result, sequence, unlike
from stored import screen

from app.services.report_content import measured_text, quality_lines, report_from_result
from clinic_data.errors import NotFoundError
from reports.content import Outcome
from reports.measures import Interval
from reports.pdf import render_pdf


def _report(data: dict, **more):
    fields = {"clinic_name": "Clinic", "report_number": "FG-1", "created_by": "Dr Clara"} | more
    return report_from_result(data, sequence().frames, None, **fields)


def test_content_is_what_the_result_says():
    report = _report(result("walk.mp4").to_json(), created_at=datetime(2026, 11, 23, tzinfo=UTC))
    scoliosis, depression = report.scores
    assert scoliosis.outcome is Outcome.POSITIVE
    assert depression.outcome is Outcome.ABSTAINED
    assert scoliosis.probabilities == pytest.approx((0.145, 0.145, 0.71))
    assert (scoliosis.interval.low, scoliosis.interval.high) == pytest.approx((0.6, 0.8))
    assert report.recording.n_people == 2
    assert report.model.simulated
    assert report.model.people_train == 12
    assert report.software_version == "FGait 0.1.0"


def test_failed_blocking_checks_come_first():
    lines = quality_lines(refused().result.to_json()["quality"]["checks"])
    assert [(line.passed, line.blocking) for line in lines] == [(False, True), (True, True)]


def test_a_refused_recording_carries_reasons_and_no_score():
    report = _report(refused().result.to_json())
    assert not report.scores
    assert [line.advice for line in report.refusals] == ["Film in better light."]


def test_a_recording_unlike_the_training_data_is_no_answer():
    report = _report(unlike("walk.mp4", ("scoliosis", "depression")).to_json())
    assert [score.outcome for score in report.scores] == [Outcome.UNLIKE, Outcome.UNLIKE]
    assert report.typicality is not None
    assert report.typicality.measured_false_alarm_interval == Interval(0.043, 0.079)
    assert report.scores[0].fitted_on == "side"


def test_a_stored_result_of_version_1_is_printed_as_before():
    content = json.loads((Path(__file__).parents[1] / "golden" / "screening_result_1.json").read_text())
    report = _report(content)
    assert report.typicality is None
    assert [score.outcome for score in report.scores] == [Outcome.POSITIVE, Outcome.ABSTAINED]
    assert {score.fitted_on for score in report.scores} == {None}
    assert render_pdf(report).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "Hz", "not measured"),
        (30.0, "Hz", "30 Hz"),
        (0.1234, "", "0.123"),
        (812.6, "px", "813 px"),
    ],
)
def test_measured_values_read_well(value, unit, text):
    assert measured_text(value, unit) == text


def test_a_report_is_stored_and_stays_the_same(clinic):
    reporting = clinic.services.reporting
    assessment_id = screen(clinic)
    report = reporting.create(clinic.clinician, assessment_id)
    first = reporting.read_pdf(clinic.clinician, report.id)
    assert first.startswith(b"%PDF")
    assert hashlib.sha256(first).hexdigest() == report.sha256
    another = reporting.create(clinic.clinician, assessment_id)
    assert another.number != report.number
    assert reporting.read_pdf(clinic.clinician, report.id) == first
    assert {row.id for row in reporting.list_of_assessment(clinic.clinician, assessment_id)} == {report.id, another.id}
    actions = [row.action for row in clinic.services.audit_trail.list_rows(clinic.administrator, 100, 0).rows]
    assert actions.count("report.created") == 2
    assert actions.count("report.downloaded") == 2


def test_a_result_without_silhouettes_can_be_printed():
    empty = np.zeros((0, 64, 44), np.uint8)
    report = report_from_result(
        result().to_json(), empty, None, clinic_name="Clinic", report_number="FG-1", created_by="Dr Clara"
    )
    assert len(report.silhouettes) == 0


def test_an_unknown_assessment_makes_no_report(clinic):
    with pytest.raises(NotFoundError):
        clinic.services.reporting.create(clinic.clinician, "f" * 32)
