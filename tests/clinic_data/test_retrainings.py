"""Retrainings, shadow scores and trusted keys."""

from __future__ import annotations

import pytest

from clinic_data import cohorts, retrainings, shadow_scores, training_people, trusted_keys
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.retraining_tables import Cohort, Retraining

PROTOCOL = {"task": "scoliosis", "scope": "head", "coverage": 0.9}


def _cohort(session, rows) -> Cohort:
    patient_id = rows.patient(session).id
    people = training_people.assign_roles(session=session, strata={patient_id: "all"}, gate_share=0.5, seed=1)
    person = people[patient_id]
    facts = {"person": person.code, "role": person.role.value, "key": "e" * 32, "simulated": False}
    entry = dict.fromkeys(cohorts.ENTRY_KEYS) | facts
    manifest = {"format": 1, "task": "scoliosis", "entries": [entry], "excluded": []}
    return cohorts.freeze(
        session=session, task="scoliosis", filters={}, manifest=manifest, simulated=False, actor_id=None
    )


def _create(session, cohort_id: str, base_version_id: str, **options) -> Retraining:
    known = {"protocol": PROTOCOL, "protocol_sha256": "ab" * 32, "actor_id": None}
    return retrainings.create(
        session=session, cohort_id=cohort_id, base_version_id=base_version_id, **(known | options)
    )


@pytest.fixture
def retraining(session, rows) -> Retraining:
    return _create(session, _cohort(session, rows).id, rows.model_version(session).id)


def test_a_retraining_keeps_the_protocol_that_was_written_before(database, rows) -> None:
    with database.transaction() as session:
        user, cohort, base = rows.user(session), _cohort(session, rows), rows.model_version(session)
        first = _create(session, cohort.id, base.id, actor_id=user.id)
        second = _create(session, cohort.id, base.id)
    with database.reading() as session:
        read = retrainings.get_retraining(session=session, retraining_id=first.id)
        page = retrainings.list_retrainings(session=session, limit=1)
    assert (read.number, read.protocol, read.protocol_sha256) == (1, PROTOCOL, "ab" * 32)
    assert (read.cohort_id, read.base_version_id, read.requested_by) == (cohort.id, base.id, user.id)
    assert read.job_id is read.live is read.fitted_sha256 is read.candidate_version_id is None
    assert ([row.id for row in page.rows], page.total) == ([second.id], 2)


def test_a_retraining_needs_a_cohort_a_base_and_a_protocol(session, rows) -> None:
    cohort, base = _cohort(session, rows), rows.model_version(session)
    with pytest.raises(ConflictError):
        _create(session, "0" * 32, base.id)
    with pytest.raises(ConflictError):
        _create(session, cohort.id, "0" * 32)
    with pytest.raises(ValidationError, match="SHA-256"):
        _create(session, cohort.id, base.id, protocol_sha256="short")
    with pytest.raises(ValidationError, match="JSON"):
        _create(session, cohort.id, base.id, protocol={"coverage": float("nan")})
    assert retrainings.list_retrainings(session=session).total == 0
    with pytest.raises(NotFoundError):
        retrainings.get_retraining(session=session, retraining_id="0" * 32)


def test_what_the_page_shows_of_a_run_is_replaced(session, retraining) -> None:
    for live in ({"stage": "fitting", "fraction": 0.25}, {"stage": "gate", "fraction": 0.9}):
        assert retrainings.set_live(session=session, retraining_id=retraining.id, live=live).live == live
    with pytest.raises(ValidationError):
        retrainings.set_live(session=session, retraining_id=retraining.id, live={"loss": float("inf")})
    retrainings.set_live(session=session, retraining_id=retraining.id, live=None)
    session.refresh(retraining)
    assert retraining.live is None


def test_a_job_does_one_retraining(session, rows, retraining) -> None:
    job = rows.job(session)
    assert retrainings.set_job(session=session, retraining_id=retraining.id, job_id=job.id).job_id == job.id
    other = _create(session, retraining.cohort_id, retraining.base_version_id)
    for job_id in (job.id, "0" * 32):
        with pytest.raises(ConflictError):
            retrainings.set_job(session=session, retraining_id=other.id, job_id=job_id)


def test_the_weights_are_fixed_before_the_gate_is_opened(session, retraining) -> None:
    common = {"session": session, "retraining_id": retraining.id}
    for _ in range(2):  # a killed worker may say it again
        assert retrainings.set_fitted(sha256="ab" * 32, **common).fitted_sha256 == "ab" * 32
    with pytest.raises(ConflictError, match="its gate may have been opened"):
        retrainings.set_fitted(sha256="cd" * 32, **common)
    with pytest.raises(ValidationError):
        retrainings.set_fitted(sha256="ef", **common)
    session.refresh(retraining)
    assert retraining.fitted_sha256 == "ab" * 32


def test_one_candidate_comes_of_a_retraining(session, rows, retraining) -> None:
    candidate, other = rows.model_version(session, "1.1"), rows.model_version(session, "1.2")
    common = {"session": session, "retraining_id": retraining.id}
    with pytest.raises(ConflictError, match="does not exist"):
        retrainings.set_candidate(model_version_id="0" * 32, **common)
    for _ in range(2):
        retrainings.set_candidate(model_version_id=candidate.id, **common)
    with pytest.raises(ConflictError, match="has its candidate"):
        retrainings.set_candidate(model_version_id=other.id, **common)
    assert retrainings.find_for_candidate(session=session, model_version_id=candidate.id) == retraining
    assert retrainings.find_for_candidate(session=session, model_version_id=other.id) is None


def test_shadow_scores_are_stored_once_and_listed_with_their_assessments(session, rows) -> None:
    candidate = rows.model_version(session, "1.1")
    first, second = rows.assessment(session), rows.assessment(session)
    for assessment in (second, first, second):
        shadow_scores.add(
            session=session,
            assessment_id=assessment.id,
            model_version_id=candidate.id,
            scores=[{"task": "scoliosis", "probability": 0.25}],
        )
    found = shadow_scores.list_for_version(session=session, model_version_id=candidate.id)
    assert [assessment for _, assessment in found] == [first, second]
    assert found[0][0].scores == [{"task": "scoliosis", "probability": 0.25}]
    assert shadow_scores.list_for_version(session=session, model_version_id=first.model_version_id) == []
    with pytest.raises(ConflictError, match="does not exist"):
        shadow_scores.add(session=session, assessment_id="0" * 32, model_version_id=candidate.id, scores=[])


def test_workers_that_score_the_same_in_the_shadow_store_it_once(database, rows, in_threads) -> None:
    with database.transaction() as session:
        candidate, assessment = rows.model_version(session, "1.1"), rows.assessment(session)

    def add(_: int) -> str:
        with database.transaction() as session:
            return shadow_scores.add(
                session=session, assessment_id=assessment.id, model_version_id=candidate.id, scores=[]
            ).id

    assert len(set(in_threads(add, 4))) == 1


def test_a_key_is_trusted_until_it_is_revoked_and_never_again(session, rows) -> None:
    ada = rows.user(session)
    key = trusted_keys.add(session=session, name=" Clinic of\nBerne ", public_key="AB" * 32, actor_id=ada.id)
    assert (key.name, key.public_key, key.added_by) == ("Clinic of Berne", "ab" * 32, ada.id)
    assert trusted_keys.find_valid(session=session, public_key="AB" * 32) == key
    assert trusted_keys.find_valid(session=session, public_key="cd" * 32) is None
    revoked_at = trusted_keys.revoke(session=session, key_id=key.id).revoked_at
    assert trusted_keys.revoke(session=session, key_id=key.id).revoked_at == revoked_at
    assert trusted_keys.find_valid(session=session, public_key="ab" * 32) is None
    with pytest.raises(ConflictError, match="If it was revoked it stays so"):
        trusted_keys.add(session=session, name="Berne", public_key="ab" * 32, actor_id=ada.id)
    assert trusted_keys.list_keys(session=session) == [key]


def test_refuses_what_is_no_key_or_has_no_name(session) -> None:
    for name, public_key in (("", "ab" * 32), ("x" * 121, "ab" * 32), ("Berne", "ab"), ("Berne", "xy" * 32)):
        with pytest.raises(ValidationError):
            trusted_keys.add(session=session, name=name, public_key=public_key, actor_id=None)
    with pytest.raises(NotFoundError):
        trusted_keys.revoke(session=session, key_id="0" * 32)
    assert trusted_keys.list_keys(session=session) == []
