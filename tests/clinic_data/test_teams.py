"""Teams, and who may see which patient."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from clinic_data import emergency_access, patients, teams
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.tables import Patient

NOBODY = "0" * 32


def test_a_team_has_a_name_of_its_own(session) -> None:
    created = teams.create_team(session=session, name="  Children’s   ward ")
    assert created.name == "Children’s ward"
    with pytest.raises(ConflictError, match="already"):
        teams.create_team(session=session, name="CHILDREN’S WARD")
    other = teams.create_team(session=session, name="Back clinic")
    with pytest.raises(ConflictError, match="already"):
        teams.rename_team(session=session, team_id=other.id, name="children’s ward")
    assert teams.rename_team(session=session, team_id=other.id, name="Spine clinic").name == "Spine clinic"
    assert [team.name for team in teams.list_teams(session=session)] == ["Children’s ward", "Spine clinic"]


@pytest.mark.parametrize("name", ["", "   ", "\u0301", "a" * 81, "ward\u200b", "w\x00ard"])
def test_a_name_that_cannot_be_read_is_refused(session, name: str) -> None:
    with pytest.raises(ValidationError, match="1 to 80 printable"):
        teams.create_team(session=session, name=name)


def test_members_come_and_go(session, rows) -> None:
    ada, ben, cleo = (rows.user(session, name).id for name in ("ada", "ben", "cleo"))
    team = teams.create_team(session=session, name="Ward")
    change = teams.set_members(session=session, team_id=team.id, user_ids=[ada, ben])
    assert (set(change.added), change.removed) == ({ada, ben}, ())
    change = teams.set_members(session=session, team_id=team.id, user_ids=[ben, cleo])
    assert change == teams.MembersChange(added=(cleo,), removed=(ada,))
    assert teams.members(session=session) == {team.id: {ben, cleo}}
    assert teams.visible_team_ids(session=session, user_id=ben) == {team.id}
    assert teams.visible_team_ids(session=session, user_id=ada) == frozenset()
    teams.set_members(session=session, team_id=team.id, user_ids=[])
    assert teams.members(session=session) == {}


def test_strangers_cannot_be_members(session, rows) -> None:
    team = teams.create_team(session=session, name="Ward")
    ada = rows.user(session).id
    with pytest.raises(NotFoundError, match="user"):
        teams.set_members(session=session, team_id=team.id, user_ids=[ada, NOBODY])
    with pytest.raises(NotFoundError, match="team"):
        teams.set_members(session=session, team_id=NOBODY, user_ids=[ada])
    assert teams.members(session=session) == {}


def test_teams_of_a_user_are_the_open_ones(session, rows) -> None:
    ada = rows.user(session).id
    second, first = (teams.create_team(session=session, name=name) for name in ("Walk lab", "Back clinic"))
    for team in (first, second):
        teams.set_members(session=session, team_id=team.id, user_ids=[ada])
    assert teams.teams_of(session=session, user_id=ada) == [first, second]
    teams.set_active(session=session, team_id=first.id, active=False)
    assert teams.teams_of(session=session, user_id=ada) == [second]


def test_who_sees_whom(session, rows, now: datetime) -> None:
    ada, ben = (rows.user(session, name).id for name in ("ada", "ben"))
    team = teams.create_team(session=session, name="Ward")
    teams.set_members(session=session, team_id=team.id, user_ids=[ada])
    everybodys, theirs = rows.patient(session, "P-1"), rows.patient(session, "P-2")
    teams.give_patient(session=session, patient_id=theirs.id, team_id=team.id)

    def sees(user_id: str, patient_id: str, at: datetime = now) -> bool:
        return teams.may_see(session=session, user_id=user_id, patient_id=patient_id, now=at)

    assert [sees(user, everybodys.id) for user in (ada, ben)] == [True, True]
    assert [sees(user, theirs.id) for user in (ada, ben)] == [True, False]
    assert not sees(ada, NOBODY)
    emergency_access.grant(session=session, user_id=ben, patient_id=theirs.id, reason="Fell on the stairs.", now=now)
    assert sees(ben, theirs.id)
    assert sees(ben, theirs.id, now + timedelta(hours=7, minutes=59))
    assert not sees(ben, theirs.id, now + timedelta(hours=8))


def test_emergency_access_opens_one_patient_to_one_user(session, rows, now: datetime) -> None:
    ada, ben = (rows.user(session, name).id for name in ("ada", "ben"))
    team = teams.create_team(session=session, name="Ward")
    first, second = rows.patient(session, "P-1"), rows.patient(session, "P-2")
    for patient in (first, second):
        teams.give_patient(session=session, patient_id=patient.id, team_id=team.id)
    emergency_access.grant(session=session, user_id=ada, patient_id=first.id, reason="Fell on the stairs.", now=now)
    seen = {
        (user, patient.id): teams.may_see(session=session, user_id=user, patient_id=patient.id, now=now)
        for user in (ada, ben)
        for patient in (first, second)
    }
    assert [key for key, value in seen.items() if value] == [(ada, first.id)]


def test_giving_a_patient_to_a_team_tells_the_team_before(session, rows) -> None:
    team = teams.create_team(session=session, name="Ward")
    patient = rows.patient(session)
    assert teams.give_patient(session=session, patient_id=patient.id, team_id=team.id) is None
    assert teams.give_patient(session=session, patient_id=patient.id, team_id=None) == team.id
    session.expire(patient)
    assert (patient.team_id, patient.family_name) == (None, "Moreau")
    with pytest.raises(NotFoundError, match="team"):
        teams.give_patient(session=session, patient_id=patient.id, team_id=NOBODY)
    with pytest.raises(NotFoundError, match="patient"):
        teams.give_patient(session=session, patient_id=NOBODY, team_id=team.id)


def test_a_closed_team_has_no_patients_and_gets_none(session, rows) -> None:
    ward, lab = (teams.create_team(session=session, name=name) for name in ("Ward", "Walk lab"))
    first, second = rows.patient(session, "P-1"), rows.patient(session, "P-2")
    for patient in (first, second):
        teams.give_patient(session=session, patient_id=patient.id, team_id=ward.id)
    with pytest.raises(ConflictError, match="Hand them over"):
        teams.set_active(session=session, team_id=ward.id, active=False)
    assert teams.patient_counts(session=session) == {ward.id: 2}
    assert teams.hand_over(session=session, team_id=ward.id, to_team_id=lab.id) == 2
    assert teams.patient_counts(session=session) == {lab.id: 2}
    assert not teams.set_active(session=session, team_id=ward.id, active=False).active
    for give in (
        lambda: teams.give_patient(session=session, patient_id=first.id, team_id=ward.id),
        lambda: teams.hand_over(session=session, team_id=lab.id, to_team_id=ward.id),
    ):
        with pytest.raises(ConflictError, match="closed"):
            give()
    assert teams.set_active(session=session, team_id=ward.id, active=True).active
    assert teams.hand_over(session=session, team_id=lab.id, to_team_id=None) == 2
    with pytest.raises(ConflictError, match="already"):
        teams.hand_over(session=session, team_id=lab.id, to_team_id=lab.id)


def test_who_edits_a_patient_who_is_handed_over_is_told(database, rows) -> None:
    with database.transaction() as session:
        team = teams.create_team(session=session, name="Ward")
        patient = rows.patient(session)
        teams.give_patient(session=session, patient_id=patient.id, team_id=team.id)
    with database.transaction() as session:
        teams.hand_over(session=session, team_id=team.id, to_team_id=None)
    data = patients.PatientData(
        record_number="P-1", family_name="Moreau", given_name="Zoë", birth_date=patient.birth_date, sex="female"
    )
    with pytest.raises(ConflictError, match="Somebody else saved"), database.transaction() as session:
        patients.update_patient(
            session=session, patient_id=patient.id, data=data, expected_version=patient.version, actor_id=None
        )
    with database.reading() as session:
        stored = session.get(Patient, patient.id)
        assert (stored.team_id, stored.given_name) == (None, "Zoé")


def test_a_team_that_patients_or_members_refer_to_cannot_vanish(database, rows) -> None:
    with database.transaction() as session:
        ward, lab = (teams.create_team(session=session, name=name) for name in ("Ward", "Walk lab"))
        teams.give_patient(session=session, patient_id=rows.patient(session).id, team_id=ward.id)
        teams.set_members(session=session, team_id=lab.id, user_ids=[rows.user(session).id])
    for team in (ward, lab):
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.execute(text("DELETE FROM team WHERE id = :id"), {"id": team.id})


def test_a_patient_cannot_slip_into_a_team_that_is_being_closed(database, rows, in_threads) -> None:
    with database.transaction() as session:
        team = teams.create_team(session=session, name="Ward")
        patient = rows.patient(session)

    def change(number: int) -> str:
        try:
            with database.transaction() as session:
                if number:
                    teams.give_patient(session=session, patient_id=patient.id, team_id=team.id)
                else:
                    teams.set_active(session=session, team_id=team.id, active=False)
        except ConflictError:
            return "refused"
        return "done"

    assert sorted(in_threads(change, 2)) == ["done", "refused"]
    with database.reading() as session:
        has_patient = teams.patient_counts(session=session).get(team.id, 0)
        assert teams.get_team(session=session, team_id=team.id).active is bool(has_patient)
