"""Decisions about scores: what may be decided, changes as rows, the PHQ-9 that a depression score asks for."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from clinic_data import decisions, outcomes
from clinic_data.decisions import DecisionData
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.outcomes import OutcomeData
from clinic_data.visit_tables import ScoreDecision, Verdict

ACCEPT = {"task": "scoliosis", "verdict": "accepted"}
OVERRIDE = {"task": "scoliosis", "verdict": "overridden", "label": "positive", "reason": "A rib hump was seen."}
WAIVED = {"task": "depression", "verdict": "accepted", "phq9_waived_reason": "The patient cannot read."}


@pytest.fixture
def scored(rows):
    """Makes an assessment that has a score of both tasks."""

    def make(session):
        assessment = rows.assessment(session)
        assessment.result = {"scores": [{"task": "scoliosis"}, {"task": "depression"}]}
        session.flush()
        return assessment

    return make


def _decide(session, assessment_id: str, fields: dict, expected_id: str | None = None, actor_id: str | None = None):
    data = DecisionData.checked(**fields)
    return decisions.decide(
        session=session, assessment_id=assessment_id, data=data, expected_id=expected_id, actor_id=actor_id
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (ACCEPT | {"task": "flu"}, "one of the tasks: scoliosis, depression"),
        (ACCEPT | {"verdict": "maybe"}, "verdict is missing or not of the right kind"),
        (ACCEPT | {"label": "positive"}, "keeps its own class"),
        (OVERRIDE | {"label": None}, "Choose what you set"),
        (OVERRIDE | {"label": "yes"}, "Choose what you set"),
        (OVERRIDE | {"reason": " \n"}, "Say why"),
        (OVERRIDE | {"reason": "x" * 1001}, "at most 1000"),
        (OVERRIDE | {"reason": "a\x07"}, "control or invisible"),
        (ACCEPT | {"phq9_waived_reason": "why not"}, "asks for a PHQ-9"),
        (WAIVED | {"verdict": "overridden", "label": "no", "reason": "x"}, "asks for a PHQ-9"),
    ],
)
def test_refuses_what_is_no_decision_and_says_why(fields: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        DecisionData.checked(**fields)


@pytest.mark.parametrize("fields", [ACCEPT, OVERRIDE, ACCEPT | {"reason": "As expected."}, WAIVED])
def test_a_decision_comes_back_as_it_was_made(database, rows, scored, fields: dict) -> None:
    with database.transaction() as session:
        user, assessment = rows.user(session), scored(session)
        _decide(session, assessment.id, fields, actor_id=user.id)
    with database.reading() as session:
        found = decisions.current_decisions(session=session, assessment_id=assessment.id)
    read = found[fields["task"]]
    assert {name: getattr(read, name) for name in fields} == fields
    assert (read.decided_by, read.replaces_id) == (user.id, None)


def test_a_change_of_mind_keeps_what_it_replaces(database, scored) -> None:
    with database.transaction() as session:
        assessment, other = scored(session), scored(session)
        first = _decide(session, assessment.id, ACCEPT)
        second = _decide(session, assessment.id, OVERRIDE, first.id)
        third = _decide(session, assessment.id, ACCEPT, second.id)
        elsewhere = _decide(session, other.id, OVERRIDE)
    with database.reading() as session:
        history = decisions.decision_history(session=session, assessment_id=assessment.id, task="scoliosis")
        present = decisions.decisions_of(session=session, assessment_ids=[assessment.id, other.id, "0" * 32])
        assert decisions.decisions_of(session=session, assessment_ids=[]) == {}
    assert [(row.id, row.verdict) for row in history] == [
        (third.id, Verdict.ACCEPTED),
        (second.id, Verdict.OVERRIDDEN),
        (first.id, Verdict.ACCEPTED),
    ]
    assert {key: rows["scoliosis"].id for key, rows in present.items()} == {
        assessment.id: third.id,
        other.id: elsewhere.id,
    }


def test_a_decision_on_what_somebody_else_decided_is_refused(session, scored) -> None:
    assessment = scored(session)
    first = _decide(session, assessment.id, ACCEPT)
    second = _decide(session, assessment.id, OVERRIDE, first.id)
    for seen in (None, first.id, "0" * 32):
        with pytest.raises(ConflictError, match="Somebody else decided"):
            _decide(session, assessment.id, ACCEPT, seen)
    assert decisions.current_decisions(session=session, assessment_id=assessment.id)["scoliosis"].id == second.id


def test_of_several_who_decide_at_the_same_time_one_wins(database, scored, in_threads) -> None:
    with database.transaction() as session:
        assessment = scored(session)

    def attempt(_: int) -> bool:
        try:
            with database.transaction() as session:
                _decide(session, assessment.id, ACCEPT)
        except ConflictError:
            return False
        return True

    assert sorted(in_threads(attempt, 4)) == [False, False, False, True]


def test_an_accepted_depression_score_needs_a_phq9_total_or_a_reason(session, scored) -> None:
    assessment = scored(session)
    plain = {"task": "depression", "verdict": "accepted"}
    with pytest.raises(ValidationError, match="never stands alone"):
        _decide(session, assessment.id, plain)
    diagnosis = {"task": "depression", "label": "yes", "method": "clinical_diagnosis", "examined_on": "2026-03-01"}
    outcome = outcomes.record_outcome(
        session=session,
        assessment_id=assessment.id,
        data=OutcomeData.checked(**diagnosis),
        expected_id=None,
        actor_id=None,
    )
    with pytest.raises(ValidationError, match="never stands alone"):  # a diagnosis is no PHQ-9
        _decide(session, assessment.id, plain)
    waived = _decide(session, assessment.id, WAIVED)
    outcomes.record_outcome(
        session=session,
        assessment_id=assessment.id,
        data=OutcomeData.checked(**diagnosis, phq9_total=0),
        expected_id=outcome.id,
        actor_id=None,
    )
    assert _decide(session, assessment.id, plain, waived.id).phq9_waived_reason == ""


def test_an_overridden_depression_score_needs_no_phq9(session, scored) -> None:
    fields = OVERRIDE | {"task": "depression", "label": "no"}
    assert _decide(session, scored(session).id, fields).verdict is Verdict.OVERRIDDEN


def test_a_decision_needs_an_assessment_with_that_score(session, rows) -> None:
    with pytest.raises(NotFoundError):
        _decide(session, "0" * 32, ACCEPT)
    with pytest.raises(ValidationError, match="no score of this kind"):
        _decide(session, rows.assessment(session).id, ACCEPT)


@pytest.mark.parametrize("statement", ["UPDATE score_decision SET reason = 'x'", "DELETE FROM score_decision"])
def test_the_database_keeps_every_decision_as_it_was(database, scored, statement: str) -> None:
    with database.transaction() as session:
        assessment = scored(session)
        _decide(session, assessment.id, OVERRIDE)
    with pytest.raises(DBAPIError, match="changed by a new row"), database.transaction() as session:
        session.exec(text(statement))
    with database.reading() as session:
        present = decisions.current_decisions(session=session, assessment_id=assessment.id)
    assert present["scoliosis"].reason == OVERRIDE["reason"]


@pytest.mark.parametrize(
    "changes", [{"reason": ""}, {"label": None}, {"verdict": "accepted"}, {"phq9_waived_reason": "x"}]
)
def test_the_database_refuses_an_override_without_its_reason(database, scored, changes: dict) -> None:
    with database.transaction() as session:
        assessment = scored(session)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(ScoreDecision(assessment_id=assessment.id, **(OVERRIDE | changes)))


def test_reasons_are_not_printed_in_logs(session, scored) -> None:
    assert "rib hump" not in repr(_decide(session, scored(session).id, OVERRIDE))
