"""Who may be learned from, who is locked away for ever, and that nothing slips from one side to the other."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from confirmed import (
    SECRET_NAME,
    SECRET_NUMBER,
    Person,
    again,
    confirm,
    drawn_version_id,
    patient_of,
    several,
    withdraw,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services.cohort_selection import CohortFilters
from app.services.cohort_shards import write_role
from app.services.disjointness import assert_gate_unseen, proof_of_disjointness
from clinic_data import assessments, cohorts, model_registry, outcomes, patients, training_people
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.outcomes import OutcomeData
from clinic_data.retraining_tables import Cohort, TrainingRole
from clinic_data.tables import Origin
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError

SCOLIOSIS = CohortFilters(task="scoliosis")


def _freeze(clinic, filters: CohortFilters = SCOLIOSIS, **options) -> Cohort:
    return clinic.services.cohorts.freeze(clinic.administrator, filters, **options)


def test_each_reason_is_said_in_words(clinic):
    people = [
        Person(1),
        Person(2, consent=False),
        Person(3, None),
        Person(4, content=b"the same video"),
        Person(5, content=b"the same video"),
        Person(6, frames=10),
        Person(7, site="Elsewhere"),
        Person(8, view="back"),
        Person(9, typical=False),
        Person(10, recorded_at=datetime(2020, 1, 1, tzinfo=UTC)),
        Person(11),
    ]
    ids = confirm(clinic, *people)
    newer = again(clinic, ids[0], label="positive")
    with clinic.services.database.transaction() as session:
        erased = assessments.get_assessment(session=session, assessment_id=ids[10]).silhouettes_key
    clinic.services.storage.delete(erased)
    filters = CohortFilters(
        task="scoliosis", since=date(2026, 1, 1), sites=("",), views=("side",), typical_only=True, min_frames=30
    )
    preview = clinic.services.cohorts.preview(clinic.administrator, filters)
    assert preview.excluded == {
        "the same file belongs to another patient": 2,
        "older assessment of the same recording": 1,
        "no consent to training": 1,
        "outcome not known": 1,
        "too few frames": 1,
        "outside the chosen sites": 1,
        "outside the chosen views": 1,
        "unlike the training data": 1,
        "outside the chosen time": 1,
        "no silhouettes stored": 1,
    }
    assert (preview.people, preview.recordings) == (1, 1)
    cohort = _freeze(clinic, filters)
    assert [entry["key"] for entry in cohorts.entries(cohort)] == [newer]
    assert len(cohort.manifest["excluded"]) == 11
    assert cohorts.entries(cohort)[0]["label"] == "positive"


def test_a_recording_of_nobody_is_left_out(clinic):
    (one,) = confirm(clinic, Person(1))
    with clinic.services.database.transaction() as session:
        assessments.get_assessment(session=session, assessment_id=one).patient_id = None
    preview = clinic.services.cohorts.preview(clinic.administrator, SCOLIOSIS)
    assert preview.excluded == {"recording of nobody": 1}


def test_counts_and_roles_before_and_after_freezing(clinic):
    confirm(clinic, *several(12), Person(90, "neutral"))
    preview = clinic.services.cohorts.preview(clinic.administrator, SCOLIOSIS)
    assert preview.counts["all"]["all"] == {"negative": 6, "neutral": 1, "positive": 6}
    assert preview.counts["view"] == {"side": {"negative": 6, "neutral": 1, "positive": 6}}
    assert preview.counts["device"].keys() == {"1920x1080 30 Hz h264"}
    assert sum(preview.counts["sex"]["female"].values()) + sum(preview.counts["sex"]["male"].values()) == 13
    assert all(len(group) >= 1 for group in preview.counts.values())
    cohort = _freeze(clinic)
    roles = Counter((entry["role"], entry["label"]) for entry in cohorts.entries(cohort))
    assert {(role, label): n for role, by in preview.roles.items() for label, n in by.items()} == roles
    assert 3 <= sum(n for (role, _), n in roles.items() if role == "gate") <= 6
    assert roles["gate", "positive"] >= 1
    assert roles["gate", "negative"] >= 1


def test_roles_are_kept_over_cohorts(clinic):
    confirm(clinic, *several(9))
    first = _freeze(clinic)
    confirm(clinic, *several(9, first=10))
    second = _freeze(clinic, seed=7)
    before = {entry["person"]: entry["role"] for entry in cohorts.entries(first)}
    after = {entry["person"]: entry["role"] for entry in cohorts.entries(second)}
    assert before.items() <= after.items()
    assert len(after) == 18
    assert (first.number, second.number) == (1, 2)


def test_a_manifest_names_nobody_and_no_cell_is_a_formula(clinic):
    confirm(clinic, Person(1, site="=HYPERLINK(1)"), Person(2, site="@x"))
    cohort = _freeze(clinic)
    text = clinic.services.cohorts.manifest_csv(clinic.administrator, cohort.id).decode()
    assert SECRET_NAME not in text + str(cohort.manifest)
    assert SECRET_NUMBER not in text + str(cohort.manifest)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["site"] for row in rows} == {"'=HYPERLINK(1)", "'@x"}
    assert {int(row["age_years"]) for row in rows} == {16}
    assert clinic.services.cohorts.list(clinic.administrator).total == 1


def test_nothing_chosen_is_said(clinic):
    with pytest.raises(ValidationError, match="No recording"):
        _freeze(clinic)
    with clinic.services.database.reading() as session:
        assert not training_people.people_of_role(session=session, role="gate")


def test_a_consent_withdrawn_meanwhile_counts(clinic, monkeypatch):
    ids = confirm(clinic, *several(4))
    hashing = type(clinic.services.cohorts)._hash_silhouettes

    def slow(self, filters):
        hashes = hashing(self, filters)
        withdraw(clinic, patient_of(clinic, ids[0]))
        return hashes

    monkeypatch.setattr(type(clinic.services.cohorts), "_hash_silhouettes", slow)
    cohort = _freeze(clinic)
    assert ids[0] not in {entry["key"] for entry in cohorts.entries(cohort)}
    with clinic.services.database.reading() as session:
        assert not training_people.roles_of(session=session, patient_ids=[patient_of(clinic, ids[0])])


def test_shards_hold_the_role_alone_and_refuse_a_changed_file(clinic, tmp_path):
    confirm(clinic, *several(9))
    cohort = _freeze(clinic)
    folder = write_role(clinic.services.storage, cohort, TrainingRole.DEVELOPMENT, 12.5, tmp_path / "development")
    wanted = {entry["key"]: entry for entry in cohorts.entries(cohort, role="development")}
    assert set(folder.keys.tolist()) == set(wanted)
    assert set(folder.person.tolist()) == {entry["person"] for entry in wanted.values()}
    labels = dict(zip(folder.keys.tolist(), folder.column("scoliosis").tolist(), strict=True))
    assert labels == {key: entry["label"] for key, entry in wanted.items()}
    assert set(folder.column("seen_from").tolist()) == {"side"}
    assert folder.frames.tolist() == [30] * len(wanted)  # 60 frames at 25 Hz, resampled to 12.5 Hz
    assert folder.manifest["simulated"]
    assert folder.manifest["manifest_sha256"] == cohort.manifest_sha256
    again_ = write_role(clinic.services.storage, cohort, TrainingRole.DEVELOPMENT, 12.5, tmp_path / "development")
    assert again_.manifest["files"] == folder.manifest["files"]

    key = cohorts.entries(cohort, role="gate")[0]["silhouettes_key"]
    stored = clinic.services.storage.storage.path(key)
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    with pytest.raises(ConfigError, match=r"do not open.*restored from a backup"):
        write_role(clinic.services.storage, cohort, TrainingRole.GATE, 12.5, tmp_path / "gate")


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nobody_without_consent_and_nobody_locked_is_trained_on(clinic, tmp_path_factory, data):
    """Property: whoever consents, and however often cohorts are frozen, the two roles never share anybody."""
    start = data.draw(st.integers(1, 10**6)) * 1000
    consents = data.draw(st.lists(st.booleans(), min_size=6, max_size=10).filter(any))
    people = [
        replace(each, consent=yes) for each, yes in zip(several(len(consents), first=start), consents, strict=True)
    ]
    ids = confirm(clinic, *people)
    first = _freeze(clinic)
    if data.draw(st.booleans()):
        withdraw(clinic, patient_of(clinic, ids[0]))
    second = _freeze(clinic, seed=data.draw(st.integers(0, 9)))
    with clinic.services.database.reading() as session:
        locked = {person.code for person in training_people.people_of_role(session=session, role="gate")}
        refusing = {
            person.code
            for patient_id, person in training_people.roles_of(
                session=session, patient_ids=[patient_of(clinic, each) for each in ids]
            ).items()
            if not patients.get_patient(session=session, patient_id=patient_id).training_consent
        }
    for cohort in (first, second):
        folder = tmp_path_factory.mktemp("shards")
        if cohorts.entries(cohort, role="development"):
            write_role(clinic.services.storage, cohort, TrainingRole.DEVELOPMENT, 5.0, folder)
            trained = set(read_shards(folder).people)
            assert not trained & locked
            assert cohort is first or not trained & refusing


def test_the_proof_holds_over_the_lineage_and_finds_a_forged_manifest(clinic):
    confirm(clinic, *several(12))
    first = _freeze(clinic)
    confirm(clinic, *several(6, first=13))
    second = _freeze(clinic)
    child_id = _version(clinic, first, "1.0-r1")
    with clinic.services.database.reading() as session:
        child = model_registry.get_version(session=session, model_version_id=child_id)
        proof = proof_of_disjointness(session, second, child, own=True)
    assert proof.holds
    assert proof.trained_people == len({one["person"] for one in cohorts.entries(second, role="development")})
    assert "None of the" in proof.words
    _assert_promotable(clinic, child_id, second)

    gate = cohorts.entries(second, role="gate")
    locked = next(one for one in gate if one["key"] in {entry["key"] for entry in cohorts.entries(first)})
    for change, words in {
        "role": ({"role": "development"}, "locked people were trained on: 1|1 locked people"),
        "file": ({"silhouettes_sha256": locked["silhouettes_sha256"]}, "1 files of locked people"),
        "video": ({"recording_sha256": locked["recording_sha256"]}, "1 files of locked people"),
        "stranger": ({"person": "f" * 32}, "another role"),
    }.values():
        forged = _forged(first, locked["key"] if "role" in change else None, change)
        with clinic.services.database.reading() as session:
            proof = _proof_with(session, second, child, forged)
        assert not proof.holds
        assert re.search(words, proof.words), proof.words


def test_a_manifest_changed_in_the_database_is_found(clinic):
    """The triggers refuse it; whoever removes them is still found out."""
    confirm(clinic, *several(9))
    cohort = _freeze(clinic)
    child_id = _version(clinic, cohort, "1.0-r1")
    with clinic.services.database.reading() as session:
        child = model_registry.get_version(session=session, model_version_id=child_id)
        cohort = cohorts.get_cohort(session=session, cohort_id=cohort.id)
        session.expunge(cohort)
        cohort.manifest = {**cohort.manifest, "excluded": [{"key": "x", "reason": "y"}]}
        proof = proof_of_disjointness(session, cohort, child)
    assert proof.broken_manifests == 1
    assert not proof.holds


def test_a_lost_cohort_of_our_own_is_no_proof_but_another_clinics_is_none_of_ours(clinic):
    confirm(clinic, *several(9))
    cohort = _freeze(clinic)
    with clinic.services.database.transaction() as session:
        known = {"session": session, "simulated": True, "metrics": {}, "manifest_sha256": "e" * 64}
        lost = model_registry.ensure_version(name="m", version="1", sha256="1" * 64, origin=Origin.RETRAINED, **known)
        foreign = model_registry.ensure_version(name="m", version="2", sha256="2" * 64, origin=Origin.IMPORTED, **known)
        assert not proof_of_disjointness(session, cohort, lost).holds
        assert proof_of_disjointness(session, cohort, foreign).holds
        with pytest.raises(ConflictError, match="not compared on locked people"):
            assert_gate_unseen(session=session, version=foreign)


def _version(clinic, cohort: Cohort, name: str) -> str:
    with clinic.services.database.transaction() as session:
        return model_registry.ensure_version(
            session=session,
            name="drawn",
            version=name,
            sha256="c" * 64,
            simulated=True,
            metrics={},
            origin=Origin.RETRAINED,
            parent_id=drawn_version_id(session),
            manifest_sha256=cohort.manifest_sha256,
            gate_report={"gate_sha256": cohort.manifest_sha256},
        ).id


def _assert_promotable(clinic, version_id: str, cohort: Cohort) -> None:
    with clinic.services.database.reading() as session:
        version = model_registry.get_version(session=session, model_version_id=version_id)
        assert_gate_unseen(session=session, version=version)


def _forged(cohort: Cohort, key: str | None, change: dict) -> Cohort:
    """The cohort as somebody might wish it had been, with a hash that fits."""
    entries = [dict(entry) for entry in cohort.manifest["entries"]]
    wanted = next(one for one in entries if one["key"] == key or (key is None and one["role"] == "development"))
    wanted.update(change)
    manifest = {**cohort.manifest, "entries": entries}
    fields = cohort.model_dump() | {"manifest": manifest, "manifest_sha256": cohorts.manifest_sha256(manifest)}
    return Cohort(**fields)


def _proof_with(session, cohort: Cohort, version, forged: Cohort):
    """The proof where the version's cohort in the database is the forged one."""
    original = cohorts.find_by_manifest
    try:
        cohorts.find_by_manifest = lambda *, session, manifest_sha256: forged
        return proof_of_disjointness(session, cohort, version)
    finally:
        cohorts.find_by_manifest = original


def test_an_outcome_corrected_after_freezing_does_not_change_the_cohort(clinic):
    (one,) = confirm(clinic, Person(1, "negative"))
    cohort = _freeze(clinic)
    with clinic.services.database.transaction() as session:
        present = outcomes.current_outcomes(session=session, assessment_id=one)["scoliosis"]
        outcomes.record_outcome(
            session=session,
            assessment_id=one,
            data=OutcomeData(task="scoliosis", label="positive", method="radiograph", examined_on=date(2026, 10, 3)),
            expected_id=present.id,
            actor_id=None,
        )
    assert cohorts.entries(clinic.services.cohorts.get(clinic.administrator, cohort.id))[0]["label"] == "negative"
    assert cohorts.entries(_freeze(clinic))[0]["label"] == "positive"
