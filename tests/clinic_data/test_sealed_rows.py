"""What stands in the database of patient data, and what happens to values that somebody changes, moves or plants."""

from __future__ import annotations

import contextlib
import traceback
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError
from sqlmodel import Session

from clinic_data import (
    audit,
    change_permit,
    decisions,
    jobs,
    notes,
    outcomes,
    patients,
    recordings,
    reports,
    sealed_rows,
)
from clinic_data.access_tables import EmergencyAccess
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database, conflict_as
from clinic_data.errors import ConflictError, SealError
from clinic_data.privacy_tables import Erasure, ErasureGround, LegalHold
from clinic_data.schema import METADATA
from clinic_data.sealed_columns import SealedColumn
from clinic_data.sealed_rows import SEALED
from clinic_data.tables import Assessment, Job, Patient, Recording, Report, ReportKind, Sex
from clinic_data.visit_tables import PatientNote, ScoreDecision
from tests.keys import TEST_MASTER_KEYS

SECRET = "Qwertzuiop"
SCORED = {"scores": [{"task": "scoliosis"}], "secret": SECRET}


def _fill(session: Session, rows: Any) -> Patient:
    """A patient with a row in every table that has sealed columns, `SECRET` in each of them."""
    patient = rows.patient(session, f"{SECRET}-1", family_name=SECRET, given_name=SECRET, notes=f"{SECRET}\nMore.")
    user = rows.user(session)
    recording = recordings.add_recording(
        session=session,
        patient_id=patient.id,
        original_name=f"{SECRET}.mp4",
        stored=rows.stored(),
        uploaded_by=None,
    )
    assessment = rows.assessment(session, patient.id)
    assessment.result = SCORED
    job = rows.job(session, recording.id, patient_id=patient.id)
    job.result = {"secret": SECRET}
    assessment_id = assessment.id
    reports.add_report(session=session, assessment_id=assessment_id, stored=rows.stored(), created_by=None)
    first = session.scalars(select(Report)).one()
    reports.add_report(
        session=session,
        assessment_id=assessment_id,
        stored=rows.stored(),
        created_by=None,
        kind=ReportKind.ADDENDUM,
        supersedes_id=first.id,
        addendum=SECRET,
    )
    notes.add_note(session=session, patient_id=patient.id, text=SECRET, actor_id=None)
    decision = decisions.DecisionData.checked(task="scoliosis", verdict="overridden", label="negative", reason=SECRET)
    decisions.decide(session=session, assessment_id=assessment_id, data=decision, expected_id=None, actor_id=None)
    outcome = outcomes.OutcomeData.checked(
        task="scoliosis", label="positive", method="radiograph", examined_on=date(2026, 1, 2), note=SECRET
    )
    outcomes.record_outcome(session=session, assessment_id=assessment_id, data=outcome, expected_id=None, actor_id=None)
    now = datetime.now(UTC)
    session.add(
        EmergencyAccess(
            user_id=user.id,
            patient_id=patient.id,
            reason=SECRET,
            granted_at=now,
            expires_at=now + timedelta(hours=8),
        )
    )
    session.add(LegalHold(patient_id=patient.id, reason=SECRET, placed_by=user.id))
    erasure = Erasure(patient_id=patient.id, ground=next(iter(ErasureGround)), note=SECRET, requested_by=user.id)
    session.add(erasure)
    session.flush()
    return patient


def _stored(session: Session) -> dict[str, list[str]]:
    """Every value of every table as the database has it, as text."""
    found: dict[str, list[str]] = {}
    for name in METADATA.tables:
        rows = session.connection().execute(text(f"SELECT * FROM {name}"))
        found[name] = [str(value) for row in rows for value in row]
    return found


def test_nothing_that_identifies_or_tells_stands_in_the_database(database, rows) -> None:
    with database.transaction() as session:
        _fill(session, rows)
    with database.reading() as session:
        stored = _stored(session)
        for table, declared in SEALED.items():
            assert session.scalars(select(table)).all(), table
            assert any(value.startswith("s1.") for value in stored[declared.name]), table
    for name, values in stored.items():
        for value in values:
            assert SECRET.lower() not in value.lower(), name
            assert "2011-04-02" not in value, name
        assert "female" not in values, name


def test_every_sealed_column_of_the_tables_is_declared_and_the_other_way_round() -> None:
    found = {
        name: {column.name for column in table.columns if isinstance(column.type, SealedColumn)}
        for name, table in METADATA.tables.items()
    }
    declared = {table.name: set(table.columns) for table in SEALED.values()}
    assert {name: columns for name, columns in found.items() if columns} == declared


def test_rows_come_back_as_they_were_written(database, rows) -> None:
    with database.transaction() as session:
        patient = _fill(session, rows)
        assert (patient.family_name, patient.birth_date, patient.sex) == (SECRET, date(2011, 4, 2), Sex.FEMALE)
    with database.reading() as session:
        read = session.get(Patient, patient.id)
        assert (read.family_name, read.birth_date, read.sex) == (SECRET, date(2011, 4, 2), Sex.FEMALE)
        assert read.notes == f"{SECRET}\nMore."
        assert SCORED in [each.result for each in session.scalars(select(Assessment))]
        assert {each.text for each in session.scalars(select(PatientNote))} == {SECRET}
        decision = session.scalars(select(ScoreDecision)).one()
        assert (decision.reason, decision.phq9_waived_reason) == (SECRET, "")
        assert [each.addendum for each in session.scalars(select(Report).order_by(Report.version))] == [None, SECRET]
        assert None in [each.result for each in session.scalars(select(Job))]


@pytest.mark.parametrize("typed", ["s1.", "s1.abc.def", f"s1.{'0' * 32}.QUJD", "", "{", "‮\U0001f9b4 łódź" * 50])
def test_any_text_may_be_typed(database, rows, typed: str) -> None:
    with database.transaction() as session:
        job = rows.job(session)
        job.result = {"words": typed}
        recording = recordings.add_recording(
            session=session, patient_id=None, original_name="x", stored=rows.stored(), uploaded_by=None
        )
        recording.original_name = typed
    with database.reading() as session:
        assert session.get(Job, job.id).result == {"words": typed}
        assert session.get(Recording, recording.id).original_name == typed


def _copy(session: Session, column: str, table: str, source: str, target: str) -> None:
    session.connection().execute(
        text(f"UPDATE {table} SET {column} = (SELECT {column} FROM {table} WHERE id = :source) WHERE id = :target"),
        {"source": source, "target": target},
    )


def test_a_value_that_was_copied_from_another_row_is_noticed(database, rows) -> None:
    with database.transaction() as session:
        first, second = rows.patient(session, "P-1").id, rows.patient(session, "P-2", family_name="Durand").id
    with database.transaction() as session:
        _copy(session, "family_name", "patient", first, second)
    with database.reading() as session, pytest.raises(SealError, match="does not open"):
        patients.get_patient(session=session, patient_id=second)
    with database.reading() as session:
        assert patients.get_patient(session=session, patient_id=first).family_name == "Moreau"


def test_a_value_that_was_copied_from_another_row_of_the_same_patient_is_noticed(database, rows) -> None:
    with database.transaction() as session:
        patient = rows.patient(session)
        ids = [rows.recording(session, patient.id).id for _ in range(2)]
    with database.transaction() as session:
        _copy(session, "original_name", "recording", *ids)
    with database.reading() as session, pytest.raises(SealError, match="does not open"):
        session.get(Recording, ids[1])


def test_values_of_one_row_that_were_exchanged_are_noticed(database, rows) -> None:
    with database.transaction() as session:
        patient_id = rows.patient(session).id
        session.connection().execute(text("UPDATE patient SET family_name = given_name, given_name = family_name"))
    with database.reading() as session, pytest.raises(SealError, match="does not open"):
        session.get(Patient, patient_id)


def test_a_row_that_was_given_to_another_patient_past_the_session_is_noticed(database, rows) -> None:
    with database.transaction() as session:
        ids = [rows.patient(session, number).id for number in ("P-1", "P-2")]
        recording_id = rows.recording(session, ids[0]).id
    for owner in (ids[1], None):
        with database.transaction() as session:
            session.connection().execute(text("UPDATE recording SET patient_id = :owner"), {"owner": owner})
        with database.reading() as session, pytest.raises(SealError, match="does not open"):
            session.get(Recording, recording_id)


@pytest.mark.parametrize("planted", ["Moreau", "s1.", "s2.x.y", "s1.0000.QUJD"])
def test_a_value_that_was_planted_is_not_shown(database, rows, planted: str) -> None:
    with database.transaction() as session:
        patient_id = rows.patient(session).id
        session.connection().execute(text("UPDATE patient SET family_name = :planted"), {"planted": planted})
    with database.reading() as session:
        for _ in range(2):  # not the second time either, from the session's own memory
            with pytest.raises(SealError):
                patients.get_patient(session=session, patient_id=patient_id)


def test_one_bad_row_of_a_list_leaves_none_of_it_half_open(database, rows) -> None:
    with database.transaction() as session:
        ids = [rows.patient(session, f"P-{number}").id for number in range(3)]
        _copy(session, "family_name", "patient", ids[0], ids[1])
    with database.reading() as session:
        with pytest.raises(SealError):
            session.scalars(select(Patient)).all()
        assert session.get(Patient, ids[2]).family_name == "Moreau"
        assert session.get(Patient, ids[0]).family_name == "Moreau"


def test_a_plain_value_never_gets_into_a_sealed_column(database, rows) -> None:
    with database.transaction() as session:
        rows.recording(session)
    with database.transaction() as session:
        with pytest.raises(StatementError, match="sealed values only") as caught:
            session.execute(update(Recording).values(original_name=SECRET).execution_options(synchronize_session=False))
        assert SECRET not in "".join(traceback.format_exception(caught.value)).replace("original_name=SECRET", "")


def test_only_what_changed_is_sealed_again(database, rows) -> None:
    with database.transaction() as session:
        patient_id = rows.patient(session).id
    read = text("SELECT family_name, notes, birth_date FROM patient")
    with database.transaction() as session:
        before = session.connection().execute(read).one()
        patient = session.get(Patient, patient_id)
        patient.notes = "New."
        patient.version = 7
        session.flush()
        after = session.connection().execute(read).one()
        assert (patient.notes, patient.family_name) == ("New.", "Moreau")
    assert (before[0], before[2]) == (after[0], after[2])
    assert before[1] != after[1]


def test_after_a_refused_write_the_row_has_its_plain_values(database, rows) -> None:
    with database.transaction() as session:
        rows.patient(session, "P-1")
        patient = rows.patient(session, "P-2")
        again = Patient(**patient.model_dump(exclude={"id"}))
        with pytest.raises(ConflictError), conflict_as(session, "Taken."):
            session.add(again)
        assert (again.family_name, again.birth_date) == ("Moreau", date(2011, 4, 2))
        again.record_number, again.record_number_key = "P-3", "0" * 64
        session.add(again)
    with database.reading() as session:
        assert session.get(Patient, again.id).record_number == "P-3"


def test_a_moved_recording_is_sealed_for_its_new_patient_with_all_that_was_made_from_it(database, rows) -> None:
    with database.transaction() as session:
        patient = _fill(session, rows)
        other = rows.patient(session, "P-2")
        recording_id = session.scalars(select(Assessment)).one().recording_id
        recordings.assign_patient(session=session, recording_id=recording_id, patient_id=other.id)
        keys = {owner: _key_id_of(session, owner) for owner in (patient.id, other.id)}
        for table, column in (
            ("assessment", "result"),
            ("score_decision", "reason"),
            ("confirmed_outcome", "note"),
        ):
            values = session.connection().execute(text(f"SELECT {column} FROM {table}")).scalars()
            assert {value.split(".")[1] for value in values} == {keys[other.id]}, table
    with database.reading() as session:
        assert session.scalars(select(Assessment)).one().result == SCORED
        assert session.scalars(select(ScoreDecision)).one().reason == SECRET


def _key_id_of(session: Session, patient_id: str) -> str:
    return (
        session.connection()
        .execute(text("SELECT id FROM data_key WHERE patient_id = :id"), {"id": patient_id})
        .scalar_one()
    )


def test_fifty_patients_are_opened_with_one_question_for_their_keys(database, rows) -> None:
    with database.transaction() as session:
        for number in range(50):
            rows.patient(session, f"P-{number}")
    fresh = Database(database.engine.url.render_as_string(hide_password=False), KeyRing(TEST_MASTER_KEYS))
    asked: list[str] = []
    event.listen(fresh.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    with fresh.reading() as session:
        assert len(session.scalars(select(Patient)).all()) == 50
    assert len([statement for statement in asked if "FROM data_key" in statement]) == 1
    fresh.dispose()


def test_single_columns_are_opened_explicitly(database, rows) -> None:
    with database.transaction() as session:
        recording = rows.recording(session, rows.patient(session).id)
    with database.reading() as session:
        values = session.execute(select(Recording.id, Recording.original_name)).all()
        opened = sealed_rows.open_values(
            session=session, table=Recording, column="original_name", values=[tuple(row) for row in values]
        )
        assert opened == ["walk.mp4"]
        with pytest.raises(SealError):
            sealed_rows.open_value(
                session=session, table=Recording, column="original_name", row_id="other", value=values[0][1]
            )
        assert (
            sealed_rows.open_value(session=session, table=Job, column="result", row_id=recording.id, value=None) is None
        )


def test_a_claimed_job_and_a_streamed_list_are_open(database, rows) -> None:
    with database.transaction() as session:
        job = rows.job(session)
        job.result = {"left": "by an earlier attempt"}
    with database.transaction() as session:
        claimed = jobs.claim(session=session, worker="w", queues=["cpu"])
        assert claimed.result == {"left": "by an earlier attempt"}
    with database.reading() as session:
        streamed = session.scalars(select(Job).execution_options(yield_per=1))
        assert [each.result for each in streamed] == [{"left": "by an earlier attempt"}]


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ("UPDATE patient_note SET text = text", True),
        ("UPDATE report SET addendum = addendum, patient_id = patient_id", True),
        ("UPDATE score_decision SET reason = reason", True),
        ("UPDATE confirmed_outcome SET note = note", True),
        ("DELETE FROM patient_note", True),
        ("UPDATE patient_note SET created_at = '2001-01-01 00:00:00'", False),
        ("UPDATE report SET sha256 = 'x'", False),
        ("UPDATE score_decision SET label = 'neutral'", False),
        ("UPDATE confirmed_outcome SET label = 'neutral'", False),
    ],
)
def test_a_permit_opens_sealing_moving_and_erasing_and_nothing_else(database, rows, change: str, allowed: bool) -> None:
    with database.transaction() as session:
        _fill(session, rows)
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.connection().execute(text(change))
    with database.transaction() as session:
        with change_permit.permitted(session=session, purpose="test"):
            refused = contextlib.nullcontext() if allowed else pytest.raises(DBAPIError)
            with refused, session.begin_nested():
                session.connection().execute(text(change))
        assert session.connection().execute(text("SELECT count(*) FROM change_permit")).scalar() == 0


def test_no_permit_opens_the_audit_trail(database) -> None:
    with database.transaction() as session:
        audit.record(session=session, actor_id=None, action="x", subject_type="y", subject_id="1")
    for change in ("UPDATE audit_row SET action = 'z'", "DELETE FROM audit_row"):
        with (
            pytest.raises(DBAPIError),
            database.transaction() as session,
            change_permit.permitted(session=session, purpose="test"),
        ):
            session.connection().execute(text(change))


def test_an_error_within_a_permit_leaves_no_permit(database, rows) -> None:
    with database.transaction() as session:
        rows.patient(session)
        with (
            pytest.raises(ConflictError),
            session.begin_nested(),
            change_permit.permitted(session=session, purpose="test"),
        ):
            raise ConflictError("Stopped.")
        assert session.connection().execute(text("SELECT count(*) FROM change_permit")).scalar() == 0
