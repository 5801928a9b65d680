"""A visit that was filed under the wrong patient: what is shown, what moves, what stays, what is written down."""

from __future__ import annotations

import pytest
from conftest import add_user
from stored import screen

from clinic_data import audit, data_keys, holds, patients
from clinic_data.encryption_tables import SealedFile
from clinic_data.errors import ConflictError, NotFoundError, SealError, ValidationError
from clinic_data.patients import PatientData
from clinic_data.tables import Role

WHY = "Wrong patient was chosen"


@pytest.fixture
def other(clinic):
    """The patient whom the film shows."""
    data = PatientData(record_number="R-2", family_name="Okafor", given_name="Ada", birth_date="2012-05-06")
    return clinic.services.patients.create(clinic.clinician, data)


def _move(clinic, other, **changes: str):
    named = {
        "recording_id": clinic.recording.id,
        "from_patient_id": clinic.patient.id,
        "to_patient_id": other.id,
        "reason": WHY,
    }
    return clinic.services.moving.move(clinic.clinician, **(named | changes))


def _rows(clinic, action: str):
    with clinic.services.database.reading() as session:
        return audit.list_rows(session=session, wanted=audit.AuditFilter(action=action)).rows


def test_before_it_moves_both_patients_and_all_that_moves_are_shown(clinic, other):
    assessment_id = screen(clinic)
    clinic.services.notes.add(clinic.clinician, clinic.patient.id, "Limps.", assessment_id)
    clinic.services.reporting.create(clinic.clinician, assessment_id)
    preview = clinic.services.moving.preview(clinic.clinician, clinic.recording.id, other.id)
    assert (preview.before.family_name, preview.after.family_name) == ("Example", "Okafor")
    assert [row.id for row in preview.visit.assessments] == [assessment_id]
    assert (len(preview.visit.notes), preview.reports_staying, preview.same_file) == (1, 1, False)
    with pytest.raises(ValidationError, match="already"):
        clinic.services.moving.preview(clinic.clinician, clinic.recording.id, clinic.patient.id)


def test_it_moves_with_its_files_and_both_audit_logs_say_so(clinic, other):
    assessment_id = screen(clinic)
    visit = _move(clinic, other)
    screening = clinic.services.screening
    assert [row.id for row in screening.assessments_of_patient(clinic.clinician, other.id)] == [assessment_id]
    assert screening.assessments_of_patient(clinic.clinician, clinic.patient.id) == ()
    assert screening.assessment(clinic.clinician, assessment_id).result["scores"]
    assert screening.silhouette_strip(clinic.clinician, assessment_id) is not None
    assert clinic.services.storage.read_bytes(clinic.recording.storage_key) == b"walking"
    (away,), (here,) = _rows(clinic, "visit.moved_away"), _rows(clinic, "visit.moved_here")
    assert (away.patient_id, here.patient_id) == (clinic.patient.id, other.id)
    assert away.why == here.why == WHY
    assert away.details["to_patient_id"] == other.id
    assert away.details["assessments"] == here.details["assessments"] == [assessment_id]
    assert len(visit.storage_keys) >= 3


def test_its_files_outlive_the_key_of_the_first_patient_and_not_that_of_the_second(clinic, other):
    screen(clinic)
    visit = _move(clinic, other)
    services = clinic.services
    with services.database.transaction() as session:
        keys = {key: session.get(SealedFile, key).data_key_id for key in visit.storage_keys}
        assert set(keys.values()) == {data_keys.of_patient(session=session, patient_id=other.id).id}
        data_keys.destroy(session=session, patient_id=clinic.patient.id)
    assert services.storage.read_bytes(clinic.recording.storage_key) == b"walking"
    with services.database.transaction() as session:
        data_keys.destroy(session=session, patient_id=other.id)
    with pytest.raises(SealError):
        services.storage.read_bytes(clinic.recording.storage_key)


def test_its_report_stays_with_the_patient_whom_it_names(clinic, other):
    assessment_id = screen(clinic)
    report = clinic.services.reporting.create(clinic.clinician, assessment_id)
    pdf = clinic.services.reporting.read_pdf(clinic.clinician, report.id)
    _move(clinic, other)
    reporting = clinic.services.reporting
    assert [row.id for row in reporting.list_of_patient(clinic.clinician, clinic.patient.id)] == [report.id]
    assert reporting.list_of_patient(clinic.clinician, other.id) == ()
    assert reporting.read_pdf(clinic.clinician, report.id) == pdf
    with pytest.raises(ValidationError, match="moved to another patient"):
        reporting.content_of(clinic.clinician, report.id)


def test_an_addendum_to_the_old_report_would_tell_of_the_wrong_patient(clinic, other):
    report = clinic.services.reporting.create(clinic.clinician, screen(clinic))
    _move(clinic, other)
    with pytest.raises(ValidationError, match="moved to another patient"):
        clinic.services.reporting.add_addendum(clinic.clinician, report.id, "More.")


def test_the_new_report_supersedes_the_old_one_also_where_its_patient_is_hidden(clinic, other):
    assessment_id = screen(clinic)
    reporting, teams = clinic.services.reporting, clinic.services.teams
    old = reporting.create(clinic.clinician, assessment_id)
    _move(clinic, other)
    ward = teams.create(clinic.administrator, "Ward A")
    data = PatientData(record_number="R-1", family_name="Example", given_name="Ana", birth_date="2011-04-23")
    clinic.services.patients.update(clinic.clinician, clinic.patient.id, data, 1, ward.id)
    new = reporting.create(clinic.clinician, assessment_id)
    assert (new.supersedes_id, new.patient_id, new.version) == (old.id, other.id, 2)
    assert [row.id for row in reporting.list_of_assessment(clinic.clinician, assessment_id)] == [new.id]
    with pytest.raises(NotFoundError):
        reporting.read_pdf(clinic.clinician, old.id)


def test_what_is_not_the_actors_is_not_moved(clinic, other):
    teams = clinic.services.teams
    ward = teams.create(clinic.administrator, "Ward A")
    bea = add_user(clinic.services, "bea", Role.CLINICIAN)
    teams.set_members(clinic.administrator, ward.id, [clinic.clinician.user_id])
    data = PatientData(record_number="R-2", family_name="Okafor", given_name="Ada", birth_date="2012-05-06")
    clinic.services.patients.update(clinic.clinician, other.id, data, other.version, ward.id)
    move = clinic.services.moving.move
    with pytest.raises(NotFoundError, match="patient"):
        move(bea, clinic.recording.id, clinic.patient.id, other.id, WHY)
    _move(clinic, other)
    for recording_id in (clinic.recording.id, "0" * 32, "a\x00b"):
        with pytest.raises(NotFoundError, match="recording"):
            move(bea, recording_id, other.id, clinic.patient.id, WHY)


def test_nothing_moves_without_a_reason_or_under_a_hold_or_while_it_is_screened(clinic, other):
    for reason in ("", "wrong", "x" * 301, "wrong\u202epatient chosen"):
        with pytest.raises(ValidationError, match="Say why"):
            _move(clinic, other, reason=reason)
    clinic.services.screening.find_people(clinic.clinician, clinic.recording.id)
    with pytest.raises(ConflictError, match="has not ended"):
        _move(clinic, other)
    with clinic.services.database.transaction() as session:
        holds.place(
            session=session, patient_id=clinic.patient.id, reason="Asked by a court.", actor_id=clinic.clinician.user_id
        )
    with pytest.raises(ConflictError, match="legal hold"):
        _move(clinic, other)
    assert clinic.services.recordings.get(clinic.clinician, clinic.recording.id).patient_id == clinic.patient.id
    assert not _rows(clinic, "visit.moved_away")


def test_a_recording_of_nobody_is_assigned_and_not_moved(clinic, other):
    waiting = clinic.services.recordings.receive(clinic.clinician, None, "inbox.mp4", [b"inbox"])
    with pytest.raises(ValidationError, match="page Batch"):
        clinic.services.moving.visit(clinic.clinician, waiting.id)


def test_when_the_files_cannot_be_given_nothing_moves(clinic, other, monkeypatch):
    screen(clinic)

    def fails(*_: object, **__: object) -> None:
        raise SealError("A key is gone.")

    monkeypatch.setattr("clinic_data.file_vault.FileVault.give_to", fails)
    with pytest.raises(SealError):
        _move(clinic, other)
    with clinic.services.database.reading() as session:
        assert patients.get_patient(session=session, patient_id=clinic.patient.id)
    assert clinic.services.recordings.get(clinic.clinician, clinic.recording.id).patient_id == clinic.patient.id
    assert not _rows(clinic, "visit.moved_here")
