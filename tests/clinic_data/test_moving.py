"""Moving a visit to another patient: as a whole, sealed anew, or not at all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date

import pytest
from sqlalchemy import text
from sqlmodel import select

from clinic_data import (
    assessment_clips,
    assessments,
    decisions,
    jobs,
    moving,
    notes,
    outcomes,
    reports,
)
from clinic_data.assessment_clips import ClipFiles
from clinic_data.decisions import DecisionData
from clinic_data.errors import ConflictError, NotFoundError, SealError, ValidationError
from clinic_data.outcomes import OutcomeData
from clinic_data.tables import Assessment, Job, JobState, Patient, Recording, Report
from clinic_data.visit_tables import PatientNote

RESULT = {"scores": [{"task": "scoliosis"}], "file": "moreau.mp4"}
SCORED = DecisionData(task="scoliosis", verdict="overridden", label="negative", reason="Seen on the radiograph.")
FOUND = OutcomeData(
    task="scoliosis", method="radiograph", label="negative", note="Cobb 4 degrees", examined_on=date(2026, 11, 2)
)


@dataclass
class Filed:
    """A visit that was filed under the wrong patient, and another one that was not."""

    wrong: str
    right: str
    recording: str
    assessment: str
    other_recording: str


@pytest.fixture
def filed(database, rows) -> Filed:
    with database.transaction() as session:
        wrong = rows.patient(session, "P-1")
        right = rows.patient(session, "P-2", family_name="Okafor", given_name="Ada")
        recording = rows.recording(session, wrong.id)
        assessment = _assess(session, rows, recording)
        decisions.decide(session=session, assessment_id=assessment.id, data=SCORED, expected_id=None, actor_id=None)
        note = notes.add_note(
            session=session, patient_id=wrong.id, text="Limps today.", actor_id=None, assessment_id=assessment.id
        )
        notes.correct_note(session=session, note_id=note.id, text="Limped today.", actor_id=None)
        notes.add_note(session=session, patient_id=wrong.id, text="Has a dog.", actor_id=None)
        reports.add_report(session=session, assessment_id=assessment.id, stored=rows.stored(), created_by=None)
        other = rows.recording(session, wrong.id)
        _assess(session, rows, other)
    return Filed(wrong.id, right.id, recording.id, assessment.id, other.id)


def _assess(session, rows, recording: Recording) -> Assessment:
    job = rows.job(session, recording.id, patient_id=recording.patient_id)
    job.state, job.result = JobState.DONE, {"people": ["thumbnail"]}
    return assessments.add_assessment(
        session=session,
        patient_id=recording.patient_id,
        recording_id=recording.id,
        job_id=job.id,
        model_version_id=rows.model_version(session, f"v-{recording.id[:6]}").id,
        result=RESULT,
        silhouettes_key=f"silhouettes-{recording.id[:8]}",
        overlay_key=f"overlay-{recording.id[:8]}",
    )


def _move(database, filed: Filed, **changes: str) -> moving.Visit:
    names = {"recording_id": filed.recording, "from_patient_id": filed.wrong, "to_patient_id": filed.right}
    with database.transaction() as session:
        return moving.move_visit(session=session, **(names | changes))


def test_a_visit_is_everything_that_was_made_from_a_recording(database, filed: Filed) -> None:
    with database.reading() as session:
        visit = moving.visit_of(session=session, recording_id=filed.recording)
        assert [row.id for row in visit.recordings] == [filed.recording]
        assert [row.id for row in visit.assessments] == [filed.assessment]
        assert {note.text for note in visit.notes} == {"Limps today.", "Limped today."}
        assert (len(visit.decisions), len(visit.outcomes), len(visit.reports)) == (1, 0, 1)
        video = visit.recordings[0].storage_key
        short = filed.recording[:8]
        assert visit.storage_keys == {video, f"silhouettes-{short}", f"overlay-{short}"}


def test_a_moved_visit_is_the_other_patients_and_readable(database, filed: Filed) -> None:
    _move(database, filed)
    with database.reading() as session:
        recording = session.get(Recording, filed.recording)
        assert (recording.patient_id, recording.original_name) == (filed.right, "walk.mp4")
        assessment = session.get(Assessment, filed.assessment)
        assert (assessment.patient_id, assessment.result) == (filed.right, RESULT)
        job = session.exec(select(Job).where(Job.recording_id == filed.recording)).one()
        assert (job.patient_id, job.result) == (filed.right, {"people": ["thumbnail"]})
        decision = decisions.current_decisions(session=session, assessment_id=filed.assessment)["scoliosis"]
        assert decision.reason == SCORED.reason
        ((now, before),) = notes.list_notes(session=session, patient_id=filed.right)
        assert (now.text, [note.text for note in before]) == ("Limped today.", ["Limps today."])
        ((stays, _),) = notes.list_notes(session=session, patient_id=filed.wrong)
        assert stays.text == "Has a dog."
        assert [row.id for row in assessments.list_assessments(session=session, patient_id=filed.right)] == [
            filed.assessment
        ]
        assert len(assessments.list_assessments(session=session, patient_id=filed.wrong)) == 1


def test_a_report_stays_with_the_patient_whom_it_names(database, filed: Filed) -> None:
    with database.reading() as session:
        before = session.exec(select(Report)).one()
    _move(database, filed)
    with database.reading() as session:
        after = session.exec(select(Report)).one()
        assert after.model_dump() == before.model_dump()
        assert [row.id for row in reports.list_for_patient(session=session, patient_id=filed.wrong)] == [after.id]
        assert reports.list_for_patient(session=session, patient_id=filed.right) == []


_SEALED = (
    "SELECT original_name FROM recording WHERE id = :recording",
    "SELECT result FROM assessment WHERE id = :assessment",
    "SELECT result FROM job WHERE recording_id = :recording",
    "SELECT reason FROM score_decision WHERE assessment_id = :assessment",
    "SELECT text FROM patient_note WHERE patient_id = :right",
)


def test_nothing_of_the_moved_visit_is_left_under_the_first_patients_key(database, filed: Filed) -> None:
    _move(database, filed)
    with database.reading() as session:
        keys = dict(session.execute(text("SELECT patient_id, id FROM data_key")).all())
        sealed = [row[0] for each in _SEALED for row in session.execute(text(each), asdict(filed)).all()]
    assert len(sealed) == 6
    assert {value.split(".")[1] for value in sealed} == {keys[filed.right]}


def test_an_outcome_moves_along(database, filed: Filed) -> None:
    with database.transaction() as session:
        outcomes.record_outcome(
            session=session, assessment_id=filed.assessment, data=FOUND, expected_id=None, actor_id=None
        )
    _move(database, filed)
    with database.reading() as session:
        outcome = outcomes.current_outcomes(session=session, assessment_id=filed.assessment)["scoliosis"]
        assert outcome.note == "Cobb 4 degrees"


def test_recordings_that_were_assessed_together_move_together(database, rows, filed: Filed) -> None:
    with database.transaction() as session:
        second, third = (rows.recording(session, filed.wrong) for _ in range(2))
        together = _assess(session, rows, second)
        clips = [
            ClipFiles(second.id, "silhouettes-2", "overlay-2"),
            ClipFiles(third.id, "silhouettes-3", None),
            ClipFiles(filed.recording, None, None),
        ]
        assessment_clips.add_clips(session=session, assessment_id=together.id, clips=clips)
    moved = _move(database, filed, recording_id=third.id)
    assert {row.id for row in moved.recordings} == {filed.recording, second.id, third.id}
    assert {row.id for row in moved.assessments} == {filed.assessment, together.id}
    assert {"silhouettes-2", "overlay-2", "silhouettes-3"} <= moved.storage_keys
    with database.reading() as session:
        assert session.get(Recording, filed.other_recording).patient_id == filed.wrong
        assert {session.get(Recording, row).patient_id for row in (second.id, third.id, filed.recording)} == {
            filed.right
        }


def test_what_another_model_version_made_of_it_moves_along(database, rows, filed: Filed) -> None:
    with database.transaction() as session:
        job = rows.job(session, filed.recording, patient_id=filed.wrong)
        job.state = JobState.DONE
        again = assessments.add_assessment(
            session=session,
            patient_id=filed.wrong,
            recording_id=filed.recording,
            job_id=job.id,
            model_version_id=rows.model_version(session, "newer").id,
            result=RESULT,
            rescored_from_id=filed.assessment,
        )
    moved = _move(database, filed)
    assert {row.id for row in moved.assessments} == {filed.assessment, again.id}
    assert {row.patient_id for row in moved.assessments} == {filed.right}


@pytest.mark.parametrize("payload", ["own", "clips", "rescore"])
def test_a_visit_that_is_being_worked_on_stays(database, rows, filed: Filed, payload: str) -> None:
    named = {
        "own": {},
        "clips": {"clips": [{"recording_id": filed.other_recording}, {"recording_id": filed.recording}]},
        "rescore": {"assessment_id": filed.assessment},
    }[payload]
    about = filed.recording if payload == "own" else filed.other_recording
    with database.transaction() as session:
        jobs.enqueue(session=session, kind="screen", payload=named, recording_id=about, patient_id=filed.wrong)
    with pytest.raises(ConflictError, match="has not ended"):
        _move(database, filed)
    with database.reading() as session:
        assert session.get(Recording, filed.recording).patient_id == filed.wrong


def test_what_somebody_else_moved_meanwhile_is_not_moved_again(database, rows, filed: Filed) -> None:
    with database.transaction() as session:
        third = rows.patient(session, "P-3")
    _move(database, filed)
    with pytest.raises(ConflictError, match="meanwhile"):
        _move(database, filed, to_patient_id=third.id)
    with database.reading() as session:
        assert session.get(Recording, filed.recording).patient_id == filed.right


def test_two_who_move_it_at_once(database, rows, filed: Filed, in_threads) -> None:
    with database.transaction() as session:
        targets = [filed.right, rows.patient(session, "P-3").id]

    def move(number: int) -> str:
        try:
            _move(database, filed, to_patient_id=targets[number])
        except ConflictError:
            return "refused"
        return "done"

    assert sorted(in_threads(move, 2)) == ["done", "refused"]
    with database.reading() as session:
        rows_of_it = (session.get(Recording, filed.recording), session.get(Assessment, filed.assessment))
        assert len({row.patient_id for row in rows_of_it}) == 1


def test_a_visit_goes_to_another_patient_who_exists(database, filed: Filed) -> None:
    with pytest.raises(ValidationError, match="already"):
        _move(database, filed, to_patient_id=filed.wrong)
    with pytest.raises(NotFoundError, match="patient"):
        _move(database, filed, to_patient_id="0" * 32)
    with pytest.raises(NotFoundError, match="recording"):
        _move(database, filed, recording_id="0" * 32)


def test_a_failure_on_the_way_leaves_all_as_it_was(database, filed: Filed, monkeypatch) -> None:
    def fails(**_: object) -> None:
        raise SealError("The key is gone.")

    monkeypatch.setattr("clinic_data.sealed_rows.reseal", fails)
    with pytest.raises(SealError):
        _move(database, filed)
    with database.reading() as session:
        assert session.get(Recording, filed.recording).patient_id == filed.wrong
        assert session.get(Assessment, filed.assessment).result == RESULT
        assert {note.patient_id for note in session.exec(select(PatientNote)).all()} == {filed.wrong}
        assert session.execute(text("SELECT count(*) FROM change_permit")).scalar() == 0
        assert session.get(Patient, filed.right).family_name == "Okafor"
