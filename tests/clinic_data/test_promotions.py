"""Promotions: two people, a reason, a passed comparison; roll-backs lead to what was there before."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from clinic_data import model_registry, promotions
from clinic_data.errors import ConflictError, NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.retraining_tables import Promotion, PromotionKind, PromotionState
from clinic_data.tables import ModelVersion, Origin, Stage


class Clinic:
    """Two administrators, a version in production, and candidates that passed."""

    def __init__(self, session, rows) -> None:
        self.session = session
        self.ada, self.bea = (rows.user(session, name, "administrator").id for name in ("ada", "bea"))
        self.first = model_registry.ensure_bundled(
            session=session, name="m", version="0", sha256=_hash(), simulated=True, metrics={}, package_key=_hash()[:32]
        )

    @property
    def production(self) -> ModelVersion:
        return model_registry.production_version(session=self.session)

    def candidate(self, **options) -> ModelVersion:
        known = {
            "name": "m",
            "version": uuid.uuid4().hex[:8],
            "sha256": _hash(),
            "simulated": True,
            "metrics": {},
            "origin": Origin.RETRAINED,
            "package_key": _hash()[:32],
            "gate_report": self.report(),
        }
        return model_registry.ensure_version(session=self.session, **(known | options))

    def report(self, passed: bool = True) -> dict:
        return {"passed": passed, "production": {"sha256": self.production.sha256}}

    def request(self, version: ModelVersion) -> Promotion:
        return promotions.request(
            session=self.session, to_version_id=version.id, reason="Better here.", actor_id=self.ada
        )

    def promote(self, version: ModelVersion) -> Promotion:
        return promotions.approve(
            session=self.session, promotion_id=self.request(version).id, reason="I agree.", actor_id=self.bea
        )

    def roll_back(self, **options) -> Promotion:
        return promotions.roll_back(session=self.session, reason="Too many alarms.", actor_id=self.ada, **options)


def _hash() -> str:
    return (uuid.uuid4().hex * 2)[:64]


@pytest.fixture
def clinic(session, rows) -> Clinic:
    return Clinic(session, rows)


def test_an_approved_request_switches_production_and_keeps_who_and_why(clinic: Clinic) -> None:
    candidate = clinic.candidate()
    request = clinic.request(candidate)
    assert (request.state, request.from_version_id) == (PromotionState.REQUESTED, clinic.first.id)
    assert promotions.open_request(session=clinic.session) == request
    assert clinic.production == clinic.first
    done = promotions.approve(session=clinic.session, promotion_id=request.id, reason=" I agree. ", actor_id=clinic.bea)
    assert (done.state, done.kind) == (PromotionState.APPROVED, PromotionKind.PROMOTION)
    assert (done.requested_by, done.reason) == (clinic.ada, "Better here.")
    assert (done.decided_by, done.decision_reason) == (clinic.bea, "I agree.")
    assert done.decided_at > done.requested_at
    assert clinic.production == candidate
    clinic.session.refresh(clinic.first)
    assert clinic.first.stage is Stage.RETIRED
    assert promotions.open_request(session=clinic.session) is None


@pytest.mark.parametrize("decide", [promotions.approve, promotions.refuse])
def test_nobody_decides_on_the_own_request(clinic: Clinic, decide) -> None:
    request = clinic.request(clinic.candidate())
    with pytest.raises(ConflictError, match="yourself"):
        decide(session=clinic.session, promotion_id=request.id, reason="Quick.", actor_id=clinic.ada)
    assert (request.state, clinic.production) == (PromotionState.REQUESTED, clinic.first)


@pytest.mark.parametrize("state", ["approved", "refused"])
@pytest.mark.parametrize("decided_by", ["requested_by", "NULL"])
def test_the_database_itself_wants_a_second_person(database, rows, state: str, decided_by: str) -> None:
    with database.transaction() as session:
        clinic = Clinic(session, rows)
        clinic.request(clinic.candidate())
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.exec(text(f"UPDATE promotion SET state = '{state}', decided_by = {decided_by}"))
    with database.reading() as session:
        assert session.exec(select(Promotion)).one().state is PromotionState.REQUESTED


def test_a_refused_or_withdrawn_request_changes_nothing_and_makes_room(clinic: Clinic) -> None:
    candidate = clinic.candidate()
    refused = promotions.refuse(
        session=clinic.session, promotion_id=clinic.request(candidate).id, reason="Too few.", actor_id=clinic.bea
    )
    request = clinic.request(candidate)
    with pytest.raises(PermissionDeniedError, match="Only the person who asked"):
        promotions.withdraw(session=clinic.session, promotion_id=request.id, actor_id=clinic.bea)
    withdrawn = promotions.withdraw(session=clinic.session, promotion_id=request.id, actor_id=clinic.ada)
    assert (refused.state, withdrawn.state) == (PromotionState.REFUSED, PromotionState.WITHDRAWN)
    assert (clinic.production, candidate.stage) == (clinic.first, Stage.CANDIDATE)
    for decide in (promotions.approve, promotions.refuse):
        with pytest.raises(ConflictError, match="was refused already"):
            decide(session=clinic.session, promotion_id=refused.id, reason="Again.", actor_id=clinic.bea)
    with pytest.raises(ConflictError, match="was withdrawn already"):
        promotions.withdraw(session=clinic.session, promotion_id=withdrawn.id, actor_id=clinic.ada)


def test_only_one_request_is_open(clinic: Clinic) -> None:
    clinic.request(clinic.candidate())
    with pytest.raises(ConflictError, match="Another request is open"):
        clinic.request(clinic.candidate())


def test_what_did_not_pass_here_and_now_is_not_promoted(clinic: Clinic) -> None:
    for report in (None, {}, {"passed": "yes"}, clinic.report(passed=False)):
        with pytest.raises(ConflictError, match="did not pass"):
            clinic.request(clinic.candidate(gate_report=report))
    stale = clinic.candidate()
    clinic.promote(clinic.candidate())
    with pytest.raises(ConflictError, match="compared with another version"):
        clinic.request(stale)


@pytest.mark.parametrize("stage", [Stage.QUARANTINE, Stage.REJECTED])
def test_versions_of_other_stages_are_not_promoted(clinic: Clinic, stage: Stage) -> None:
    with pytest.raises(ConflictError, match=f"is {stage.value}"):
        clinic.request(clinic.candidate(stage=stage))
    with pytest.raises(ConflictError, match="is production"):
        clinic.request(clinic.first)


def test_a_request_is_void_when_something_else_went_into_production(clinic: Clinic) -> None:
    clinic.promote(clinic.candidate())
    request = clinic.request(clinic.candidate())
    clinic.roll_back()
    with pytest.raises(ConflictError, match="went into production meanwhile"):
        promotions.approve(session=clinic.session, promotion_id=request.id, reason="Yes.", actor_id=clinic.bea)
    assert clinic.production == clinic.first


def test_a_candidate_that_was_rejected_after_the_request_is_not_promoted(clinic: Clinic) -> None:
    request = clinic.request(candidate := clinic.candidate())
    model_registry.set_stage(session=clinic.session, model_version_id=candidate.id, stage=Stage.REJECTED)
    with pytest.raises(ConflictError, match="is rejected"):
        promotions.approve(session=clinic.session, promotion_id=request.id, reason="Yes.", actor_id=clinic.bea)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001])
def test_every_step_needs_a_reason(clinic: Clinic, reason: str) -> None:
    candidate = clinic.candidate()
    with pytest.raises(ValidationError, match="Give a reason"):
        promotions.request(session=clinic.session, to_version_id=candidate.id, reason=reason, actor_id=clinic.ada)
    request = clinic.request(candidate)
    for decide in (promotions.approve, promotions.refuse):
        with pytest.raises(ValidationError, match="Give a reason"):
            decide(session=clinic.session, promotion_id=request.id, reason=reason, actor_id=clinic.bea)
    assert (request.state, clinic.production) == (PromotionState.REQUESTED, clinic.first)
    promotions.approve(session=clinic.session, promotion_id=request.id, reason="Yes.", actor_id=clinic.bea)
    with pytest.raises(ValidationError, match="Give a reason"):
        promotions.roll_back(session=clinic.session, reason=reason, actor_id=clinic.ada)
    assert clinic.production == candidate


def test_a_decision_of_an_unknown_account_is_refused(clinic: Clinic) -> None:
    request = clinic.request(clinic.candidate())
    with pytest.raises(ConflictError, match="account of a second person"):
        promotions.approve(session=clinic.session, promotion_id=request.id, reason="Yes.", actor_id="0" * 32)
    assert clinic.production == clinic.first
    with pytest.raises(NotFoundError):
        promotions.approve(session=clinic.session, promotion_id="0" * 32, reason="Yes.", actor_id=clinic.bea)


def test_a_roll_back_needs_one_person_and_leads_to_the_version_before(clinic: Clinic) -> None:
    clinic.promote(second := clinic.candidate())
    clinic.promote(third := clinic.candidate())
    done = clinic.roll_back()
    assert (done.kind, done.state) == (PromotionKind.ROLL_BACK, PromotionState.APPROVED)
    assert (done.from_version_id, done.to_version_id) == (third.id, second.id)
    assert (done.requested_by, done.decided_by) == (clinic.ada, clinic.ada)
    assert clinic.production == second
    clinic.session.refresh(third)
    assert third.stage is Stage.RETIRED
    assert promotions.roll_back_target(session=clinic.session) == clinic.first
    clinic.roll_back()
    assert clinic.production == clinic.first
    assert promotions.roll_back_target(session=clinic.session) is None
    with pytest.raises(ConflictError, match="no version to go back to"):
        clinic.roll_back()
    page = promotions.list_promotions(session=clinic.session, limit=2)
    assert (page.total, [row.to_version_id for row in page.rows]) == (4, [clinic.first.id, second.id])


def test_a_second_click_does_not_go_back_twice(clinic: Clinic) -> None:
    clinic.promote(clinic.candidate())
    second = clinic.production
    clinic.promote(clinic.candidate())
    seen = clinic.production.id
    clinic.roll_back(expected_production_id=seen)
    with pytest.raises(ConflictError, match="meanwhile"):
        clinic.roll_back(expected_production_id=seen)
    assert clinic.production == second


def test_a_version_that_was_rejected_or_lost_its_package_is_skipped_on_the_way_back(clinic: Clinic) -> None:
    clinic.promote(rejected := clinic.candidate())
    clinic.promote(clinic.candidate(package_key=None))
    clinic.promote(clinic.candidate())
    model_registry.set_stage(session=clinic.session, model_version_id=rejected.id, stage=Stage.REJECTED)
    assert promotions.roll_back_target(session=clinic.session) == clinic.first


def test_the_order_of_the_history_survives_a_clock_that_was_set_back(clinic: Clinic) -> None:
    clinic.promote(second := clinic.candidate())
    clinic.promote(clinic.candidate())
    ahead = datetime.now(UTC) + timedelta(days=1)  # the decisions until now were made by a clock a day ahead
    for number, row in enumerate(promotions.list_promotions(session=clinic.session).rows[::-1]):
        moment = ahead + timedelta(seconds=number)
        clinic.session.exec(update(Promotion).where(Promotion.id == row.id).values(decided_at=moment))
    clinic.session.expire_all()
    clinic.roll_back()
    assert clinic.production == second
    assert promotions.roll_back_target(session=clinic.session) == clinic.first


def test_of_two_people_who_decide_at_the_same_time_one_wins(database, rows, in_threads) -> None:
    with database.transaction() as session:
        clinic = Clinic(session, rows)
        people = [clinic.bea, rows.user(session, "cleo", "administrator").id]
        candidate = clinic.candidate()
        request = clinic.request(candidate)

    def decide(number: int) -> bool:
        action = (promotions.approve, promotions.refuse)[number]
        try:
            with database.transaction() as session:
                action(session=session, promotion_id=request.id, reason="So be it.", actor_id=people[number])
        except ConflictError:
            return False
        return True

    assert sorted(in_threads(decide, 2)) == [False, True]
    with database.reading() as session:
        approved = promotions.get_promotion(session=session, promotion_id=request.id).state is PromotionState.APPROVED
        in_production = model_registry.production_version(session=session).id
    assert in_production == (candidate.id if approved else clinic.first.id)


def test_who_comes_too_late_reads_what_really_happened(database, rows, in_threads) -> None:
    with database.transaction() as session:
        clinic = Clinic(session, rows)
        people = [clinic.bea, rows.user(session, "cleo", "administrator").id]
        clinic.promote(clinic.candidate())
        seen = clinic.production.id
        request = clinic.request(clinic.candidate())

    def act(number: int) -> str:
        try:
            with database.transaction() as session:
                if number < 2:
                    promotions.approve(
                        session=session, promotion_id=request.id, reason="So be it.", actor_id=people[number]
                    )
                else:
                    promotions.roll_back(
                        session=session, reason="Alarms.", actor_id=clinic.ada, expected_production_id=seen
                    )
        except ConflictError as error:
            return str(error)
        return "done"

    told = in_threads(act, 4)
    assert told.count("done") == 1
    late = {words for words in told if words != "done"}
    assert all("meanwhile" in words or "was approved already" in words for words in late), late
    with database.reading() as session:
        stages = [version.stage for version in model_registry.list_versions(session=session)]
    assert stages.count(Stage.PRODUCTION) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["promote", "roll back"]), max_size=12))
def test_any_series_of_promotions_and_roll_backs_leads_where_it_should(clinic: Clinic, steps: list[str]) -> None:
    before: list[str] = []
    with clinic.session.begin_nested() as savepoint:
        for step in steps:
            if step == "promote":
                before.append(clinic.production.id)
                clinic.promote(clinic.candidate())
            elif before:
                assert clinic.roll_back().to_version_id == before.pop()
            target = promotions.roll_back_target(session=clinic.session)
            assert (target.id if target else None) == (before[-1] if before else None)
            stages = [version.stage for version in model_registry.list_versions(session=clinic.session)]
            assert stages.count(Stage.PRODUCTION) == 1
        savepoint.rollback()
    clinic.session.expire_all()
