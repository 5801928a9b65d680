"""Confirmed outcomes: what may be stated, corrections as rows, and who is listed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from clinic_data import outcomes
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.outcomes import OutcomeData
from clinic_data.retraining_tables import ConfirmedOutcome

RADIOGRAPH = {"task": "scoliosis", "label": "positive", "method": "radiograph", "examined_on": date(2026, 3, 1)}
DIAGNOSIS = {
    "task": "depression",
    "label": "yes",
    "method": "clinical_diagnosis",
    "examined_on": date(2026, 3, 1),
    "phq9_total": 14,
}


def _data(known: dict[str, object] = RADIOGRAPH, **fields: object) -> OutcomeData:
    return OutcomeData.checked(**(known | fields))


def _record(session, assessment_id: str, data: OutcomeData, expected_id: str | None = None, actor_id=None):
    return outcomes.record_outcome(
        session=session, assessment_id=assessment_id, data=data, expected_id=expected_id, actor_id=actor_id
    )


@pytest.mark.parametrize(
    ("known", "fields", "sentence"),
    [
        (RADIOGRAPH, {"task": "flu"}, "one of the tasks: scoliosis, depression"),
        (RADIOGRAPH, {"label": "yes"}, "one of: negative, neutral, positive"),
        (RADIOGRAPH, {"method": "clinical_diagnosis"}, "one of: radiograph, forward_bend_test"),
        (RADIOGRAPH, {"label": None}, "both what was found and how"),
        (RADIOGRAPH, {"method": "not_known"}, "both what was found and how"),
        (RADIOGRAPH, {"examined_on": None}, "Enter the date"),
        (RADIOGRAPH, {"examined_on": datetime.now(UTC).date() + timedelta(days=2)}, "in the future"),
        (RADIOGRAPH, {"examined_on": date(1899, 12, 31)}, "before 1900"),
        (RADIOGRAPH, {"examined_on": "soon"}, "examined on is missing or not of the right kind"),
        (RADIOGRAPH, {"phq9_total": 3}, "belongs to depression"),
        (RADIOGRAPH, {"note": "x" * 1001}, "at most 1000"),
        (RADIOGRAPH, {"note": "a\x07"}, "control or invisible"),
        (RADIOGRAPH, {"cobb": 12}, "An outcome has no field cobb"),
        (DIAGNOSIS, {"phq9_total": 28}, "from 0 to 27"),
        (DIAGNOSIS, {"phq9_total": -1}, "from 0 to 27"),
        (DIAGNOSIS, {"phq9_total": 3.5}, "phq9 total is missing or not"),
        (DIAGNOSIS, {"label": None, "method": "not_known", "examined_on": None}, "Enter the date"),
        (
            DIAGNOSIS,
            {"label": None, "method": "not_known", "phq9_total": None},
            "not known has no date",
        ),
    ],
)
def test_refuses_what_is_no_outcome_and_says_why(known: dict, fields: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _data(known, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        RADIOGRAPH,
        RADIOGRAPH | {"method": "forward_bend_test", "label": "neutral", "note": "7 degrees.\nThoracic."},
        {"task": "scoliosis", "method": "not_known"},
        DIAGNOSIS,
        DIAGNOSIS | {"phq9_total": None},
        DIAGNOSIS | {"phq9_total": 3},  # total and diagnosis may disagree
        DIAGNOSIS | {"label": None, "method": "not_known"},  # a total without a diagnosis
    ],
)
def test_an_outcome_comes_back_as_it_was_stated(database, rows, fields: dict) -> None:
    with database.transaction() as session:
        user, assessment = rows.user(session), rows.assessment(session, rows.patient(session).id)
        _record(session, assessment.id, OutcomeData.checked(**fields), actor_id=user.id)
    with database.reading() as session:
        found = outcomes.current_outcomes(session=session, assessment_id=assessment.id)
        read = found[fields["task"]]
    assert list(found) == [fields["task"]]
    assert {name: getattr(read, name) for name in fields} == fields
    assert (read.confirmed_by, read.replaces_id) == (user.id, None)


def test_corrections_keep_what_they_replace(database, rows) -> None:
    with database.transaction() as session:
        ada, bea = rows.user(session, "ada"), rows.user(session, "bea")
        assessment = rows.assessment(session)
        first = _record(session, assessment.id, _data(), actor_id=ada.id)
        other = _record(session, assessment.id, _data(DIAGNOSIS), actor_id=ada.id)
        second = _record(session, assessment.id, _data(label="neutral"), first.id, bea.id)
        third = _record(session, assessment.id, OutcomeData.checked(task="scoliosis", method="not_known"), second.id)
    with database.reading() as session:
        history = outcomes.outcome_history(session=session, assessment_id=assessment.id, task="scoliosis")
        present = outcomes.current_outcomes(session=session, assessment_id=assessment.id)
        assert outcomes.outcome_history(session=session, assessment_id="0" * 32, task="scoliosis") == []
    assert [(row.id, row.label, row.confirmed_by) for row in history] == [
        (third.id, None, None),
        (second.id, "neutral", bea.id),
        (first.id, "positive", ada.id),
    ]
    assert {task: outcome.id for task, outcome in present.items()} == {"scoliosis": third.id, "depression": other.id}


def test_a_correction_of_what_somebody_else_corrected_is_refused(session, rows) -> None:
    assessment = rows.assessment(session)
    first = _record(session, assessment.id, _data())
    second = _record(session, assessment.id, _data(label="neutral"), first.id)
    for seen in (None, first.id, "0" * 32):
        with pytest.raises(ConflictError, match="Somebody else recorded"):
            _record(session, assessment.id, _data(label="negative"), seen)
    present = outcomes.current_outcomes(session=session, assessment_id=assessment.id)
    assert present["scoliosis"].id == second.id
    with pytest.raises(ConflictError):  # the outcome of another task is none of this one
        _record(session, assessment.id, _data(DIAGNOSIS), second.id)


def test_of_several_who_record_at_the_same_time_one_wins(database, rows, in_threads) -> None:
    with database.transaction() as session:
        assessment = rows.assessment(session)

    def attempt(expected_id: str | None) -> bool:
        try:
            with database.transaction() as session:
                _record(session, assessment.id, _data(), expected_id)
        except ConflictError:
            return False
        return True

    assert sorted(in_threads(lambda _: attempt(None), 4)) == [False, False, False, True]
    with database.reading() as session:
        first = outcomes.current_outcomes(session=session, assessment_id=assessment.id)["scoliosis"].id
    assert sorted(in_threads(lambda _: attempt(first), 4)) == [False, False, False, True]
    with database.reading() as session:
        assert len(outcomes.outcome_history(session=session, assessment_id=assessment.id, task="scoliosis")) == 2


def test_an_outcome_needs_an_assessment_and_a_born_patient(session, rows) -> None:
    with pytest.raises(NotFoundError):
        _record(session, "0" * 32, _data())
    patient = rows.patient(session, birth_date=date(2011, 4, 2))
    assessment = rows.assessment(session, patient.id)
    with pytest.raises(ValidationError, match="before the patient's birth"):
        _record(session, assessment.id, _data(examined_on=date(2011, 4, 1)))
    assert _record(session, assessment.id, _data(examined_on=date(2011, 4, 2))).label == "positive"


@pytest.mark.parametrize(
    "statement", ["UPDATE confirmed_outcome SET label = 'neutral'", "DELETE FROM confirmed_outcome"]
)
def test_the_database_keeps_every_outcome_as_it_was(database, rows, statement: str) -> None:
    with database.transaction() as session:
        assessment = rows.assessment(session)
        _record(session, assessment.id, _data())
    with pytest.raises(DBAPIError, match="corrected by a new row"), database.transaction() as session:
        session.exec(text(statement))
    with database.reading() as session:
        present = outcomes.current_outcomes(session=session, assessment_id=assessment.id)
    assert present["scoliosis"].label == "positive"


def test_the_database_refuses_an_impossible_total(database, rows) -> None:
    with database.transaction() as session:
        outcome = ConfirmedOutcome(assessment_id=rows.assessment(session).id, task="depression", method="not_known")
    outcome.phq9_total = 28
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(outcome)


def test_lists_the_present_outcome_of_every_assessment_that_has_one(database, rows) -> None:
    with database.transaction() as session:
        patient = rows.patient(session)
        known, nobodys, unknown, without = (
            rows.assessment(session, patient_id) for patient_id in (patient.id, None, patient.id, patient.id)
        )
        first = _record(session, known.id, _data())
        _record(session, known.id, _data(label="negative"), first.id)
        _record(session, unknown.id, OutcomeData.checked(task="scoliosis", method="not_known"))
        _record(session, nobodys.id, _data())
        _record(session, without.id, _data(DIAGNOSIS))
    with database.reading() as session:
        found = outcomes.list_confirmed(session=session, task="scoliosis")
        depression = outcomes.list_confirmed(session=session, task="depression")
    assert [(row.assessment.id, row.outcome.label) for row in found] == [
        (known.id, "negative"),
        (nobodys.id, "positive"),
        (unknown.id, None),
    ]
    assert [row.patient.id if row.patient else None for row in found] == [patient.id, None, patient.id]
    assert all(row.recording.id == row.assessment.recording_id for row in found)
    assert [row.assessment.id for row in depression] == [without.id]


def test_outcomes_of_a_simulated_clinic_were_confirmed_in_the_past(session, rows, now: datetime) -> None:
    outcome = outcomes.record_outcome(
        session=session,
        assessment_id=rows.assessment(session).id,
        data=_data(),
        expected_id=None,
        actor_id=None,
        confirmed_at=now,
    )
    assert outcome.created_at == now


def test_a_note_is_not_printed_in_logs(session, rows) -> None:
    outcome = _record(session, rows.assessment(session).id, _data(note="Seen by her uncle."))
    assert "uncle" not in repr(outcome)
