"""Whose data an actor sees: rules of `access`, answers that tell nothing, and reads in the audit trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from two_teams import CLINICIANS, TEAMS, Ids, TwoTeams

from app.services import access, reads
from app.services.permissions import Permission, require
from clinic_data import audit, emergency_access, jobs, teams
from clinic_data.errors import NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.patients import PatientData

KINDS = {
    "patient": (access.patient_for, "patient"),
    "recording": (access.recording_for, "recording"),
    "job": (access.job_for, "search_job"),
    "assessment": (access.assessment_for, "assessment"),
    "report": (access.report_for, "report"),
    "note": (access.note_for, "note"),
}
MALFORMED = (
    "",
    "x",
    "f" * 33,
    "../../etc/passwd",
    "' OR '1'='1",
    "%00",
    "\x00",
    "f" * 31 + "\x00",
    "\ud800",
    "𝟙" * 32,
    "F" * 32,
    "a" * 100_000,
    "id; DROP TABLE patient;--",
)


def _ask(world: TwoTeams, who: str, kind: str, row_id: str):
    find, _ = KINDS[kind]
    with world.services.database.reading() as session:
        return find(session, world.actors[who], Permission.READ_PATIENTS, row_id)


def _is_refused(world: TwoTeams, who: str, kind: str, row_id: str) -> str:
    with pytest.raises(NotFoundError) as refusal:
        _ask(world, who, kind, row_id)
    return str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_seen_by_the_team_and_do_not_exist_for_others(world: TwoTeams, kind: str):
    for who, mine in CLINICIANS.items():
        for name, team in TEAMS.items():
            row_id = getattr(world.ids[name], KINDS[kind][1])
            if team is None or team in mine:
                assert _ask(world, who, kind, row_id).id == row_id
            else:
                assert _is_refused(world, who, kind, row_id) == _is_refused(world, who, kind, "0" * 32)


@pytest.mark.parametrize("kind", KINDS)
def test_ids_that_no_row_can_have_are_answered_as_unknown(world: TwoTeams, kind: str):
    for row_id in MALFORMED:
        assert _is_refused(world, "both", kind, row_id) == f"This {kind} does not exist."


@pytest.mark.parametrize("kind", KINDS)
def test_the_role_is_asked_before_the_row(world: TwoTeams, kind: str):
    for who in ("nobody", "newcomer", "administrator", "auditor"):
        for row_id in (getattr(world.ids["all"], KINDS[kind][1]), "0" * 32, "\x00"):
            with pytest.raises(PermissionDeniedError):
                _ask(world, who, kind, row_id)


def test_many_recordings_are_locked_only_if_all_are_seen(world: TwoTeams):
    red, everybody = world.ids["red"].recording, world.ids["all"].recording
    with world.services.database.transaction() as session:
        found = access.lock_recordings_for(session, world.actors["red"], Permission.SCREEN, [red, everybody])
        assert [row.id for row in found] == [red, everybody]
        for wanted in ([everybody, red], [red], ["\x00"]):
            with pytest.raises(NotFoundError, match="This recording does not exist"):
                access.lock_recordings_for(session, world.actors["blue"], Permission.SCREEN, wanted)


def test_what_is_nobodys_yet_is_every_clinicians(world: TwoTeams):
    for who in CLINICIANS:
        assert _ask(world, who, "recording", world.inbox).patient_id is None


def test_jobs_that_are_no_screenings_do_not_exist_for_clinicians(world: TwoTeams):
    assert _is_refused(world, "both", "job", world.retraining_job) == "This job does not exist."
    with pytest.raises(NotFoundError):
        world.services.screening.cancel(world.actors["both"], world.retraining_job)
    with world.services.database.reading() as session:
        assert not jobs.get_job(session=session, job_id=world.retraining_job).cancel_requested


def test_lists_leave_out_what_is_not_seen(world: TwoTeams):
    ids = [world.ids[name].assessment for name in TEAMS]
    with world.services.database.reading() as session:
        seen = access.seen_assessments(session, world.actors["blue"], [*ids, "0" * 32, "\x00", ids[0]])
        assert {row.id for row in seen} == {world.ids["blue"].assessment, world.ids["all"].assessment}


def test_access_in_an_emergency_opens_one_patient_and_ends(world: TwoTeams):
    red, blue = world.ids["red"], world.actors["blue"]
    with world.services.database.transaction() as session:
        granted = emergency_access.grant(
            session=session, user_id=blue.user_id, patient_id=red.patient, reason="Seizure in the gym."
        )
    assert _ask(world, "blue", "assessment", red.assessment).id == red.assessment
    assert _is_refused(world, "free", "assessment", red.assessment)
    with world.services.database.reading() as session:
        later = granted.expires_at + timedelta(seconds=1)
        assert not teams.may_see(session=session, user_id=blue.user_id, patient_id=red.patient, now=later)


def test_who_leaves_a_team_sees_its_patients_no_more(world: TwoTeams):
    with world.services.database.transaction() as session:
        teams.set_members(session=session, team_id=world.team_ids["red"], user_ids=[])
    assert _is_refused(world, "red", "patient", world.ids["red"].patient)


def test_only_who_may_break_the_glass_learns_that_there_is_such_a_patient(world: TwoTeams):
    records, red = world.services.patients, world.ids["red"].patient
    with pytest.raises(access.PatientOfOtherTeamError) as refusal:
        records.open(world.actors["blue"], red)
    assert "zq" not in str(refusal.value)
    for unknown in (*MALFORMED, "0" * 32):
        with pytest.raises(NotFoundError):
            records.open(world.actors["blue"], unknown)
    for who in ("administrator", "auditor", "nobody", "newcomer"):
        with pytest.raises(PermissionDeniedError) as refusal:
            records.open(world.actors[who], red)
        assert not isinstance(refusal.value, access.PatientOfOtherTeamError)


def test_a_new_patient_belongs_to_ones_own_team_or_to_all(world: TwoTeams):
    create, blue = world.services.patients.create, world.actors["blue"]
    data = PatientData(record_number="T-1", family_name="Teamed", birth_date="2001-01-01")
    with pytest.raises(ValidationError, match="one of your own teams"):
        create(blue, data, world.team_ids["red"])
    assert create(blue, data, world.team_ids["blue"]).team_id == world.team_ids["blue"]


def test_a_patient_can_be_handed_to_another_team_but_not_out_of_an_emergency(world: TwoTeams):
    records, red, to_blue = world.services.patients, world.ids["red"].patient, world.team_ids["blue"]
    patient = records.get(world.actors["red"], red)
    data = PatientData(**{name: getattr(patient, name) for name in PatientData.model_fields})
    with world.services.database.transaction() as session:
        user_id = world.actors["free"].user_id
        emergency_access.grant(session=session, user_id=user_id, patient_id=red, reason="Seizure in the gym.")
    with pytest.raises(ValidationError, match="in an emergency only"):
        records.update(world.actors["free"], red, data, 1, None)
    records.update(world.actors["red"], red, data, 1, to_blue)
    assert records.get(world.actors["blue"], red).team_id == to_blue
    with pytest.raises(NotFoundError):
        records.get(world.actors["red"], red)


def _reads(world: TwoTeams, action: str) -> list[str | None]:
    with world.services.database.reading() as session:
        rows = audit.list_rows(session=session, limit=500, action=action).rows
    return [row.subject_id for row in rows]


def test_a_look_is_in_the_trail_once_a_minute_and_session(world: TwoTeams, monkeypatch):
    get, red, patient_id = world.services.patients.get, world.actors["red"], world.ids["red"].patient
    before = len(_reads(world, "patient.opened"))
    for _ in range(3):
        get(red, patient_id)
    assert len(_reads(world, "patient.opened")) == before + 1
    with_other_session = audit.origin.set(audit.Origin("192.0.2.1", "other"))
    get(red, patient_id)
    audit.origin.reset(with_other_session)
    assert len(_reads(world, "patient.opened")) == before + 2
    get(world.actors["both"], patient_id)
    assert len(_reads(world, "patient.opened")) == before + 3
    monkeypatch.setattr(reads, "AGAIN_AFTER_S", 0.0)
    get(red, patient_id)
    assert len(_reads(world, "patient.opened")) == before + 4


def test_what_is_refused_is_no_look(world: TwoTeams):
    before = _reads(world, "patient.opened")
    with pytest.raises(NotFoundError):
        world.services.patients.get(world.actors["blue"], world.ids["red"].patient)
    assert _reads(world, "patient.opened") == before


def test_nothing_is_read_where_the_trail_cannot_be_written(world: TwoTeams, monkeypatch):
    def full(**_: object) -> None:
        raise OSError("no space left on device")

    get, red, patient_id = world.services.patients.get, world.actors["red"], world.ids["red"].patient
    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", full)
        with pytest.raises(OSError, match="no space"):
            get(red, patient_id)
    before = len(_reads(world, "patient.opened"))
    get(red, patient_id)
    assert len(_reads(world, "patient.opened")) == before + 1


def test_a_search_says_how_many_but_no_words(world: TwoTeams):
    world.services.patients.search(world.actors["red"], "zqfamilyred", 10, 0)
    with world.services.database.reading() as session:
        (row,) = audit.list_rows(session=session, limit=1, action="patients.searched").rows
    assert row.details == {"found": 1}
    assert row.subject_id is None


def test_the_memory_of_looks_is_bounded(world: TwoTeams, monkeypatch):
    monkeypatch.setattr(reads, "_REMEMBERED", 2)
    red = require(world.actors["red"], Permission.READ_PATIENTS)
    for number in ("1", "2", "3", "1"):
        reads.note_read(world.services.database, red, "patient.opened", "patient", number)
    assert _reads(world, "patient.opened")[:4] == ["1", "3", "2", "1"]


def test_ids_of_a_test_are_like_those_of_the_tables():
    assert replace(Ids.all_of("x"), patient="y").recording == "x"
    assert all(len(row_id) == 32 for row_id in vars(Ids.unknown()).values())
