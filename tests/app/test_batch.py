"""Many recordings at once: the inbox, whom each shows, and the queue that goes on by itself."""

from __future__ import annotations

from datetime import date

import pytest
from conftest import add_user
from stored import do_next_job

from app.services.batch import BatchState
from app.services.screening import ChosenClip
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.patients import PatientData
from clinic_data.tables import JobState, Role


@pytest.fixture(autouse=True)
def _empty_inbox(clinic) -> None:
    clinic.services.batch.discard(clinic.clinician, clinic.recording.id)


def upload(clinic, name: str = "walk.mp4", content: bytes = b"alone"):
    return clinic.services.recordings.receive(clinic.clinician, None, name, [content])


def assign(clinic, recording, patient_id: str | None = None) -> None:
    clinic.services.batch.assign(clinic.clinician, recording.id, patient_id or clinic.patient.id, None)


def queue(clinic, *contents: bytes) -> list:
    recordings = [upload(clinic, content=content) for content in contents]
    for recording in recordings:
        assign(clinic, recording)
    clinic.services.batch.queue_all(clinic.clinician, ["scoliosis", "depression"])
    return recordings


def rows(clinic) -> dict:
    page = clinic.services.batch.queued(clinic.clinician, 20, 0)
    return {row.recording.id: row for row in page.rows}


def test_who_is_alone_in_the_picture_is_screened_without_anybody_waiting(clinic):
    (recording,) = queue(clinic, b"alone")
    assert rows(clinic)[recording.id].state is BatchState.WAITING
    do_next_job(clinic)
    assert rows(clinic)[recording.id].state is BatchState.SCREENING
    done = do_next_job(clinic)
    row = rows(clinic)[recording.id]
    assert (row.state, row.assessment_id) == (BatchState.SCREENED, done.result["assessment_id"])
    assessment = clinic.services.screening.assessment(clinic.clinician, row.assessment_id)
    assert assessment.patient_id == clinic.patient.id
    assert [score["task"] for score in assessment.result["scores"]] == ["scoliosis", "depression"]


def test_of_several_people_somebody_says_who_is_the_patient(clinic):
    (recording,) = queue(clinic, b"two people")
    do_next_job(clinic)
    assert rows(clinic)[recording.id].state is BatchState.CHOOSE_PERSON
    screening = clinic.services.screening
    search = screening.last_search(clinic.clinician, recording.id)
    assert [person.number for person in screening.people(clinic.clinician, search.id)] == [1, 2]
    assert screening.find_people(clinic.clinician, recording.id).id == search.id
    screening.start(clinic.clinician, [ChosenClip(recording.id, 2)], ["scoliosis"])
    assert rows(clinic)[recording.id].state is BatchState.SCREENING
    do_next_job(clinic)
    assert rows(clinic)[recording.id].assessment_id


def test_what_cannot_be_screened_is_told_and_stops_nothing_else(clinic):
    nobody, refused, alone = queue(clinic, b"nobody", b"alone refuse", b"alone")
    for _ in range(5):
        do_next_job(clinic)
    states = {key: row.state for key, row in rows(clinic).items()}
    assert states == {
        nobody.id: BatchState.REFUSED,
        refused.id: BatchState.REFUSED,
        alone.id: BatchState.SCREENED,
    }


def test_recordings_wait_until_their_patient_is_known(clinic):
    first, second = upload(clinic, "first.mp4"), upload(clinic, "second.mp4")
    batch = clinic.services.batch
    assert [row.recording.id for row in batch.waiting(clinic.clinician, 9, 0).rows] == [first.id, second.id]
    assign(clinic, second)
    assert batch.ready(clinic.clinician) == 1
    with pytest.raises(ValidationError, match="at least one"):
        batch.queue_all(clinic.clinician, [])
    assert batch.queue_all(clinic.clinician, ["scoliosis"]) == 1
    assert [row.recording.id for row in batch.waiting(clinic.clinician, 9, 0).rows] == [first.id]
    assert batch.queue_all(clinic.clinician, ["scoliosis"]) == 0


def test_a_record_number_in_the_file_name_is_suggested_and_never_taken_by_itself(clinic):
    add = clinic.services.patients.create
    add(clinic.clinician, PatientData(record_number="R-10", family_name="Ten", birth_date=date(2010, 1, 1)))
    recording = upload(clinic, "r-1_side.mp4")
    (row,) = [
        row for row in clinic.services.batch.waiting(clinic.clinician, 9, 0).rows if row.recording.id == recording.id
    ]
    assert [patient.record_number for patient in row.suggested] == ["R-1"]
    assert row.patient is None


def test_the_same_film_under_two_patients_is_pointed_out(clinic):
    other = clinic.services.patients.create(
        clinic.clinician, PatientData(record_number="R-9", family_name="Other", birth_date=date(2000, 1, 1))
    )
    first, again = upload(clinic, content=b"the same"), upload(clinic, content=b"the same")
    assign(clinic, first, other.id)
    found = {row.recording.id: row for row in clinic.services.batch.waiting(clinic.clinician, 9, 0).rows}
    assert found[again.id].same_file == ("R-9",)
    assert found[first.id].same_file == ()


def test_two_people_do_not_overwrite_each_other(clinic):
    colleague = add_user(clinic.services, "carl", Role.CLINICIAN)
    recording = upload(clinic)
    assign(clinic, recording)
    with pytest.raises(ConflictError, match="meanwhile"):
        clinic.services.batch.assign(colleague, recording.id, clinic.patient.id, None)
    clinic.services.batch.queue_all(clinic.clinician, ["scoliosis"])
    with pytest.raises(ConflictError, match="queued or screened"):
        clinic.services.batch.assign(colleague, recording.id, clinic.patient.id, clinic.patient.id)
    with pytest.raises(NotFoundError):
        clinic.services.batch.assign(colleague, "f" * 32, clinic.patient.id, None)


def test_discarding_deletes_the_file_and_nothing_that_is_in_use(clinic):
    recording = upload(clinic)
    path = clinic.services.storage.storage.path(recording.storage_key)
    clinic.services.batch.discard(clinic.clinician, recording.id)
    assert not path.exists()
    with pytest.raises(NotFoundError):
        clinic.services.recordings.get(clinic.clinician, recording.id)
    (queued,) = queue(clinic, b"alone")
    with pytest.raises(ConflictError):
        clinic.services.batch.discard(clinic.clinician, queued.id)
    assert clinic.services.storage.storage.path(queued.storage_key).exists()


def test_the_audit_log_knows_who_assigned_and_discarded_what(clinic):
    recording, other = upload(clinic), upload(clinic)
    assign(clinic, recording)
    clinic.services.batch.discard(clinic.clinician, other.id)
    entries = clinic.services.audit_trail.list_rows(clinic.administrator, 20, 0).rows
    told = {(entry.action, entry.subject_id): entry.details for entry in entries}
    assert clinic.patient.id in told["recording.assigned", recording.id]
    assert other.sha256 in told["recording.discarded", other.id]


def test_a_stopped_search_can_be_taken_up_again(clinic):
    (recording,) = queue(clinic, b"alone")
    job = rows(clinic)[recording.id].job
    clinic.services.screening.cancel(clinic.clinician, job.id)
    assert rows(clinic)[recording.id].state is BatchState.CANCELLED
    again = clinic.services.screening.find_people(clinic.clinician, recording.id)
    assert again.state is JobState.QUEUED
