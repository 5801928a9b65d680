"""What monitoring reads of screenings and confirmed outcomes."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

from clinic_data import assessments, jobs, monitoring
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.tables import Assessment, Job, JobState

GOLDEN = Path(__file__).parents[1] / "golden" / "screening_result_1.json"


def result(**changes) -> dict:
    """A stored result with what monitoring reads, and more that it does not."""
    score = {
        "task": "scoliosis",
        "probabilities": {"negative": 0.5, "neutral": 0.2, "positive": 0.3},
        "positive_class": "positive",
        "abstained": True,
        "above_threshold": False,
    }
    whole = {
        "recording": {"width_px": 1920, "height_px": 1080, "frame_rate_hz": 29.97, "codec": "h264", "file_name": "Zoé"},
        "quality": {
            "view": "side",
            "checks": [{"name": "steps", "passed": True}, {"name": "sharpness", "passed": False, "advice": "Focus."}],
        },
        "scores": [score],
        "typicality": {"score": 0.2, "threshold": 0.4, "typical": True},
        "model": {"sha256": "a" * 64},
        "refused": False,
    }
    return whole | changes


@pytest.fixture
def screened(session, rows, now):
    """Stores a screening so many days after `now`: an assessment, or a refused job where `refusal` is its result."""
    version = rows.model_version(session, "1.0")

    def store(days: float, patient_id=None, refusal: dict | None = None, site="Main hall", **changes):
        recording = rows.recording(session, patient_id)
        recording.site = site
        job = rows.job(session, recording.id, patient_id=patient_id)
        at = now + timedelta(days=days)
        if refusal is not None:
            job.state, job.result, job.finished_at = JobState.REFUSED, refusal, at
            session.add(job)
            session.flush()
            return version, job
        made = assessments.add_assessment(
            session=session,
            patient_id=patient_id,
            recording_id=recording.id,
            job_id=job.id,
            model_version_id=version.id,
            result=result(**changes),
        )
        made.created_at = at
        session.flush()
        return version, made

    return store


def read(session, now, days: float = 7.0):
    return monitoring.screenings(session=session, since=now, until=now + timedelta(days=days))


def test_assessments_and_refusals_in_order_of_time(session, rows, now, screened):
    patient = rows.patient(session).id
    version, _ = screened(3, patient)
    refused = result(model={"sha256": version.sha256}, refused=True, scores=[], typicality=None)
    screened(2, patient, refusal={"reasons": ["Too short."], "result": refused})
    screened(1, refusal={"reasons": ["Nobody walks."]})
    screened(0, rows.patient(session, "P-2").id)
    screened(7), screened(-0.001)
    first, nobody, second, last = read(session, now)
    assert [fact.at - now for fact in (first, nobody, second, last)] == [timedelta(days=day) for day in range(4)]
    assert (second.model_version_id, second.refused, second.tasks, second.failed_checks) == (
        version.id,
        True,
        (),
        ("sharpness",),
    )
    assert (nobody.model_version_id, nobody.device, nobody.failed_checks) == (
        None,
        "unknown",
        (monitoring.NOBODY_FOUND,),
    )
    assert last.person == second.person != first.person
    assert nobody.person is None
    assert (last.device, last.view, last.site, last.typical) == ("1920x1080 30 Hz h264", "side", "Main hall", True)
    assert (last.unlikeness, last.unlikeness_threshold) == (0.2, 0.4)
    assert last.tasks == (monitoring.TaskFact("scoliosis", 0.3, True, False),)


def test_nothing_of_a_patient_is_read(session, rows, now, screened):
    patient = rows.patient(session)
    screened(1, patient.id)
    words = str([asdict(fact) for fact in read(session, now)])
    for secret in (patient.id, "P-1", "Moreau", "Zoé", "walk.mp4"):
        assert secret not in words


def test_other_jobs_are_no_screenings(session, now, screened):
    _, job = screened(1, refusal={"reasons": ["x"]})
    job.state = JobState.FAILED
    session.add(Job(queue="train-cpu", kind="retrain", payload={}, state=JobState.REFUSED, finished_at=job.finished_at))
    session.flush()
    assert read(session, now) == []


def test_results_of_the_first_release(session, now, screened):
    _, made = screened(1)
    made.result = json.loads(GOLDEN.read_text())
    session.flush()
    fact = read(session, now)[0]
    assert fact.unlikeness is None
    assert fact.typical is None
    assert fact.tasks


def test_which_versions_screened_and_since_when(session, now, screened, rows):
    idle = rows.model_version(session, "2.0")
    version, _ = screened(5)
    screened(3)
    assert monitoring.screened_versions(session=session) == {version.id: 2}
    period = monitoring.screening_period(session=session, model_version_id=version.id)
    assert period == (now + timedelta(days=3), now + timedelta(days=5))
    assert monitoring.screening_period(session=session, model_version_id=idle.id) is None


def test_confirmed_outcomes_count_as_corrected(session, rows, now, screened):
    def confirm(assessment: Assessment, label: str | None, replaces: str | None = None) -> str:
        row = ConfirmedOutcome(
            assessment_id=assessment.id, task="scoliosis", label=label, method="radiograph", replaces_id=replaces
        )
        session.add(row)
        session.flush()
        return row.id

    patient = rows.patient(session).id
    version, corrected = screened(1, patient)
    confirm(corrected, "positive", confirm(corrected, "negative"))
    _, unlike = screened(2, patient, typicality={"score": 0.9, "threshold": 0.4, "typical": False})
    confirm(unlike, "neutral")
    confirm(screened(3)[1], None)
    confirm(screened(8)[1], "positive")
    screened(4)
    facts = monitoring.confirmed(session=session, since=now, until=now + timedelta(days=7))
    assert facts == [
        monitoring.ConfirmedFact(
            now + timedelta(days=1), version.id, 0, "scoliosis", True, 0.3, True, False, shown=True
        ),
        monitoring.ConfirmedFact(
            now + timedelta(days=2), version.id, 0, "scoliosis", False, 0.3, True, False, shown=False
        ),
    ]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"width_px": 1280, "height_px": 720, "frame_rate_hz": 25.0, "codec": "hevc"}, "1280x720 25 Hz hevc"),
        (
            {"width_px": 640, "height_px": 480, "frame_rate_hz": None, "codec": None},
            "640x480 unknown rate unknown codec",
        ),
        ({"width_px": None}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_how_a_device_is_named(facts, words):
    assert monitoring.device_name(facts) == words


def test_jobs_that_wait_are_not_read(session, rows, now):
    recording = rows.recording(session)
    rows.job(session, recording.id)
    assert jobs.list_for_recording(session=session, recording_id=recording.id)
    assert read(session, now, days=10_000) == []
