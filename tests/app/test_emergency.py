"""Access in an emergency, from the record number to the review."""

from __future__ import annotations

from datetime import timedelta

import pytest
from conftest import add_user
from sqlalchemy import text

from app.services.access import PatientOfOtherTeamError
from clinic_data import audit
from clinic_data.access_tables import EmergencyAccess
from clinic_data.clock import utc_now
from clinic_data.errors import ConflictError, NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.patients import PatientData
from clinic_data.tables import Role

REASON = "Fell on the stairs, seen in the emergency room."


@pytest.fixture
def bea(clinic):
    """A clinician who is not in the team of the clinic's patient."""
    teams = clinic.services.teams
    ward = teams.create(clinic.administrator, "Ward A")
    teams.set_members(clinic.administrator, ward.id, [clinic.clinician.user_id])
    clinic.services.patients.update(clinic.clinician, clinic.patient.id, _data(), 1, ward.id)
    return add_user(clinic.services, "bea", Role.CLINICIAN)


def _data(**fields: object) -> PatientData:
    known = {"record_number": "R-1", "family_name": "Example", "given_name": "Ana", "birth_date": "2011-04-23"}
    return PatientData(**(known | fields))


def _actions(clinic) -> list[str]:
    with clinic.services.database.reading() as session:
        return [row.action for row in audit.list_rows(session=session, limit=100).rows]


def test_the_exact_record_number_finds_a_team_and_no_name(clinic, bea):
    found = clinic.services.emergencies.find(bea, " r-1 ")
    assert (found.patient_id, found.team, found.seen) == (clinic.patient.id, "Ward A", False)
    assert clinic.services.emergencies.find(bea, "R-") is None
    assert clinic.services.emergencies.find(bea, "Example") is None
    assert _actions(clinic)[:3] == ["emergency_access.searched"] * 3
    assert clinic.services.emergencies.find(clinic.clinician, "R-1").seen


def test_a_reason_opens_the_record_and_what_is_in_it(clinic, bea):
    patients = clinic.services.patients
    with pytest.raises(PatientOfOtherTeamError):
        patients.open(bea, clinic.patient.id)
    clinic.services.emergencies.open(bea, clinic.patient.id, REASON)
    assert patients.open(bea, clinic.patient.id).family_name == "Example"
    assert clinic.services.recordings.get(bea, clinic.recording.id).id == clinic.recording.id
    (own,) = clinic.services.emergencies.own(bea)
    assert own.patient.id == clinic.patient.id
    assert patients.search(bea, "", 10, 0).total == 0  # opened singly, in no list
    assert "emergency_access.granted" in _actions(clinic)


def test_nobody_else_gets_in_through_it(clinic, bea):
    clinic.services.emergencies.open(bea, clinic.patient.id, REASON)
    carl = add_user(clinic.services, "carl", Role.CLINICIAN)
    with pytest.raises(NotFoundError):
        clinic.services.patients.get(carl, clinic.patient.id)
    (own,) = clinic.services.emergencies.own(bea)
    with pytest.raises(NotFoundError):
        clinic.services.emergencies.end(carl, own.access_id)


def test_it_is_over_after_its_hours(clinic, bea):
    clinic.services.emergencies.open(bea, clinic.patient.id, REASON)
    with clinic.services.database.transaction() as session:
        access = session.get(EmergencyAccess, _only_access(clinic))
        access.granted_at -= timedelta(hours=9)
        access.expires_at = utc_now() - timedelta(seconds=1)
    with pytest.raises(NotFoundError):
        clinic.services.patients.get(bea, clinic.patient.id)
    assert clinic.services.emergencies.own(bea) == ()


def _only_access(clinic) -> str:
    (row,) = clinic.services.emergencies.list(clinic.administrator, None, 10, 0).rows
    return row.id


@pytest.mark.parametrize("who", ["clinician", "administrator"])
def test_it_can_be_ended_early(clinic, bea, who: str):
    clinic.services.emergencies.open(bea, clinic.patient.id, REASON)
    clinic.services.emergencies.end(bea if who == "clinician" else clinic.administrator, _only_access(clinic))
    with pytest.raises(NotFoundError):
        clinic.services.patients.get(bea, clinic.patient.id)
    assert "emergency_access.ended" in _actions(clinic)


def test_who_sees_the_patient_needs_none(clinic, bea):
    with pytest.raises(ConflictError, match="already"):
        clinic.services.emergencies.open(clinic.clinician, clinic.patient.id, REASON)
    for unknown in ("0" * 32, "", "a\x00b", "' OR 1=1 --"):
        with pytest.raises(NotFoundError):
            clinic.services.emergencies.open(bea, unknown, REASON)


def test_a_reason_that_says_nothing_opens_nothing(clinic, bea):
    with pytest.raises(ValidationError, match="at least 10"):
        clinic.services.emergencies.open(bea, clinic.patient.id, "now")
    with pytest.raises(PatientOfOtherTeamError):
        clinic.services.patients.open(bea, clinic.patient.id)
    assert "emergency_access.granted" not in _actions(clinic)


def test_it_does_not_let_the_patient_be_kept(clinic, bea):
    clinic.services.emergencies.open(bea, clinic.patient.id, REASON)
    version = clinic.services.patients.get(bea, clinic.patient.id).version
    with pytest.raises(ValidationError, match="emergency only"):
        clinic.services.patients.update(bea, clinic.patient.id, _data(), version, None)
    own = clinic.services.patients.create(bea, _data(record_number="R-9", family_name="Own"))
    with pytest.raises(PermissionDeniedError, match="emergency only"):
        clinic.services.moving.move(bea, clinic.recording.id, clinic.patient.id, own.id, "Wrong patient chosen")
    assert clinic.services.patients.get(clinic.clinician, clinic.patient.id).team_id is not None


def test_administrators_review_and_auditors_read(clinic, bea):
    emergencies = clinic.services.emergencies
    emergencies.open(bea, clinic.patient.id, REASON)
    audrey = add_user(clinic.services, "audrey", Role.AUDITOR)
    (row,) = emergencies.list(audrey, False, 10, 0).rows
    assert (row.user, row.team, row.reason, row.over) == ("Bea", "Ward A", REASON, False)
    assert "Example" not in repr(row)
    with pytest.raises(PermissionDeniedError):
        emergencies.review(audrey, row.id)
    assert emergencies.count_to_review(audrey) == 1
    emergencies.review(clinic.administrator, row.id)
    assert emergencies.count_to_review(audrey) == 0
    assert emergencies.list(audrey, True, 10, 0).rows[0].reviewed_by == "Adam"
    with pytest.raises(ConflictError):
        emergencies.review(clinic.administrator, row.id)


def test_the_reason_is_not_in_the_audit_log(clinic, bea):
    clinic.services.emergencies.open(bea, clinic.patient.id, REASON)
    with clinic.services.database.reading() as session:
        rows = session.execute(text("SELECT * FROM audit_row")).all()
        assert rows
        assert "stairs" not in repr(rows)
