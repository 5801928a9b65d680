"""Retrainings as administrators start, watch, stop and repeat them; the queue behind it, on both databases."""

from __future__ import annotations

from collections import namedtuple
from datetime import date

import pytest
from confirmed import SECRET_NAME, confirm, patient_of, production_id, several, withdraw

from app.services.cohort_selection import CohortFilters
from app.services.retraining import RETRAIN, TRAIN_CPU, TRAIN_GPU
from app.services.training_jobs import protocol_json, protocol_sha256
from clinic_data import audit, jobs, model_registry, outcomes
from clinic_data.errors import ClinicDataError, ConflictError, ValidationError
from clinic_data.outcomes import OutcomeData
from clinic_data.tables import JobState
from fgait_core.config.retraining import AcceptanceConfig, BudgetConfig, RetrainingProtocol

FEW = AcceptanceConfig(min_positive=2, min_negative=2)
PROTOCOL = RetrainingProtocol(task="scoliosis", scope="recalibration", acceptance=FEW)


@pytest.fixture
def cohort(clinic):
    """A frozen cohort of 18 people, and a version in production."""
    production_id(clinic.services)
    confirm(clinic, *several(18))
    return clinic.services.cohorts.freeze(clinic.administrator, CohortFilters(task="scoliosis"))


def _checks(clinic, cohort, protocol=PROTOCOL):
    return {each.name: each for each in clinic.services.retrainings.checks(clinic.administrator, cohort.id, protocol)}


def _start(clinic, cohort, protocol=PROTOCOL):
    return clinic.services.retrainings.start(clinic.administrator, cohort.id, protocol)


def test_all_is_well(clinic, cohort):
    checks = _checks(clinic, cohort)
    assert all(check.passed for check in checks.values()), checks
    assert {"Model", "Task", "Device", "People to learn from", "Consent", "Files", "Disk", "Memory"} <= set(checks)


def test_what_forbids_a_start_and_what_only_warns(clinic, cohort, monkeypatch):
    with clinic.services.database.transaction() as session:
        first = cohort.manifest["entries"][0]["key"]
        present = outcomes.current_outcomes(session=session, assessment_id=first)["scoliosis"]
        data = OutcomeData(task="scoliosis", label="neutral", method="radiograph", examined_on=date(2026, 10, 3))
        outcomes.record_outcome(session=session, assessment_id=first, data=data, expected_id=present.id, actor_id=None)
    many = PROTOCOL.model_copy(update={"acceptance": AcceptanceConfig()})
    checks = _checks(clinic, cohort, many)
    assert not checks["Locked people"].passed
    assert not checks["Locked people"].blocking
    assert "1 outcomes were corrected" in checks["Outcomes"].words
    assert not checks["Task"].words.startswith("The cohort is")
    assert _start(clinic, cohort, many).number == 1

    wrong = RetrainingProtocol(task="depression", budget=BudgetConfig(device="cuda:1"))
    checks = _checks(clinic, cohort, wrong)
    assert not checks["Task"].passed
    assert "FGAIT_TRAINING_DEVICE" in checks["Device"].words
    with pytest.raises(ValidationError, match="Choose the same"):
        _start(clinic, cohort, wrong)

    usage = namedtuple("usage", "total used free")(1, 1, 1000)
    monkeypatch.setattr("app.services.resources.shutil.disk_usage", lambda _: usage)
    with pytest.raises(ValidationError, match="Free some space"):
        _start(clinic, cohort)


def test_a_withdrawn_consent_and_an_erased_file_forbid_it(clinic, cohort):
    entries = cohort.manifest["entries"]
    withdraw(clinic, patient_of(clinic, entries[0]["key"]))
    clinic.services.storage.delete(entries[1]["silhouettes_key"])
    checks = _checks(clinic, cohort)
    assert checks["Consent"].words.startswith("1 people of the cohort have withdrawn")
    assert checks["Files"].words.startswith("The silhouettes of 1 recordings")
    with pytest.raises(ValidationError, match="Freeze a new cohort"):
        _start(clinic, cohort)


def test_too_few_people_forbid_it(clinic):
    production_id(clinic.services)
    confirm(clinic, *several(8))
    cohort = clinic.services.cohorts.freeze(clinic.administrator, CohortFilters(task="scoliosis"))
    with pytest.raises(ValidationError, match="at least 5 of each"):
        _start(clinic, cohort)


def test_training_the_encoder_needs_more_people(clinic, cohort):
    encoder = PROTOCOL.model_copy(update={"scope": "head_and_last_stage"})
    check = _checks(clinic, cohort, encoder)["People to learn from"]
    assert not check.passed
    assert check.blocking
    assert "at least 20 of each" in check.words
    assert "choose the scope head" in check.words


def test_start_stores_the_protocol_and_queues_by_device(clinic, cohort):
    retraining = _start(clinic, cohort)
    gpu = _start(clinic, cohort, PROTOCOL.model_copy(update={"budget": BudgetConfig(device="cuda")}))
    view = clinic.services.retrainings.get(clinic.administrator, retraining.id)
    assert (view.job.kind, view.job.queue, view.job.state) == (RETRAIN, TRAIN_CPU, JobState.QUEUED)
    assert view.job.recording_id is None
    assert (view.cohort.id, view.requested_by, view.candidate) == (cohort.id, "adam", None)
    assert view.retraining.protocol_sha256 == protocol_sha256(PROTOCOL)
    assert protocol_json(RetrainingProtocol.model_validate(view.retraining.protocol)) == protocol_json(PROTOCOL)
    assert clinic.services.retrainings.get(clinic.administrator, gpu.id).job.queue == TRAIN_GPU
    page = clinic.services.retrainings.list(clinic.administrator)
    assert [row.retraining.number for row in page.rows] == [2, 1]
    assert "2 retrainings are queued" in _checks(clinic, cohort)["Queue"].words
    rows = clinic.services.operations.list_jobs(clinic.administrator, JobState.QUEUED, 10, 0).rows
    assert [row.kind for row in rows].count(RETRAIN) == 2
    with clinic.services.database.reading() as session:
        trail = str([(row.action, row.details) for row in audit.list_rows(session=session, limit=100).rows])
    assert "retraining.started" in trail
    assert SECRET_NAME not in trail


def test_cancel_and_retry_under_the_same_protocol(clinic, cohort):
    retraining = _start(clinic, cohort)
    with pytest.raises(ConflictError, match="Only a failed or cancelled"):
        clinic.services.retrainings.retry(clinic.administrator, retraining.id)
    clinic.services.retrainings.cancel(clinic.administrator, retraining.id)
    old = clinic.services.retrainings.get(clinic.administrator, retraining.id).job
    assert old.state is JobState.CANCELLED
    new_id = clinic.services.operations.retry_job(clinic.administrator, old.id)
    view = clinic.services.retrainings.get(clinic.administrator, retraining.id)
    assert (view.job.id, view.job.state) == (new_id, JobState.QUEUED)
    assert view.retraining.protocol_sha256 == retraining.protocol_sha256
    with pytest.raises(ConflictError, match="queued again already"):
        clinic.services.operations.retry_job(clinic.administrator, old.id)
    with pytest.raises(ClinicDataError):
        clinic.services.retrainings.retry(clinic.administrator, retraining.id)


def test_no_version_in_production_is_said(clinic):
    confirm(clinic, *several(18))
    cohort = clinic.services.cohorts.freeze(clinic.administrator, CohortFilters(task="scoliosis"))
    with clinic.services.database.reading() as session:
        assert model_registry.production_version(session=session) is None
    with pytest.raises(ValidationError, match="No version is in production"):
        _start(clinic, cohort)


def test_a_failed_comparison_can_be_queued_again_once(clinic):
    with clinic.services.database.transaction() as session:
        job = jobs.enqueue(session=session, kind="evaluate_package", payload={"cohort_id": "x"}, queue=TRAIN_CPU)
        jobs.request_cancel(session=session, job_id=job.id)
    clinic.services.operations.retry_job(clinic.administrator, job.id)
    with pytest.raises(ConflictError, match="already"):
        clinic.services.operations.retry_job(clinic.administrator, job.id)
