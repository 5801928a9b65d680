"""Recordings and the files that rows refer to."""

from __future__ import annotations

from datetime import datetime

import pytest

from clinic_data import assessments, file_references, jobs, recordings, reports
from clinic_data.errors import ConflictError, NotFoundError


def test_a_recording_comes_back_as_it_was_registered(database, rows, now: datetime) -> None:
    stored = rows.stored()
    with database.transaction() as session:
        user, patient = rows.user(session), rows.patient(session)
        added = recordings.add_recording(
            session=session,
            patient_id=patient.id,
            original_name="walk.MOV",
            stored=stored,
            uploaded_by=user.id,
            recorded_at=now,
            site=" Zürich\nNord",
            simulated=True,
        )
    with database.reading() as session:
        read = recordings.get_recording(session=session, recording_id=added.id)
    assert (read.patient_id, read.uploaded_by, read.recorded_at) == (patient.id, user.id, now)
    assert (read.site, read.simulated) == ("Zürich Nord", True)
    assert (read.storage_key, read.size_bytes, read.sha256) == (stored.key, stored.size_bytes, stored.sha256)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("C:\\Users\\ada\\walk.mp4", "walk.mp4"),
        ("/home/ada/walk.mp4", "walk.mp4"),
        ("wa\x00lk\u202e.mp4", "wa lk .mp4"),
        ("", "recording"),
        ("../..", ".."),
        ("x" * 300 + ".mp4", "x" * 196 + ".mp4"),
    ],
)
def test_a_file_name_is_kept_without_folders_and_control_characters(session, rows, name: str, kept: str) -> None:
    recording = recordings.add_recording(
        session=session, patient_id=None, original_name=name, stored=rows.stored(), uploaded_by=None
    )
    assert recording.original_name == kept


def test_recordings_of_a_patient_are_listed_newest_first(session, rows) -> None:
    patient = rows.patient(session)
    first, second = rows.recording(session, patient.id), rows.recording(session, patient.id)
    unassigned = rows.recording(session)
    listed = recordings.list_recordings(session=session, patient_id=patient.id)
    assert [row.id for row in listed] == [second.id, first.id]
    assert [row.id for row in recordings.list_recordings(session=session, patient_id=None)] == [unassigned.id]


def test_a_recording_is_real_and_of_no_named_site_unless_it_is_said(session, rows) -> None:
    recording = rows.recording(session)
    assert (recording.site, recording.simulated) == ("", False)


def test_the_same_film_under_several_patients_is_found(session, rows) -> None:
    ada, bea = rows.patient(session, "P-1"), rows.patient(session, "P-2")
    for patient_id in (ada.id, bea.id, None):
        rows.recording(session, patient_id)  # all of the same bytes
    wanted = ["ab" * 32, *(f"{number:064d}" for number in range(1200))]
    found = recordings.patients_by_file(session=session, sha256s=wanted)
    assert found == {"ab" * 32: {ada.id, bea.id, None}}
    assert recordings.patients_by_file(session=session, sha256s=[]) == {}


def test_a_recording_needs_a_patient_who_exists_and_a_file_of_its_own(session, rows) -> None:
    stored = rows.stored()
    common = {"session": session, "original_name": "walk.mp4", "stored": stored, "uploaded_by": None}
    with pytest.raises(ConflictError):
        recordings.add_recording(patient_id="0" * 32, **common)
    recordings.add_recording(patient_id=None, **common)
    with pytest.raises(ConflictError):
        recordings.add_recording(patient_id=None, **common)


def test_a_recording_moves_to_the_right_patient_with_its_job_and_assessment(database, rows) -> None:
    with database.transaction() as session:
        wrong, right = rows.patient(session, "P-1"), rows.patient(session, "P-2")
        assessment = rows.assessment(session, wrong.id)
        other = rows.assessment(session, wrong.id)
    with database.transaction() as session:
        recordings.assign_patient(session=session, recording_id=assessment.recording_id, patient_id=right.id)
    with database.reading() as session:
        assert [row.id for row in assessments.list_assessments(session=session, patient_id=right.id)] == [assessment.id]
        assert [row.id for row in assessments.list_assessments(session=session, patient_id=wrong.id)] == [other.id]
        assert jobs.get_job(session=session, job_id=assessment.job_id).patient_id == right.id


def test_a_recording_cannot_move_to_nobody_who_exists(session, rows) -> None:
    recording = rows.recording(session, rows.patient(session).id)
    with pytest.raises(ConflictError):
        recordings.assign_patient(session=session, recording_id=recording.id, patient_id="0" * 32)
    with pytest.raises(NotFoundError):
        recordings.assign_patient(session=session, recording_id="0" * 32, patient_id="0" * 32)


def test_every_file_that_a_row_refers_to_is_known(session, rows) -> None:
    assessment = rows.assessment(session)
    assessment.silhouettes_key, assessment.overlay_key = "a" * 32, "b" * 32
    stored = rows.stored()
    reports.add_report(session=session, assessment_id=assessment.id, stored=stored, created_by=None)
    recording = recordings.get_recording(session=session, recording_id=assessment.recording_id)
    known = file_references.referenced_keys(session=session)
    assert known == {recording.storage_key, "a" * 32, "b" * 32, stored.key}
