"""Files elsewhere than in the data folder: each process opens the storage that the setting names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from fast_engine import CLIP

from app.services.catalogue import Services
from app.services.screening import ChosenClip
from app.services.stored_files import storage_of
from app.trainer import run_trainer
from app.worker import Worker
from clinic_data import jobs
from clinic_data.errors import NotFoundError, StorageError, ValidationError
from clinic_data.object_storage import ObjectStorage
from clinic_data.sealed_files import MAGIC
from clinic_data.storage import FolderStorage
from clinic_data.tables import JobState

SCRIPT = Path(__file__).with_name("fast_worker.py")


@pytest.fixture
def elsewhere(clinic, tmp_path: Path) -> Services:
    """The clinic, with its new files in another place."""
    address = f"file://{tmp_path}/bucket/clinic"
    services = Services.open(clinic.services.settings.model_copy(update={"storage_url": address}))
    yield services
    services.database.dispose()


def _work_until_done(services: Services, clinic, job_id: str) -> str:
    """Runs a worker process whose only way to the files is the setting; returns the id of the assessment."""
    environment = os.environ | {
        "FGAIT_DATA_DIR": str(services.settings.data_dir),
        "FGAIT_STORAGE_URL": services.settings.storage_url,
        "FGAIT_WORKER_POLL_S": "0.05",
        "PYTHONPATH": str(SCRIPT.parents[2]),
    }
    worker = subprocess.Popen([sys.executable, str(SCRIPT)], env=environment, stderr=subprocess.DEVNULL)
    try:
        ends_at = time.monotonic() + 60.0
        while time.monotonic() < ends_at:
            job = services.screening.job(clinic.clinician, job_id)
            if job.state is JobState.DONE:
                return job.result["assessment_id"]
            time.sleep(0.1)
    finally:
        worker.kill()
        worker.wait(10)
    pytest.fail(f"the job is {job.state} ({job.reason})")


def test_app_and_worker_meet_in_the_storage_of_the_setting(clinic, elsewhere: Services) -> None:
    recording = elsewhere.recordings.receive(clinic.clinician, clinic.patient.id, "walk.mp4", [b"go", b"od"])
    assert recording.storage_key in set(elsewhere.storage.keys())
    with pytest.raises(NotFoundError):
        clinic.services.storage.open(recording.storage_key)
    shutil.rmtree(elsewhere.settings.cache_dir)  # as on another computer

    job = elsewhere.screening.start(clinic.clinician, [ChosenClip(recording.id, 1)], ["scoliosis", "depression"])
    assessment_id = _work_until_done(elsewhere, clinic, job.id)
    shutil.rmtree(elsewhere.settings.cache_dir)
    here = Services.open(elsewhere.settings)
    with here.screening.overlay(clinic.clinician, assessment_id) as clip:
        assert clip.read() == CLIP
    copies = [file for file in here.settings.cache_dir.iterdir() if file.is_file()]
    assert copies
    assert all(file.read_bytes().startswith(MAGIC) for file in copies)
    assessment = here.screening.assessment(clinic.clinician, assessment_id)
    assert here.screening.silhouette_strip(clinic.clinician, assessment.id).any()
    here.database.dispose()


def test_without_the_setting_files_are_in_the_data_folder(clinic) -> None:
    assert isinstance(storage_of(clinic.services.settings), FolderStorage)
    assert not clinic.services.settings.cache_dir.exists()


def test_the_trainer_opens_the_storage_of_the_setting(elsewhere: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr("app.trainer.run_until_signal", lambda worker, vault: opened.append(vault))
    run_trainer(elsewhere.settings)
    assert isinstance(opened[0].storage, ObjectStorage)


@pytest.mark.parametrize(("error", "state"), [(StorageError, JobState.QUEUED), (ValidationError, JobState.FAILED)])
def test_a_job_waits_for_a_storage_that_is_silent(clinic, error: type[Exception], state: JobState) -> None:
    def fail(*_) -> None:
        raise error("Why.")

    job = clinic.services.screening.start(clinic.clinician, [ChosenClip(clinic.recording.id, 1)], ["scoliosis"])
    work = SimpleNamespace(worker="w", limit_s=lambda _: 60.0, limit_words=lambda _: "", do=fail)
    worker = Worker(clinic.services.settings, clinic.services.database, work, stopping=threading.Event())
    assert worker._claim_and_do()
    with clinic.services.database.reading() as session:
        now = jobs.get_job(session=session, job_id=job.id)
    assert (now.state, now.reason) == (state, "Why.")
