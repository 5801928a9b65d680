"""Stored files that somebody damaged or exchanged: one clear sentence wherever they are used, never their content."""

from __future__ import annotations

import os
import re
import threading

import pytest
from fast_engine import make_engine
from stored import do_next_job, screen

from app.services.job_work import JobWork
from app.services.screening_engine import Engine
from app.services.screening_jobs import ChosenClip
from app.worker import Worker
from clinic_data import jobs
from clinic_data.errors import ClinicDataError, NotFoundError, SealError, StorageError
from clinic_data.tables import JobState
from fgait_core.assets import fetch_asset
from fgait_core.errors import FGaitError
from fgait_core.silhouettes import find_people

SENTENCE = r"damaged or was exchanged for another one\. .*restored from a backup"


def damage(clinic, key: str, place: float = 0.5) -> None:
    path = clinic.services.storage.storage.path(key)
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def run_worker_once(clinic, work: JobWork) -> None:
    services = clinic.services
    assert Worker(services.settings, services.database, work, stopping=threading.Event())._claim_and_do()


def work_of(clinic, engine: Engine | None = None) -> JobWork:
    services = clinic.services
    work = JobWork(services.settings, services.database, services.storage, engine or make_engine(None), "w")
    work.prepare()
    return work


def job_now(clinic, job_id: str):
    with clinic.services.database.reading() as session:
        return jobs.get_job(session=session, job_id=job_id)


def test_a_job_on_a_damaged_video_fails_once_and_says_what_to_do(clinic) -> None:
    work = work_of(clinic)
    damage(clinic, clinic.recording.storage_key)
    search = clinic.services.screening.find_people(clinic.clinician, clinic.recording.id)
    run_worker_once(clinic, work)
    failed = job_now(clinic, search.id)
    assert failed.state is JobState.FAILED
    assert failed.attempts == 1
    assert re.search(SENTENCE, failed.reason)


def test_the_decoder_does_not_take_damage_for_a_short_film(clinic, segmenter_that_sees_nobody) -> None:
    """The real reading of a real video: a chunk in its middle is broken, its headers are whole."""
    services = clinic.services
    sample = fetch_asset("sample_video").read_bytes()
    settings = services.settings.model_copy(update={"max_upload_mb": 100})
    services = type(services)(settings, services.database, services.storage)
    recording = services.recordings.receive(clinic.clinician, clinic.patient.id, "walk.mp4", [sample])
    assert services.recordings.check_file(clinic.clinician, recording.id).problem == ""
    damage(clinic, recording.storage_key, 0.6)

    def search(video, progress, cancelled):
        return find_people(video, segmenter_that_sees_nobody, progress=progress, cancelled=cancelled)

    work = work_of(clinic, Engine(search, make_engine(None).write_overlay, make_engine(None).pipeline_of))
    job = services.screening.find_people(clinic.clinician, recording.id)
    run_worker_once(clinic, work)
    failed = job_now(clinic, job.id)
    assert failed.state is JobState.FAILED
    assert re.search(SENTENCE, failed.reason)
    check = services.recordings.check_file(clinic.clinician, recording.id)
    assert check.info is None
    assert re.search(SENTENCE, check.problem)


@pytest.fixture
def segmenter_that_sees_nobody():
    class Nobody:
        def detect(self, *_, **__):
            return ()

        def __getattr__(self, name: str):
            return lambda *_, **__: ()

    return Nobody()


def test_a_video_that_is_gone_is_told_on_the_page_of_the_recording(clinic) -> None:
    clinic.services.storage.delete(clinic.recording.storage_key)
    check = clinic.services.recordings.check_file(clinic.clinician, clinic.recording.id)
    assert "no longer in the clinic's storage" in check.problem
    search = clinic.services.screening.find_people(clinic.clinician, clinic.recording.id)
    run_worker_once(clinic, work_of(clinic))
    assert "no longer in the clinic's storage" in job_now(clinic, search.id).reason


def test_damaged_silhouettes_and_clips_are_told(clinic) -> None:
    services = clinic.services
    assessment = services.screening.assessment(clinic.clinician, screen(clinic))
    for key in (assessment.silhouettes_key, assessment.overlay_key):
        damage(clinic, key)
    with pytest.raises(SealError, match=SENTENCE):
        services.screening.overlay(clinic.clinician, assessment.id)
    with pytest.raises(SealError, match=SENTENCE):
        services.screening.silhouette_strip(clinic.clinician, assessment.id)
    with pytest.raises(SealError, match=SENTENCE):
        services.walk_views.of(clinic.clinician, assessment.id)


def test_a_new_score_of_damaged_silhouettes_fails_with_the_sentence(clinic) -> None:
    assessment = clinic.services.screening.assessment(clinic.clinician, screen(clinic))
    damage(clinic, assessment.silhouettes_key)
    with clinic.services.database.transaction() as session:
        job = jobs.enqueue(
            session=session,
            kind="rescore",
            payload={"assessment_id": assessment.id},
            patient_id=clinic.patient.id,
            recording_id=clinic.recording.id,
        )
    run_worker_once(clinic, work_of(clinic))
    failed = job_now(clinic, job.id)
    assert failed.state is JobState.FAILED
    assert re.search(SENTENCE, failed.reason)


def test_a_damaged_report_is_not_given_out(clinic) -> None:
    services = clinic.services
    assessment_id = screen(clinic)
    report = services.reporting.create(clinic.clinician, assessment_id)
    assert services.reporting.read_pdf(clinic.clinician, report.id).startswith(b"%PDF")
    damage(clinic, report.storage_key)
    with pytest.raises(SealError, match=SENTENCE):
        services.reporting.read_pdf(clinic.clinician, report.id)


def test_two_exchanged_files_of_one_patient_are_found(clinic) -> None:
    other = clinic.add_recording(b"another walk")
    raw = clinic.services.storage.storage
    first, second = raw.path(clinic.recording.storage_key), raw.path(other.storage_key)
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    for recording in (clinic.recording, other):
        with pytest.raises(SealError, match=SENTENCE):
            clinic.services.storage.read_bytes(recording.storage_key)


def test_nothing_else_comes_out_of_damaged_videos(clinic) -> None:
    """A fuzzer on the way from the storage to the decoder."""
    sample = fetch_asset("sample_video").read_bytes()
    services = clinic.services
    settings = services.settings.model_copy(update={"max_upload_mb": 100})
    services = type(services)(settings, services.database, services.storage)
    recording = services.recordings.receive(clinic.clinician, clinic.patient.id, "walk.mp4", [sample])
    path = services.storage.storage.path(recording.storage_key)
    whole = path.read_bytes()
    for number in range(24):
        content = bytearray(whole)
        place = int.from_bytes(os.urandom(4), "big") % len(content)
        content[place] ^= 1 + number
        path.write_bytes(content if number % 3 else content[:place])
        check = services.recordings.check_file(clinic.clinician, recording.id)
        assert check.problem == "" or re.search(SENTENCE, check.problem)
        with pytest.raises((SealError, NotFoundError, StorageError)):
            services.storage.sha256(recording.storage_key)


def test_what_workers_show_of_it_is_no_incident(clinic, caplog: pytest.LogCaptureFixture) -> None:
    damage(clinic, clinic.recording.storage_key)
    clinic.services.screening.start(clinic.clinician, [ChosenClip(clinic.recording.id, 1)], ["scoliosis"])
    with pytest.raises((ClinicDataError, FGaitError)):
        do_next_job(clinic)
    assert "incident" not in caplog.text
    assert clinic.recording.storage_key not in caplog.text
