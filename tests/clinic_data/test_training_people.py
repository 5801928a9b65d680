"""Roles in training: given once, kept for ever, within one person of the share in each stratum."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from clinic_data import erasures, training_people
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.retraining_tables import TrainingPerson, TrainingRole
from clinic_data.training_people import plan_roles

THIRD = 1 / 3
# Patients of a clinic: the stratum of each, in the order in which they come.
ARRIVALS = st.lists(
    st.sampled_from(["positive female", "positive male", "negative female", "negative male"]), max_size=60
)


def _assign(session, strata: dict[str, str], gate_share: float = THIRD, seed: int = 1) -> dict[str, TrainingPerson]:
    return training_people.assign_roles(session=session, strata=strata, gate_share=gate_share, seed=seed)


def _rows(strata: dict[str, str], roles: dict[str, TrainingRole]) -> list[TrainingPerson]:
    return [
        TrainingPerson(patient_id=patient_id, role=role, stratum=strata[patient_id])
        for patient_id, role in roles.items()
    ]


def _assert_quota(people: list[TrainingPerson], share: Fraction) -> None:
    of_stratum = Counter(person.stratum for person in people)
    gate = Counter(person.stratum for person in people if person.role is TrainingRole.GATE)
    for stratum, count in of_stratum.items():
        assert abs(gate[stratum] - share * count) < 1


@given(arrivals=ARRIVALS, twentieths=st.integers(1, 19), seed=st.integers(0, 9), data=st.data())
def test_every_stratum_has_its_share_within_one_person_however_the_patients_come(
    arrivals, twentieths, seed, data
) -> None:
    share = Fraction(twentieths, 20)
    strata = {f"p{number}": stratum for number, stratum in enumerate(arrivals)}
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arrivals)), max_size=3)))
    known: list[TrainingPerson] = []
    for start, end in zip(
        [0, *cuts], [*cuts, len(arrivals)], strict=True
    ):  # cohorts that were frozen one after another
        part = {patient_id: strata[patient_id] for patient_id in list(strata)[start:end]}
        roles = plan_roles(known=known, strata=part, gate_share=float(share), seed=seed)
        known += _rows(part, roles)
        _assert_quota(known, share)
    again = plan_roles(known=known, strata=strata, gate_share=0.5, seed=seed + 1)
    assert again == {person.patient_id: person.role for person in known}


@given(arrivals=ARRIVALS, order=st.randoms(use_true_random=False))
def test_the_order_in_which_patients_are_named_changes_nothing(arrivals, order: random.Random) -> None:
    strata = {f"p{number}": stratum for number, stratum in enumerate(arrivals)}
    shuffled = list(strata.items())
    order.shuffle(shuffled)
    common = {"known": [], "gate_share": THIRD, "seed": 3}
    assert plan_roles(strata=strata, **common) == plan_roles(strata=dict(shuffled), **common)


def test_the_draw_is_the_same_on_every_machine_and_another_with_another_seed() -> None:
    strata = {f"p{number}": "all" for number in range(12)}
    drawn = {
        seed: [
            patient_id
            for patient_id, role in plan_roles(known=[], strata=strata, gate_share=THIRD, seed=seed).items()
            if role is TrainingRole.GATE
        ]
        for seed in (1, 2)
    }
    assert {seed: sorted(gate) for seed, gate in drawn.items()} == {
        1: ["p1", "p11", "p3", "p9"],
        2: ["p0", "p11", "p2", "p6"],
    }


@given(st.integers(1, 40))
def test_people_who_are_alone_in_their_stratum_still_fill_the_gate(count: int) -> None:
    strata = {f"p{number}": f"stratum {number}" for number in range(count)}
    roles = plan_roles(known=[], strata=strata, gate_share=THIRD, seed=1)
    assert abs(Counter(roles.values())[TrainingRole.GATE] - count / 3) <= 1


def test_roles_are_stored_once_and_known_people_keep_theirs(database, rows) -> None:
    with database.transaction() as session:
        ids = [rows.patient(session, f"P-{number}").id for number in range(9)]
        planned = training_people.planned_roles(
            session=session, strata=dict.fromkeys(ids[:6], "all"), gate_share=THIRD, seed=1
        )
        assert training_people.roles_of(session=session, patient_ids=ids) == {}
        first = _assign(session, dict.fromkeys(ids[:6], "all"))
    assert {patient_id: person.role for patient_id, person in first.items()} == planned
    with database.transaction() as session:
        second = _assign(session, dict.fromkeys(ids, "another"), gate_share=0.9, seed=2)
    with database.reading() as session:
        stored = training_people.roles_of(session=session, patient_ids=[*ids, "0" * 32])
        gate = training_people.people_of_role(session=session, role="gate")
        development = training_people.people_of_role(session=session, role=TrainingRole.DEVELOPMENT)
    assert set(stored) == set(second) == set(ids)
    for patient_id, person in first.items():
        assert (stored[patient_id].code, stored[patient_id].role, stored[patient_id].stratum) == (
            person.code,
            person.role,
            "all",
        )
    assert not {person.code for person in stored.values()} & set(ids)  # a code tells nothing of the patient
    assert {person.code for person in gate} | {person.code for person in development} == {
        person.code for person in stored.values()
    }
    assert Counter(person.role for person in first.values()) == {TrainingRole.GATE: 2, TrainingRole.DEVELOPMENT: 4}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sets(st.integers(0, 11)), st.floats(0.1, 0.9), st.integers(0, 5)), max_size=5))
def test_no_later_cohort_changes_anybodys_role(session, rows, steps) -> None:
    with session.begin_nested() as savepoint:
        ids = [rows.patient(session, f"P-{number}").id for number in range(12)]
        given_first: dict[str, TrainingRole] = {}
        for chosen, share, seed in steps:
            assigned = _assign(session, {ids[number]: f"s{(number + seed) % 3}" for number in chosen}, share, seed)
            for patient_id, person in assigned.items():
                assert given_first.setdefault(patient_id, person.role) is person.role
        savepoint.rollback()
    session.expire_all()


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_that_leaves_one_side_empty_is_refused(session, rows, share: float) -> None:
    with pytest.raises(ValidationError, match="share of the gate"):
        _assign(session, {rows.patient(session).id: "all"}, share)


def test_refuses_strata_without_name_unknown_patients_and_roles(session, rows) -> None:
    patient_id = rows.patient(session).id
    for stratum in ("", "x" * 121):
        with pytest.raises(ValidationError, match="stratum"):
            _assign(session, {patient_id: stratum})
    with pytest.raises(ConflictError, match="does not exist any more"):
        _assign(session, {patient_id: "all", "0" * 32: "all"})
    assert training_people.roles_of(session=session, patient_ids=[patient_id]) == {}
    with pytest.raises(ValidationError, match="development, gate"):
        training_people.people_of_role(session=session, role="calibration")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE training_person SET role = 'development'",
        "UPDATE training_person SET role = 'gate'",
        "UPDATE training_person SET code = 'x'",
        "UPDATE training_person SET stratum = 'x'",
        "UPDATE training_person SET assigned_at = '2020-01-01 00:00:00+00'",
        "UPDATE training_person SET patient_id = (SELECT MIN(id) FROM patient)",
        "UPDATE training_person SET patient_id = NULL, role = 'gate'",
        "DELETE FROM training_person",
    ],
)
def test_the_database_refuses_to_change_a_role(database, rows, statement: str) -> None:
    with database.transaction() as session:
        ids = [rows.patient(session, f"P-{number}").id for number in range(4)]
        before = {code: _facts(person) for code, person in _assign(session, dict.fromkeys(ids[:3], "all")).items()}
    with pytest.raises(DBAPIError, match="never changed or deleted"), database.transaction() as session:
        session.exec(text(statement))
    with database.reading() as session:
        stored = training_people.roles_of(session=session, patient_ids=ids)
    assert {patient_id: _facts(person) for patient_id, person in stored.items()} == before


def _facts(person: TrainingPerson) -> tuple[object, ...]:
    return (person.code, person.role, person.stratum, person.assigned_at)


def test_an_erased_patient_leaves_a_code_that_still_counts(database, rows) -> None:
    with database.transaction() as session:
        patient = rows.patient(session)
        person = _assign(session, {patient.id: "all"})[patient.id]
    with database.transaction() as session:
        erasures.erase_rows(session=session, patient_id=patient.id)
    with database.reading() as session:
        left = training_people.people_of_role(session=session, role=person.role)
    assert [(row.code, row.patient_id) for row in left] == [(person.code, None)]
    with database.transaction() as session:
        rows.patient(session, "P-2")
    with pytest.raises(DBAPIError, match="never changed"), database.transaction() as session:
        session.exec(text("UPDATE training_person SET patient_id = (SELECT id FROM patient)"))


def test_cohorts_that_are_frozen_at_the_same_time_share_one_quota(database, rows, in_threads) -> None:
    with database.transaction() as session:
        ids = [rows.patient(session, f"P-{number}").id for number in range(24)]

    def freeze(number: int) -> None:
        with database.transaction() as session:  # every pair of neighbours has six patients in common
            _assign(session, dict.fromkeys((ids * 2)[number * 6 : number * 6 + 12], "all"), seed=number)

    in_threads(freeze, 4)
    with database.reading() as session:
        roles = training_people.roles_of(session=session, patient_ids=ids)
    assert len(roles) == 24
    assert Counter(person.role for person in roles.values())[TrainingRole.GATE] == 8
