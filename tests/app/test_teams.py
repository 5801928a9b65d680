"""Teams as administrators run them, and as the form of a patient and the page of users show them."""

from __future__ import annotations

import pytest
from conftest import add_user

from app.services.patient_records import KEEP_TEAM
from clinic_data.audit import AuditFilter
from clinic_data.errors import ConflictError, NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.patients import PatientData
from clinic_data.tables import Role


def _data(number: str = "R-1", **fields: object) -> PatientData:
    known = {"family_name": "Example", "given_name": "Ana", "birth_date": "2011-04-23"}
    return PatientData(record_number=number, **(known | fields))


def _audited(clinic, action: str) -> list[dict]:
    with clinic.services.database.reading() as session:
        from clinic_data import audit

        return [row.details for row in audit.list_rows(session=session, wanted=AuditFilter(action=action)).rows]


@pytest.fixture
def ward(clinic):
    """A team with the clinician in it."""
    team = clinic.services.teams.create(clinic.administrator, "Ward A")
    clinic.services.teams.set_members(clinic.administrator, team.id, [clinic.clinician.user_id])
    return team


def test_the_overview_counts_and_names_no_patient(clinic, ward):
    clinic.services.patients.update(clinic.clinician, clinic.patient.id, _data(), 1, ward.id)
    overview = clinic.services.teams.overview(clinic.administrator)
    (view,) = overview.teams
    assert (view.team.name, view.patients, [person.username for person in view.members]) == ("Ward A", 1, ["clara"])
    assert (overview.patients_of_all_staff, overview.unseen) == (0, 0)
    assert [person.username for person in overview.staff] == ["clara"]
    assert "Example" not in repr(overview)
    assert clinic.services.teams.names_by_user(clinic.administrator) == {clinic.clinician.user_id: ("Ward A",)}


def test_patients_whom_nobody_can_see_are_counted(clinic, ward):
    clinic.services.patients.update(clinic.clinician, clinic.patient.id, _data(), 1, ward.id)
    clinic.services.users.set_active(clinic.administrator, clinic.clinician.user_id, active=False)
    overview = clinic.services.teams.overview(clinic.administrator)
    assert overview.unseen == 1
    assert [person.active for person in overview.teams[0].members] == [False]


def test_changes_of_members_are_in_the_audit_log_one_by_one(clinic, ward):
    bea = add_user(clinic.services, "bea", Role.CLINICIAN)
    clinic.services.teams.set_members(clinic.administrator, ward.id, [bea.user_id])
    assert _audited(clinic, "team.member_added") == [{"user_id": bea.user_id}, {"user_id": clinic.clinician.user_id}]
    assert _audited(clinic, "team.member_removed") == [{"user_id": clinic.clinician.user_id}]


def test_only_clinicians_come_into_a_team(clinic, ward):
    members = [clinic.clinician.user_id, clinic.administrator.user_id]
    with pytest.raises(ValidationError, match="Only clinicians"):
        clinic.services.teams.set_members(clinic.administrator, ward.id, members)
    assert len(clinic.services.teams.overview(clinic.administrator).teams[0].members) == 1


def test_a_member_who_leaves_loses_sight_at_once(clinic, ward):
    patients = clinic.services.patients
    patients.update(clinic.clinician, clinic.patient.id, _data(), 1, ward.id)
    clinic.services.teams.set_members(clinic.administrator, ward.id, [])
    with pytest.raises(NotFoundError):
        patients.get(clinic.clinician, clinic.patient.id)
    with pytest.raises(NotFoundError):
        clinic.services.recordings.get(clinic.clinician, clinic.recording.id)
    assert patients.search(clinic.clinician, "", 10, 0).total == 0


def test_the_form_offers_the_only_own_team_first(clinic, ward):
    teams = clinic.services.teams
    lab = teams.create(clinic.administrator, "Lab")
    choice = teams.choice(clinic.clinician)
    assert [team.name for team in choice.teams] == ["Lab", "Ward A"]
    assert choice.first_for_new == ward.id
    teams.set_members(clinic.administrator, lab.id, [clinic.clinician.user_id])
    assert teams.choice(clinic.clinician).first_for_new is None
    teams.set_active(clinic.administrator, lab.id, active=False)
    assert teams.choice(clinic.clinician).first_for_new == ward.id


def test_a_patient_can_be_handed_to_a_team_that_the_actor_is_not_in(clinic, ward):
    other = clinic.services.teams.create(clinic.administrator, "Ward B")
    patients = clinic.services.patients
    patients.update(clinic.clinician, clinic.patient.id, _data(), 1, other.id)
    with pytest.raises(NotFoundError):
        patients.get(clinic.clinician, clinic.patient.id)
    assert _audited(clinic, "patient.team_changed") == [{"before": None, "team_id": other.id}]


def test_an_edit_that_says_nothing_of_the_team_keeps_it(clinic, ward):
    patients = clinic.services.patients
    stored = patients.update(clinic.clinician, clinic.patient.id, _data(), 1, ward.id)
    patients.update(clinic.clinician, clinic.patient.id, _data(given_name="Anna"), stored.version, KEEP_TEAM)
    assert patients.get(clinic.clinician, clinic.patient.id).team_id == ward.id


def test_two_who_edit_one_patient_the_second_is_told(clinic, ward):
    patients = clinic.services.patients
    patients.update(clinic.clinician, clinic.patient.id, _data(given_name="Anna"), 1)
    with pytest.raises(ConflictError, match="Somebody else saved"):
        patients.update(clinic.clinician, clinic.patient.id, _data(given_name="Anne"), 1, ward.id)
    stored = patients.get(clinic.clinician, clinic.patient.id)
    assert (stored.given_name, stored.team_id) == ("Anna", None)


def test_closing_needs_a_team_without_patients(clinic, ward):
    teams = clinic.services.teams
    clinic.services.patients.update(clinic.clinician, clinic.patient.id, _data(), 1, ward.id)
    with pytest.raises(ConflictError, match="Hand them over"):
        teams.set_active(clinic.administrator, ward.id, active=False)
    assert teams.hand_over(clinic.administrator, ward.id, None) == 1
    teams.set_active(clinic.administrator, ward.id, active=False)
    assert _audited(clinic, "team.patients_handed_over") == [{"to_team_id": None, "count": 1}]
    assert clinic.services.patients.get(clinic.clinician, clinic.patient.id).team_id is None


def test_auditors_read_teams_and_change_none(clinic, ward):
    audrey = add_user(clinic.services, "audrey", Role.AUDITOR)
    assert len(clinic.services.teams.overview(audrey).teams) == 1
    with pytest.raises(PermissionDeniedError):
        clinic.services.teams.rename(audrey, ward.id, "Mine")
