"""The worker changes its model without a restart: before a screening, never within one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from conftest import add_user
from fast_engine import FastPipeline, make_engine
from model_packages import freeze_cohort, make_package, make_promotable, promote, register_bundled
from stored import do_next_job

from app.services import models_in_use
from app.services.job_work import JobWork
from app.services.model_store import label_of
from app.services.screening import ChosenClip
from app.services.screening_engine import Engine
from app.worker import Worker
from clinic_data import assessments, jobs
from clinic_data.tables import Assessment, Job, JobState, ModelVersion, Role

WAIT_S = 30.0


class Gate:
    """Holds a screening in the middle until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def engine(self) -> Engine:
        """The engine of the tests, each screening of which waits here."""
        fast = make_engine(None)

        gate = self

        class Waiting(FastPipeline):
            def assess_clips(self, *arguments, **options):
                gate.begun.set()
                assert gate.open.wait(WAIT_S)
                return super().assess_clips(*arguments, **options)

        return Engine(fast.find_people, fast.write_overlay, Waiting)


@pytest.fixture
def running(clinic):
    """A worker in a thread of this process, and the gate in its engine."""
    services, gate = clinic.services, Gate()
    settings = services.settings.model_copy(update={"worker_poll_s": 0.02, "worker_heartbeat_s": 0.2})
    work = JobWork(settings, services.database, services.storage, gate.engine(), "test")
    worker = Worker(settings, services.database, work)
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield gate
    gate.open.set()
    worker.stopping.set()
    thread.join(WAIT_S)
    assert not thread.is_alive()


@pytest.fixture
def candidate(clinic, tmp_path: Path) -> ModelVersion:
    register_bundled(clinic)
    return make_promotable(clinic, make_package(tmp_path / "candidate", "9.1"), freeze_cohort(clinic))


def queue(clinic) -> Job:
    recording = clinic.add_recording(b"good")
    return clinic.services.screening.start(clinic.clinician, [ChosenClip(recording.id, 1)], ["scoliosis"])


def ended(clinic, job: Job) -> Job:
    pause = threading.Event()
    for _ in range(int(WAIT_S / 0.05)):
        now = clinic.services.screening.job(clinic.clinician, job.id)
        if now.state in jobs.ENDED:
            return now
        pause.wait(0.05)
    pytest.fail(f"the job is {now.state}: {now.reason}")


def assessment_of(clinic, job: Job) -> Assessment:
    with clinic.services.database.reading() as session:
        return assessments.get_assessment(session=session, assessment_id=ended(clinic, job).result["assessment_id"])


def made_by(clinic, job: Job, version: ModelVersion) -> bool:
    assessment = assessment_of(clinic, job)
    named = assessment.result["model"]["sha256"] == version.sha256
    assert named == (assessment.model_version_id == version.id)
    return named


def test_a_job_keeps_its_version_and_the_next_has_the_new_one(clinic, candidate: ModelVersion, running: Gate) -> None:
    models = clinic.services.models
    bundled = models.list(clinic.administrator).production
    second = add_user(clinic.services, "berta", Role.ADMINISTRATOR)
    first_job = queue(clinic)
    assert running.begun.wait(WAIT_S)
    promote(clinic, candidate, second)  # in the middle of the first screening
    second_job = queue(clinic)
    running.open.set()
    assert made_by(clinic, first_job, bundled)
    assert made_by(clinic, second_job, candidate)
    models.roll_back(clinic.administrator)
    assert made_by(clinic, queue(clinic), bundled)


def test_a_production_package_that_cannot_be_loaded_fails_the_job_and_not_the_worker(
    clinic, candidate: ModelVersion, running: Gate
) -> None:
    running.open.set()
    models, storage = clinic.services.models, clinic.services.storage
    promote(clinic, candidate, add_user(clinic.services, "berta", Role.ADMINISTRATOR))
    unpacked = clinic.services.settings.data_dir / "models" / candidate.sha256
    (unpacked / "weights.safetensors").unlink()
    path = storage.storage.path(candidate.package_key)
    path.write_bytes(path.read_bytes()[:-100])
    failed = ended(clinic, queue(clinic))
    assert failed.state is JobState.FAILED
    assert f"The package of {label_of(candidate)} is damaged in the clinic's storage" in failed.reason
    assert "roll back" in failed.reason
    search = clinic.services.screening.find_people(clinic.clinician, clinic.recording.id)
    assert ended(clinic, search).state is JobState.DONE  # finding people needs no model
    models.roll_back(clinic.administrator)
    assert ended(clinic, queue(clinic)).state is JobState.DONE


def test_a_worker_starts_where_nothing_can_be_loaded(clinic, candidate: ModelVersion) -> None:
    services = clinic.services
    promote(clinic, candidate, add_user(services, "berta", Role.ADMINISTRATOR))
    services.storage.delete(candidate.package_key)
    for path in (services.settings.data_dir / "models" / candidate.sha256).iterdir():
        path.unlink()
    work = JobWork(services.settings, services.database, services.storage, make_engine(None), "test")
    assert "no longer in the clinic's storage" in work.prepare()


def test_packages_are_loaded_once_and_forgotten_after_a_switch(
    clinic, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, loaded = clinic.services, []
    load = models_in_use.load_package
    monkeypatch.setattr(models_in_use, "load_package", lambda *given: loaded.append(given[0].name) or load(*given))
    work = JobWork(services.settings, services.database, services.storage, make_engine(None), "test")
    work.prepare()
    bundled = services.models.list(clinic.administrator).production
    for _ in range(2):
        queue(clinic)
        do_next_job(clinic, work)
    promote(clinic, candidate, add_user(services, "berta", Role.ADMINISTRATOR))
    queue(clinic)
    do_next_job(clinic, work)
    assert loaded == [bundled.sha256, candidate.sha256]
    assert work.models.loaded_ids() == {candidate.id}
