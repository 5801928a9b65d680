"""Model versions: registered once, with origin and lineage; one in production; stages that may follow each other."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from clinic_data import file_references, model_registry
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.tables import ModelVersion, Origin, Stage


def _version(session, version: str = "1.0", sha256: str = "ab" * 32, **options) -> ModelVersion:
    known = {"session": session, "name": "bundled", "simulated": True, "metrics": {"ece": 0.03}}
    return model_registry.ensure_version(**(known | {"version": version, "sha256": sha256} | options))


def _bundled(session, version: str = "1.0", sha256: str = "ab" * 32, **options) -> ModelVersion:
    known = {"session": session, "name": "bundled", "simulated": True, "metrics": {"ece": 0.03}}
    return model_registry.ensure_bundled(**(known | {"version": version, "sha256": sha256} | options))


def test_a_package_is_registered_once(session) -> None:
    first = _version(session, stage="production")
    again = _version(session, stage="candidate")
    assert (again.id, again.stage, again.metrics) == (first.id, Stage.PRODUCTION, {"ece": 0.03})
    assert len(model_registry.list_versions(session=session)) == 1


def test_app_and_workers_may_register_the_package_at_the_same_time(database, in_threads) -> None:
    def register(_: int) -> str:
        with database.transaction() as session:
            return _bundled(session, package_key="k" * 32).id

    assert len(set(in_threads(register, 4))) == 1
    with database.reading() as session:
        assert model_registry.production_version(session=session).version == "1.0"


def test_another_package_cannot_take_a_name_and_version(session) -> None:
    _version(session)
    with pytest.raises(ConflictError, match=r"bundled 1\.0"):
        _version(session, sha256="cd" * 32)


def test_refuses_what_is_no_model_version(session) -> None:
    for wrong in (
        {"sha256": "short"},
        {"version": ""},
        {"stage": "best"},
        {"origin": "found"},
        {"config": {"x": float("nan")}},
    ):
        with pytest.raises(ValidationError):
            _version(session, **wrong)
    with pytest.raises(ConflictError, match="does not exist"):
        _version(session, parent_id="0" * 32)
    assert model_registry.list_versions(session=session) == []
    with pytest.raises(NotFoundError):
        model_registry.set_stage(session=session, model_version_id="0" * 32, stage="rejected")


def test_everything_that_is_known_of_a_retrained_version_is_kept(database, rows) -> None:
    with database.transaction() as session:
        user, base = rows.user(session), _version(session)
        facts = {
            "origin": Origin.RETRAINED,
            "package_key": "k" * 32,
            "parent_id": base.id,
            "manifest_sha256": "12" * 32,
            "config": {"scope": "head"},
            "environment": {"python": "3.11"},
            "gate_report": {"passed": True},
            "signer": "Clinic of Berne",
            "created_by": user.id,
        }
        made = _version(session, "1.0-r1", "cd" * 32, **facts)
    with database.reading() as session:
        read = model_registry.find_by_sha256(session=session, sha256="cd" * 32)
        assert {name: getattr(read, name) for name in facts} == facts
        assert (read.id, read.stage) == (made.id, Stage.CANDIDATE)
        assert model_registry.find_by_sha256(session=session, sha256="ef" * 32) is None


def test_a_bundled_package_goes_into_production_only_where_nothing_is(session) -> None:
    first = _bundled(session, package_key="k" * 32)
    second = _bundled(session, "1.1", "cd" * 32, package_key="l" * 32)
    assert (first.stage, second.stage) == (Stage.PRODUCTION, Stage.CANDIDATE)
    assert _bundled(session, package_key="m" * 32).package_key == "k" * 32
    assert model_registry.production_version(session=session) == first


def test_a_package_of_an_older_release_gets_its_file_or_makes_room(session) -> None:
    old = _bundled(session)
    assert _bundled(session, package_key="k" * 32).package_key == "k" * 32
    older = _version(session, "0.9", "cd" * 32)
    model_registry.switch_production(session=session, model_version_id=older.id)  # without a file
    new = _bundled(session, "2.0", "ef" * 32, package_key="l" * 32)
    session.refresh(older)
    assert (new.stage, older.stage, old.package_key) == (Stage.PRODUCTION, Stage.RETIRED, "k" * 32)


def test_nothing_else_starts_in_production_beside_the_present_version(session) -> None:
    _bundled(session)
    with pytest.raises(ConflictError, match="cannot start in production"):
        _version(session, "1.1", "cd" * 32, stage="production")


def test_the_database_knows_only_one_version_in_production(database) -> None:
    with database.transaction() as session:
        _bundled(session)
        _version(session, "1.1", "cd" * 32)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.exec(text("UPDATE model_version SET stage = 'production'"))


@pytest.mark.parametrize("start", list(Stage))
@pytest.mark.parametrize("end", list(Stage))
def test_a_stage_follows_another_only_where_it_may(session, start: Stage, end: Stage) -> None:
    version = _version(session, stage=start, gate_report={"passed": True})
    allowed = {
        (Stage.QUARANTINE, Stage.CANDIDATE),
        (Stage.QUARANTINE, Stage.REJECTED),
        (Stage.CANDIDATE, Stage.REJECTED),
        (Stage.RETIRED, Stage.REJECTED),
    }
    if (start, end) in allowed:
        assert model_registry.set_stage(session=session, model_version_id=version.id, stage=end).stage is end
        return
    with pytest.raises(ConflictError, match="cannot become"):
        model_registry.set_stage(session=session, model_version_id=version.id, stage=end)
    assert version.stage is start


def test_a_foreign_package_leaves_quarantine_only_with_an_evaluation(session) -> None:
    foreign = _version(session, stage=Stage.QUARANTINE, origin=Origin.IMPORTED)
    with pytest.raises(ConflictError, match="until it was evaluated"):
        model_registry.set_stage(session=session, model_version_id=foreign.id, stage=Stage.CANDIDATE)
    report = {"passed": True, "people": 40}
    model_registry.set_gate_report(session=session, model_version_id=foreign.id, report=report, stage="candidate")
    assert (foreign.stage, foreign.gate_report) == (Stage.CANDIDATE, report)


def test_a_new_report_may_leave_the_stage_and_a_rejected_version_stays_rejected(session) -> None:
    version = _version(session)
    common = {"session": session, "model_version_id": version.id}
    model_registry.set_gate_report(report={"passed": True}, stage=Stage.CANDIDATE, **common)
    model_registry.set_gate_report(report={"passed": False}, stage=Stage.REJECTED, **common)
    with pytest.raises(ConflictError, match="is rejected"):
        model_registry.set_gate_report(report={"passed": True}, stage=Stage.CANDIDATE, **common)


def test_the_lineage_leads_back_to_the_beginning(session) -> None:
    parent_id, made = None, []
    for number in range(4):
        sha256 = (uuid.uuid4().hex * 2)[:64]
        made.append(_version(session, f"1.{number}", sha256, parent_id=parent_id))
        parent_id = made[-1].id
    assert model_registry.lineage(session=session, model_version_id=parent_id) == made[::-1]
    assert model_registry.lineage(session=session, model_version_id=made[0].id) == [made[0]]
    made[0].parent_id = parent_id  # a circle, which nobody makes, must not hang the page
    assert len(model_registry.lineage(session=session, model_version_id=parent_id)) == 4


def test_a_candidate_scores_in_the_shadow_until_its_time_is_over(session, now: datetime) -> None:
    candidate = _version(session)
    model_registry.set_shadow(session=session, model_version_id=candidate.id, until=now + timedelta(days=7))
    assert model_registry.shadowing(session=session, now=now) == [candidate]
    assert model_registry.shadowing(session=session, now=now + timedelta(days=7)) == []
    model_registry.set_shadow(session=session, model_version_id=candidate.id, until=None)
    assert model_registry.shadowing(session=session, now=now) == []


def test_what_is_in_production_quarantine_or_rejected_does_not_score_in_the_shadow(session, now: datetime) -> None:
    for number, stage in enumerate((Stage.PRODUCTION, Stage.QUARANTINE, Stage.REJECTED)):
        version = _version(session, f"1.{number}", (uuid.uuid4().hex * 2)[:64], stage=stage)
        with pytest.raises(ConflictError, match="in the shadow"):
            model_registry.set_shadow(session=session, model_version_id=version.id, until=now)
    candidate = _version(session, "2.0")
    model_registry.set_shadow(session=session, model_version_id=candidate.id, until=now + timedelta(days=7))
    model_registry.set_stage(session=session, model_version_id=candidate.id, stage=Stage.REJECTED)
    assert model_registry.shadowing(session=session, now=now) == []


def test_the_files_of_packages_are_kept(session) -> None:
    _version(session, package_key="k" * 32)
    assert "k" * 32 in file_references.referenced_keys(session=session)
