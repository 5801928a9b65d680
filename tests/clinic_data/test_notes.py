"""Notes on patients: written, corrected by new rows, kept for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from clinic_data import notes
from clinic_data.errors import ConflictError, NotFoundError, ValidationError


def _texts(session, patient_id: str) -> list[tuple[str, list[str]]]:
    found = notes.list_notes(session=session, patient_id=patient_id)
    return [(note.text, [row.text for row in earlier]) for note, earlier in found]


def test_notes_are_read_newest_first_with_what_they_said_before(database, rows, now) -> None:
    with database.transaction() as session:
        user, patient, other = rows.user(session), rows.patient(session), rows.patient(session, "P-2")
        assessment = rows.assessment(session, patient.id)
        common = {"session": session, "actor_id": user.id}
        first = notes.add_note(patient_id=patient.id, text=" Brace.\r\nSince May. ", created_at=now, **common)
        notes.add_note(
            patient_id=patient.id,
            text="On the walk.",
            assessment_id=assessment.id,
            created_at=now + timedelta(days=1),
            **common,
        )
        notes.add_note(patient_id=other.id, text="Of somebody else.", **common)
        second = notes.correct_note(note_id=first.id, text="Brace.\nSince June.", **common)
        notes.correct_note(note_id=second.id, text="No brace.", **common)
    with database.reading() as session:
        assert _texts(session, patient.id) == [
            ("On the walk.", []),
            ("No brace.", ["Brace.\nSince June.", "Brace.\nSince May."]),
        ]
        (newest, _), (corrected, _) = notes.list_notes(session=session, patient_id=patient.id)
    assert (newest.assessment_id, corrected.assessment_id) == (assessment.id, None)
    assert "brace" not in repr(corrected).lower()


@pytest.mark.parametrize(
    ("typed", "sentence"), [(" \n ", "Write something"), ("x" * 4001, "at most 4000"), ("a\u202e", "invisible")]
)
def test_refuses_what_is_no_note(session, rows, typed: str, sentence: str) -> None:
    patient = rows.patient(session)
    with pytest.raises(ValidationError, match=sentence):
        notes.add_note(session=session, patient_id=patient.id, text=typed, actor_id=None)
    note = notes.add_note(session=session, patient_id=patient.id, text="Fine.", actor_id=None)
    with pytest.raises(ValidationError, match=sentence):
        notes.correct_note(session=session, note_id=note.id, text=typed, actor_id=None)
    assert _texts(session, patient.id) == [("Fine.", [])]


def test_a_note_needs_its_patient_and_an_assessment_of_theirs(session, rows) -> None:
    patient, other = rows.patient(session), rows.patient(session, "P-2")
    theirs = rows.assessment(session, other.id)
    common = {"session": session, "text": "x", "actor_id": None}
    with pytest.raises(NotFoundError):
        notes.add_note(patient_id="0" * 32, **common)
    with pytest.raises(NotFoundError):
        notes.add_note(patient_id=patient.id, assessment_id="0" * 32, **common)
    with pytest.raises(ValidationError, match="another patient"):
        notes.add_note(patient_id=patient.id, assessment_id=theirs.id, **common)
    with pytest.raises(NotFoundError):
        notes.correct_note(note_id="0" * 32, **common)


def test_of_two_who_correct_one_note_the_second_is_told(session, rows) -> None:
    note = notes.add_note(session=session, patient_id=rows.patient(session).id, text="One.", actor_id=None)
    notes.correct_note(session=session, note_id=note.id, text="Two.", actor_id=None)
    with pytest.raises(ConflictError, match="Somebody else corrected"):
        notes.correct_note(session=session, note_id=note.id, text="Three.", actor_id=None)
    assert _texts(session, note.patient_id) == [("Two.", ["One."])]


@pytest.mark.parametrize("statement", ["UPDATE patient_note SET text = 'x'", "DELETE FROM patient_note"])
def test_the_database_keeps_every_note_as_it_was(database, rows, statement: str) -> None:
    with database.transaction() as session:
        patient = rows.patient(session)
        notes.add_note(session=session, patient_id=patient.id, text="Kept.", actor_id=None)
    with pytest.raises(DBAPIError, match="corrected by a new row"), database.transaction() as session:
        session.exec(text(statement))
    with database.reading() as session:
        assert _texts(session, patient.id) == [("Kept.", [])]
