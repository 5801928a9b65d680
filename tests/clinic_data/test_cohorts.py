"""Cohorts: frozen with a hash, in agreement with everybody's role, never changed."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from clinic_data import cohorts, training_people
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.retraining_tables import Cohort, TrainingPerson


def _entry(person: TrainingPerson, key: str, **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "person": person.code,
        "role": person.role.value,
        "label": "positive",
        "method": "radiograph",
        "view": "front",
        "sex": "female",
        "age_years": 14,
        "device": "1920x1080 30 Hz h264",
        "site": "Zürich",
        "frames": 96,
        "typical": True,
        "simulated": False,
        "silhouettes_key": "s" * 32,
        "silhouettes_sha256": "ab" * 32,
        "recording_sha256": "cd" * 32,
    } | fields


@pytest.fixture
def people(session, rows) -> list[TrainingPerson]:
    ids = [rows.patient(session, f"P-{number}").id for number in range(6)]
    strata = dict.fromkeys(ids, "all")
    roles = training_people.assign_roles(session=session, strata=strata, gate_share=1 / 3, seed=1)
    return sorted(roles.values(), key=lambda person: person.role.value)


def _manifest(people: list[TrainingPerson], **changes: Any) -> dict[str, Any]:
    entries = [_entry(person, f"{number:032d}") for number, person in enumerate(people)]
    excluded = [{"key": "f" * 32, "reason": "no consent"}]
    return {"format": 1, "task": "scoliosis", "entries": entries, "excluded": excluded} | changes


def _freeze(session, manifest: dict[str, Any], simulated: bool = False) -> Cohort:
    return cohorts.freeze(
        session=session,
        task="scoliosis",
        filters={"views": ("front",)},
        manifest=manifest,
        simulated=simulated,
        actor_id=None,
    )


def test_a_cohort_comes_back_as_it_was_frozen(session, people) -> None:
    manifest = _manifest(people)
    frozen = _freeze(session, manifest)
    session.expire_all()
    read = cohorts.get_cohort(session=session, cohort_id=frozen.id)
    assert (read.number, read.task, read.simulated, read.filters) == (1, "scoliosis", False, {"views": ["front"]})
    assert read.manifest == manifest
    assert read.manifest_sha256 == cohorts.manifest_sha256(manifest)
    assert cohorts.entries(read) == manifest["entries"]
    assert len(cohorts.entries(read, "gate")) == 2
    assert {entry["role"] for entry in cohorts.entries(read, "development")} == {"development"}


def test_the_hash_is_that_of_the_canonical_json() -> None:
    written = '{"a":[1.5,null],"ü":"é"}'.encode()
    assert cohorts.manifest_sha256({"ü": "é", "a": (1.5, None)}) == hashlib.sha256(written).hexdigest()
    assert cohorts.manifest_sha256({"a": 1}) != cohorts.manifest_sha256({"a": 2})


def test_cohorts_are_numbered_listed_and_found(session, people) -> None:
    first, second, third = (_freeze(session, _manifest(people[:size])) for size in (6, 5, 6))
    page = cohorts.list_cohorts(session=session, limit=2)
    assert ([row.number for row in page.rows], page.total) == ([3, 2], 3)
    assert cohorts.find_by_manifest(session=session, manifest_sha256=first.manifest_sha256) == third
    assert cohorts.find_by_manifest(session=session, manifest_sha256=second.manifest_sha256) == second
    assert cohorts.find_by_manifest(session=session, manifest_sha256="0" * 64) is None
    with pytest.raises(NotFoundError):
        cohorts.get_cohort(session=session, cohort_id="0" * 32)


def test_nobody_stands_in_a_cohort_in_another_role_than_for_ever(session, people) -> None:
    gate, development = people[-1], people[0]
    for person, role in ((gate, "development"), (development, "gate")):
        manifest = _manifest(people)
        manifest["entries"][0] = _entry(person, "0" * 32, role=role)
        with pytest.raises(ConflictError, match="another role"):
            _freeze(session, manifest)
    stranger = _manifest(people)
    stranger["entries"][0]["person"] = "0" * 32
    with pytest.raises(ConflictError, match="another role"):
        _freeze(session, stranger)
    assert cohorts.list_cohorts(session=session).total == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "names its format"),
        ({"task": "depression"}, "task of its cohort"),
        ({"entries": []}, "No recording was chosen"),
    ],
)
def test_refuses_what_is_no_manifest(session, people, changes: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _freeze(session, _manifest(people, **changes))


def test_refuses_entries_that_lack_a_fact_tell_a_name_or_stand_in_disorder(session, people) -> None:
    for change in ({"name": "Moreau"}, {"frames": float("nan")}):
        manifest = _manifest(people)
        manifest["entries"][0] |= change
        with pytest.raises(ValidationError):
            _freeze(session, manifest)
    lacking = _manifest(people)
    del lacking["entries"][1]["site"]
    with pytest.raises(ValidationError, match="has exactly"):
        _freeze(session, lacking)
    entries = _manifest(people)["entries"]
    for disordered in (entries[::-1], [entries[0], *entries]):
        with pytest.raises(ValidationError, match="sorted by key"):
            _freeze(session, _manifest(people, entries=disordered))


def test_simulated_people_cannot_pass_as_real_ones(session, people) -> None:
    manifest = _manifest(people)
    manifest["entries"][2]["simulated"] = True
    with pytest.raises(ValidationError, match="simulated"):
        _freeze(session, manifest, simulated=False)
    assert _freeze(session, manifest, simulated=True).simulated


@pytest.mark.parametrize("statement", ["UPDATE cohort SET task = 'depression'", "DELETE FROM cohort"])
def test_the_database_keeps_a_cohort_as_it_was(session, people, statement: str) -> None:
    frozen = _freeze(session, _manifest(people))
    with pytest.raises(DBAPIError, match="never changed or deleted"), session.begin_nested():
        session.exec(text(statement))
    session.expire_all()
    assert cohorts.get_cohort(session=session, cohort_id=frozen.id).task == "scoliosis"


def test_a_manifest_that_was_changed_behind_the_triggers_is_noticed(database, rows) -> None:
    with database.transaction() as session:
        patient_id = rows.patient(session).id
        person = training_people.assign_roles(session=session, strata={patient_id: "all"}, gate_share=0.5, seed=1)
        frozen = _freeze(session, _manifest(list(person.values())))
    with database.transaction() as session:
        for statement in _PAST_THE_TRIGGERS[session.get_bind().dialect.name]:
            session.exec(text(statement))
    with pytest.raises(ConflictError, match="not what was frozen"), database.reading() as session:
        cohorts.get_cohort(session=session, cohort_id=frozen.id)


_CHANGE = "UPDATE cohort SET manifest = "
_PAST_THE_TRIGGERS = {
    "sqlite": ("DROP TRIGGER cohort_no_update", _CHANGE + "replace(manifest, 'positive', 'negative')"),
    "postgresql": (
        "SET LOCAL session_replication_role = replica",
        _CHANGE + "CAST(replace(CAST(manifest AS TEXT), 'positive', 'negative') AS JSON)",
    ),
}
