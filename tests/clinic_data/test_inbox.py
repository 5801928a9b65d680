"""Recordings that wait for their patient or for their work."""

from __future__ import annotations

import pytest

from clinic_data import holds, inbox, jobs, recordings
from clinic_data.errors import ConflictError, NotFoundError
from clinic_data.tables import JobState
from clinic_data.visit_tables import AssessmentClip


def test_a_recording_waits_until_work_is_queued_for_it(session, rows) -> None:
    patient = rows.patient(session)
    nobodys, assigned, queued = rows.recording(session), rows.recording(session, patient.id), rows.recording(session)
    rows.job(session, queued.id)
    page = inbox.list_waiting(session=session, limit=1)
    assert ([row.id for row in page.rows], page.total) == ([nobodys.id], 2)
    assert [row.id for row in inbox.list_waiting(session=session, offset=1).rows] == [assigned.id]
    assert [row.id for row in inbox.list_assigned(session=session)] == [assigned.id]


def test_jobs_are_found_by_kind_patient_and_state(session, rows) -> None:
    patient, recording = rows.patient(session), rows.recording(session)
    wanted = jobs.enqueue(session=session, kind="screen", payload={}, patient_id=patient.id)
    other = jobs.enqueue(session=session, kind="find_people", payload={}, recording_id=recording.id)
    assert [job.id for job in inbox.list_jobs(session=session, kind="screen").rows] == [wanted.id]
    found = inbox.list_jobs_of_patient(session=session, patient_id=patient.id, kind="screen")
    assert [job.id for job in found] == [wanted.id]
    assert [job.id for job in inbox.unfinished_jobs(session=session, kinds=["screen", "find_people"])] != []
    jobs.request_cancel(session=session, job_id=other.id)
    assert [job.id for job in inbox.unfinished_jobs(session=session, kinds=["find_people"])] == []
    assert jobs.get_job(session=session, job_id=other.id).state is JobState.CANCELLED


def test_a_recording_is_assigned_by_who_saw_whose_it_was(session, rows) -> None:
    first, second = rows.patient(session), rows.patient(session, "P-2")
    recording = rows.recording(session)
    inbox.assign(session=session, recording_id=recording.id, patient_id=first.id, expected_patient_id=None)
    with pytest.raises(ConflictError, match="meanwhile"):
        inbox.assign(session=session, recording_id=recording.id, patient_id=second.id, expected_patient_id=None)
    inbox.assign(session=session, recording_id=recording.id, patient_id=second.id, expected_patient_id=first.id)
    assert recordings.get_recording(session=session, recording_id=recording.id).patient_id == second.id


def test_nothing_is_taken_from_a_patient_under_a_legal_hold(session, rows) -> None:
    held, other = rows.patient(session), rows.patient(session, "P-2")
    recording = rows.recording(session, held.id)
    holds.place(
        session=session, patient_id=held.id, reason="order of the court", actor_id=rows.user(session, "carl").id
    )
    with pytest.raises(ConflictError, match="legal hold"):
        inbox.discard(session=session, recording_id=recording.id)
    with pytest.raises(ConflictError, match="legal hold"):
        inbox.assign(session=session, recording_id=recording.id, patient_id=other.id, expected_patient_id=held.id)
    assert recordings.get_recording(session=session, recording_id=recording.id).patient_id == held.id


def test_only_what_nothing_refers_to_is_discarded(session, rows) -> None:
    recording = rows.recording(session)
    assert inbox.discard(session=session, recording_id=recording.id) == recording.storage_key
    with pytest.raises(NotFoundError):
        recordings.get_recording(session=session, recording_id=recording.id)
    with pytest.raises(NotFoundError):
        inbox.discard(session=session, recording_id=recording.id)
    queued = rows.recording(session)
    rows.job(session, queued.id)
    with pytest.raises(ConflictError):
        inbox.discard(session=session, recording_id=queued.id)
    together = rows.recording(session)
    session.add(AssessmentClip(assessment_id=rows.assessment(session).id, recording_id=together.id, position=1))
    session.flush()
    with pytest.raises(ConflictError):
        inbox.discard(session=session, recording_id=together.id)
    assessed = rows.assessment(session)
    with pytest.raises(ConflictError):
        inbox.discard(session=session, recording_id=assessed.recording_id)


def test_what_is_assigned_is_queued_once_by_whoever_comes_first(database, rows, in_threads) -> None:
    with database.transaction() as session:
        patient = rows.patient(session)
        assigned = {rows.recording(session, patient.id).id for _ in range(3)}

    def work(_number: int) -> list[str]:
        with database.transaction() as session:
            mine = inbox.lock_assigned(session=session)
            for recording in mine:
                jobs.enqueue(session=session, kind="find_people", payload={}, recording_id=recording.id)
        return [recording.id for recording in mine]

    queued = [recording_id for mine in in_threads(work, 4) for recording_id in mine]
    assert sorted(queued) == sorted(assigned)
