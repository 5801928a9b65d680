"""Several recordings of one visit in one assessment, and old recordings scored by a newer version."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from conftest import add_user
from fast_engine import CLIP, FastPipeline, make_engine
from model_packages import freeze_cohort, make_package, make_promotable, promote, register_bundled
from stored import do_next_job, screen

from app.services.job_work import JobWork
from app.services.screening import MAX_CLIPS, ChosenClip
from app.services.screening_engine import Engine
from clinic_data import assessment_clips, file_references, jobs, recordings
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.patients import PatientData
from clinic_data.tables import JobState, Role

TASKS = ["scoliosis", "depression"]


def start(clinic, *contents: bytes, height_cm: float | None = None):
    clips = [ChosenClip(clinic.add_recording(content).id, 1) for content in contents]
    return clinic.services.screening.start(clinic.clinician, clips, TASKS, height_cm)


def assessed(clinic, *contents: bytes, height_cm: float | None = None):
    start(clinic, *contents, height_cm=height_cm)
    return clinic.services.screening.assessment(clinic.clinician, do_next_job(clinic).result["assessment_id"])


def clips_of(clinic, assessment) -> list:
    with clinic.services.database.reading() as session:
        return assessment_clips.list_clips(session=session, assessment_id=assessment.id)


def test_each_recording_keeps_its_own_silhouettes_and_clip(clinic):
    assessment = assessed(clinic, b"front", b"side")
    clips = clips_of(clinic, assessment)
    assert [clip.position for clip in clips] == [0, 1]
    assert len({clip.silhouettes_key for clip in clips} | {clip.overlay_key for clip in clips}) == 4
    assert assessment.silhouettes_key == clips[0].silhouettes_key
    assert [score["clips"] for score in assessment.result["scores"]] == [2, 2]
    screening = clinic.services.screening
    for position in (None, 0, 1):
        with screening.overlay(clinic.clinician, assessment.id, position) as clip:
            assert clip.read() == CLIP
    assert screening.silhouette_strip(clinic.clinician, assessment.id, 1).shape == (64, 12 * 44)
    with pytest.raises(NotFoundError):
        screening.overlay(clinic.clinician, assessment.id, 2)
    with clinic.services.database.reading() as session:
        kept = file_references.referenced_keys(session=session)
    assert {clip.overlay_key for clip in clips} <= kept


def test_a_refused_recording_is_listed_and_the_next_one_leads(clinic):
    assessment = assessed(clinic, b"refuse", b"side")
    refused, side = clips_of(clinic, assessment)
    assert (refused.silhouettes_key, refused.overlay_key) == (None, None)
    assert assessment.silhouettes_key == side.silhouettes_key
    assert assessment.recording_id == side.recording_id
    assert [clip["refused"] for clip in assessment.result["clips"]] == [True, False]
    with pytest.raises(NotFoundError):
        clinic.services.screening.overlay(clinic.clinician, assessment.id, 0)


def test_without_one_usable_recording_everything_is_refused(clinic):
    job = start(clinic, b"refuse", b"refuse too")
    assert do_next_job(clinic).state is JobState.REFUSED
    assert not clinic.services.screening.assessments_of_patient(clinic.clinician, clinic.patient.id)
    assert job.recording_id


def test_each_recording_of_a_job_has_its_time(clinic):
    services = clinic.services
    work = JobWork(services.settings, services.database, services.storage, make_engine(None), "test")
    one, three = start(clinic, b"front"), start(clinic, b"front", b"side", b"back")
    assert work.limit_s(three) == 3 * work.limit_s(one) == 3 * 60 * services.settings.job_limit_min


def test_one_recording_has_no_rows_of_clips(clinic):
    assessment = assessed(clinic, b"side")
    assert clips_of(clinic, assessment) == []
    screening = clinic.services.screening
    with screening.overlay(clinic.clinician, assessment.id, 0) as clip:
        assert clip.read() == CLIP


def test_age_sex_and_height_on_the_day_go_to_the_engine(clinic):
    seen = []

    class Noting(FastPipeline):
        def assess_clips(self, clips, tasks=None, progress=None, cancelled=None, subject=None):
            seen.append(subject)
            return super().assess_clips(clips, tasks, progress, cancelled, subject)

    services, fast = clinic.services, make_engine(None)
    engine = Engine(fast.find_people, fast.write_overlay, Noting)
    work = JobWork(services.settings, services.database, services.storage, engine, "test")
    work.prepare()
    job = start(clinic, b"side", height_cm=151.5)
    do_next_job(clinic, work)
    (subject,) = seen
    today = (clinic.recording.created_at.date() - date(2011, 4, 23)).days / 365.2425
    assert subject.age_years == pytest.approx(today, abs=0.01)
    assert (subject.sex, subject.body_height_m) == (None, 1.515)
    (row,) = services.screening.assessments_of_patient(clinic.clinician, clinic.patient.id)
    assert (row.job_id, row.body_height_cm) == (job.id, 151.5)
    assert services.screening.last_body_height(clinic.clinician, clinic.patient.id).height_cm == 151.5


def test_jobs_of_an_earlier_release_are_still_understood(clinic):
    with clinic.services.database.transaction() as session:
        payload = {"recording_id": clinic.recording.id, "person": 1, "tasks": TASKS}
        jobs.enqueue(
            session=session,
            kind="screen",
            payload=payload,
            patient_id=clinic.patient.id,
            recording_id=clinic.recording.id,
        )
    assert do_next_job(clinic).state is JobState.DONE


def test_what_does_not_belong_together_is_refused(clinic):
    screening, services = clinic.services.screening, clinic.services
    other = services.patients.create(
        clinic.clinician, PatientData(record_number="R-2", family_name="Other", birth_date=date(2000, 1, 1))
    )
    theirs = services.recordings.receive(clinic.clinician, other.id, "walk.mp4", [b"x"])
    mine = ChosenClip(clinic.recording.id, 1)
    with pytest.raises(ValidationError, match="same patient"):
        screening.start(clinic.clinician, [mine, ChosenClip(theirs.id, 1)], TASKS)
    with pytest.raises(ValidationError, match="same file"):
        start(clinic, b"front", b"front")
    with pytest.raises(ValidationError, match="twice"):
        screening.start(clinic.clinician, [mine, mine], TASKS)
    with pytest.raises(ValidationError, match=f"1 to {MAX_CLIPS}"):
        screening.start(clinic.clinician, [], TASKS)
    with pytest.raises(ValidationError, match="cm"):
        screening.start(clinic.clinician, [mine], TASKS, 1.52)


def test_a_recording_is_in_one_screening_at_a_time_wherever_it_stands(clinic):
    job = start(clinic, b"front", b"side")
    second = ChosenClip(job.payload["clips"][1]["recording_id"], 1)
    with pytest.raises(ConflictError, match="being screened"):
        clinic.services.screening.start(clinic.clinician, [second], TASKS)
    found = clinic.services.screening.jobs_of_recording(clinic.clinician, second.recording_id)
    assert [each.id for each in found] == [job.id]


def test_recordings_that_parted_meanwhile_make_no_assessment(clinic):
    job = start(clinic, b"front", b"side")
    other = clinic.services.patients.create(
        clinic.clinician, PatientData(record_number="R-2", family_name="Other", birth_date=date(2000, 1, 1))
    )
    with clinic.services.database.transaction() as session:
        moved = job.payload["clips"][1]["recording_id"]
        recordings.assign_patient(session=session, recording_id=moved, patient_id=other.id)
    with pytest.raises(ConflictError, match="different patients"):
        do_next_job(clinic)
    assert not clinic.services.screening.assessments_of_patient(clinic.clinician, clinic.patient.id)


@pytest.fixture
def newer(clinic, tmp_path: Path):
    """Puts a newer version into production when it is called."""
    register_bundled(clinic)

    def into_production() -> str:
        version = make_promotable(clinic, make_package(tmp_path / "newer", "9.1"), freeze_cohort(clinic))
        promote(clinic, version, add_user(clinic.services, "anna", Role.ADMINISTRATOR))
        return version.id

    return into_production


def test_old_recordings_are_scored_again_once_for_each_version(clinic, newer):
    screening = clinic.services.screening
    first = assessed(clinic, b"refuse", b"side", height_cm=150.0)
    assert screening.outdated(clinic.clinician, clinic.patient.id) == ()
    with pytest.raises(ConflictError, match="has scored"):
        screening.rescore(clinic.clinician, first.id)
    version_id = newer()
    assert [each.id for each in screening.outdated(clinic.clinician, clinic.patient.id)] == [first.id]
    screening.rescore(clinic.clinician, first.id)
    with pytest.raises(ConflictError, match="already"):
        screening.rescore(clinic.clinician, first.id)
    again = screening.assessment(clinic.clinician, do_next_job(clinic).result["assessment_id"])
    assert (again.rescored_from_id, again.model_version_id) == (first.id, version_id)
    assert again.body_height_cm == 150.0
    assert again.silhouettes_key == first.silhouettes_key
    assert {score["model_version"] for score in again.result["scores"]} == {"9.1"}
    assert [clip.overlay_key for clip in clips_of(clinic, again)] == [
        clip.overlay_key for clip in clips_of(clinic, first)
    ]
    stored = screening.assessment(clinic.clinician, first.id)
    assert stored.result == first.result
    assert screening.outdated(clinic.clinician, clinic.patient.id) == ()
    with pytest.raises(ConflictError, match="has scored"):
        screening.rescore(clinic.clinician, again.id)


def test_a_stopped_scoring_can_be_asked_for_again(clinic, newer):
    first = screen(clinic)
    newer()
    screening = clinic.services.screening
    job = screening.rescore(clinic.clinician, first)
    screening.cancel(clinic.clinician, job.id)
    assert screening.rescore(clinic.clinician, first).id != job.id
