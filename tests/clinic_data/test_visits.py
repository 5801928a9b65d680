"""Assessments of several recordings, assessments scored again, and versions of reports."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from clinic_data import assessment_clips, assessments, monitoring, outcomes, recordings, reports
from clinic_data.assessment_clips import ClipFiles
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.file_references import referenced_keys
from clinic_data.outcomes import OutcomeData
from clinic_data.tables import ReportKind

CODE = "abcDEF-_0123456789xyzAB"


def _rescore(session, rows, original, **changes):
    version = changes.pop("version", "9.0")
    known = {
        "patient_id": original.patient_id,
        "recording_id": original.recording_id,
        "job_id": rows.job(session, original.recording_id).id,
        "model_version_id": changes.get("model_version_id") or rows.model_version(session, version).id,
        "result": original.result,
        "rescored_from_id": original.id,
    }
    return assessments.add_assessment(session=session, **(known | changes))


def _report(session, rows, assessment_id: str, **fields):
    return reports.add_report(
        session=session, assessment_id=assessment_id, stored=rows.stored(), created_by=None, **fields
    )


def test_recordings_of_one_assessment_keep_their_order_and_their_files(session, rows) -> None:
    patient = rows.patient(session)
    assessment = rows.assessment(session, patient.id)
    other, alone = rows.recording(session, patient.id), rows.recording(session, patient.id)
    clips = [ClipFiles(other.id), ClipFiles(assessment.recording_id, "s" * 32, "o" * 32)]
    assessment_clips.add_clips(session=session, assessment_id=assessment.id, clips=clips)
    found = assessment_clips.list_clips(session=session, assessment_id=assessment.id)
    assert [(row.position, row.recording_id, row.silhouettes_key) for row in found] == [
        (0, other.id, None),
        (1, assessment.recording_id, "s" * 32),
    ]
    assert {"s" * 32, "o" * 32} <= referenced_keys(session=session)
    assessed = assessment_clips.assessed_recordings(session=session, patient_id=patient.id)
    assert assessed == {other.id, assessment.recording_id}
    assert assessment_clips.list_for_recording(session=session, recording_id=alone.id) == []


def test_recordings_of_one_assessment_are_several_and_stored_once(session, rows) -> None:
    assessment, other = rows.assessment(session), rows.recording(session)
    one, two = ClipFiles(assessment.recording_id), ClipFiles(other.id)
    for clips in ([], [one], [one, one]):
        with pytest.raises(ValidationError, match="at least two"):
            assessment_clips.add_clips(session=session, assessment_id=assessment.id, clips=clips)
    assessment_clips.add_clips(session=session, assessment_id=assessment.id, clips=[one, two])
    with pytest.raises(ConflictError):
        assessment_clips.add_clips(session=session, assessment_id=assessment.id, clips=[two, one])


def test_a_recording_that_was_assessed_with_others_does_not_move_alone(session, rows) -> None:
    patient = rows.patient(session)
    assessment, other = rows.assessment(session), rows.recording(session)
    clips = [ClipFiles(assessment.recording_id), ClipFiles(other.id)]
    assessment_clips.add_clips(session=session, assessment_id=assessment.id, clips=clips)
    for clip in clips:
        with pytest.raises(ConflictError, match="together with others"):
            recordings.assign_patient(session=session, recording_id=clip.recording_id, patient_id=patient.id)


@pytest.mark.parametrize("height_cm", [39.9, 260.1, float("nan")])
def test_a_body_height_that_nobody_has_is_refused(session, rows, height_cm: float) -> None:
    with pytest.raises(ValidationError, match="from 40 to 260"):
        _rescore(session, rows, rows.assessment(session), body_height_cm=height_cm)


def test_the_database_refuses_such_a_height_too(database, rows) -> None:
    with database.transaction() as session:
        assessment = rows.assessment(session)
    for statement in ("UPDATE assessment SET body_height_cm = 17", "UPDATE assessment SET rescored_from_id = 'x'"):
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.exec(text(statement))
    with database.reading() as session:
        assert assessments.get_assessment(session=session, assessment_id=assessment.id).body_height_cm is None


def test_what_was_scored_again_leads_back_to_the_first_result(session, rows) -> None:
    original = rows.assessment(session, rows.patient(session).id)
    second = _rescore(session, rows, original, body_height_cm=151.5)
    third = _rescore(session, rows, second, rescored_from_id=second.id, version="10.0")
    assert (second.rescored_from_id, third.rescored_from_id) == (original.id, original.id)
    assert second.body_height_cm == 151.5
    for each in (original, second, third):
        siblings = assessments.list_siblings(session=session, assessment_id=each.id)
        assert [row.id for row in siblings] == [original.id, second.id, third.id]
    with pytest.raises(NotFoundError):
        _rescore(session, rows, original, rescored_from_id="0" * 32, version="11.0")


def test_one_version_scores_a_recording_once(session, rows) -> None:
    original = rows.assessment(session)
    again = _rescore(session, rows, original)
    for version_id in (original.model_version_id, again.model_version_id):
        with pytest.raises(ConflictError, match="by this model version already"):
            _rescore(session, rows, original, model_version_id=version_id)


def test_an_outcome_belongs_to_the_visit_whichever_result_is_open(session, rows) -> None:
    original = rows.assessment(session)
    again = _rescore(session, rows, original)
    data = OutcomeData.checked(task="scoliosis", method="not_known")
    common = {"session": session, "data": data, "actor_id": None}
    first = outcomes.record_outcome(assessment_id=again.id, expected_id=None, **common)
    second = outcomes.record_outcome(assessment_id=original.id, expected_id=first.id, **common)
    for each in (original, again):
        found = outcomes.current_outcomes(session=session, assessment_id=each.id)
        history = outcomes.outcome_history(session=session, assessment_id=each.id, task="scoliosis")
        assert (found["scoliosis"].id, [row.id for row in history]) == (second.id, [second.id, first.id])
    listed = outcomes.list_confirmed(session=session, task="scoliosis")
    assert [row.assessment.id for row in listed] == [original.id]


def test_monitoring_counts_those_who_walked_only(session, rows) -> None:
    original = rows.assessment(session)
    original.result = {
        "recording": {},
        "quality": {"view": "side", "checks": []},
        "refused": False,
        "scores": [],
        "model": {"sha256": ""},
    }
    again = _rescore(session, rows, original)
    since, until = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    found = monitoring.screenings(session=session, since=since, until=until)
    assert [fact.model_version_id for fact in found] == [original.model_version_id]
    assert monitoring.screened_versions(session=session) == {original.model_version_id: 1}
    assert monitoring.screening_period(session=session, model_version_id=again.model_version_id) is None


def test_a_new_version_supersedes_the_newest_report(session, rows) -> None:
    patient = rows.patient(session)
    assessment = rows.assessment(session, patient.id)
    first = _report(session, rows, assessment.id, verification_code=CODE, content_sha256="ab" * 32, signer="Clinic\n")
    addendum = _report(
        session, rows, assessment.id, kind=ReportKind.ADDENDUM, supersedes_id=first.id, addendum=" Seen again. "
    )
    third = _report(session, rows, assessment.id, supersedes_id=addendum.id)
    assert [each.version for each in (first, addendum, third)] == [1, 2, 3]
    assert (first.signer, first.patient_id, addendum.addendum) == ("Clinic", patient.id, "Seen again.")
    assert reports.superseded_by(session=session, report_id=first.id) == addendum
    assert reports.superseded_by(session=session, report_id=third.id) is None
    assert reports.list_for_patient(session=session, patient_id=patient.id) == [third, addendum, first]
    with pytest.raises(ConflictError, match="newer version"):
        _report(session, rows, assessment.id, supersedes_id=first.id)


def test_a_report_supersedes_only_what_is_about_the_same(session, rows) -> None:
    patient = rows.patient(session)
    one, two = rows.assessment(session, patient.id), rows.assessment(session, patient.id)
    single = _report(session, rows, one.id)
    course = _report(session, rows, one.id, kind=ReportKind.FOLLOW_UP)
    later = _report(session, rows, two.id, kind=ReportKind.FOLLOW_UP, supersedes_id=course.id)
    assert later.version == 2
    for assessment, fields in (
        (two, {"supersedes_id": single.id}),
        (one, {"supersedes_id": course.id}),
        (one, {"supersedes_id": single.id, "kind": ReportKind.FOLLOW_UP}),
    ):
        with pytest.raises(ConflictError, match="same assessment"):
            _report(session, rows, assessment.id, **fields)
    with pytest.raises(NotFoundError):
        _report(session, rows, one.id, supersedes_id="0" * 32)


def test_a_code_leads_to_its_report_and_to_no_other(session, rows) -> None:
    assessment = rows.assessment(session)
    report = _report(session, rows, assessment.id, verification_code=CODE)
    assert reports.find_by_verification_code(session=session, code=CODE) == report
    for other in (CODE.lower(), CODE[:-1], "", "%", CODE + "A" * 40):
        assert reports.find_by_verification_code(session=session, code=other) is None
    with pytest.raises(ConflictError):
        _report(session, rows, assessment.id, verification_code=CODE)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"verification_code": "short"}, "22 to 43"),
        ({"content_sha256": "ab"}, "64 hexadecimal"),
        ({"addendum": "x"}, "Only an addendum"),
        ({"kind": ReportKind.ADDENDUM}, "Write what the addendum adds"),
        ({"kind": ReportKind.ADDENDUM, "addendum": "x" * 4001}, "at most 4000"),
    ],
)
def test_refuses_a_report_whose_facts_have_not_their_form(session, rows, fields: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _report(session, rows, rows.assessment(session).id, **fields)


@pytest.mark.parametrize("statement", ["UPDATE report SET language = 'zh'", "DELETE FROM report"])
def test_the_database_keeps_every_report_as_it_was(database, rows, statement: str) -> None:
    with database.transaction() as session:
        report = _report(session, rows, rows.assessment(session).id)
    with pytest.raises(DBAPIError, match="a new version is a new row"), database.transaction() as session:
        session.exec(text(statement))
    with database.reading() as session:
        assert reports.get_report(session=session, report_id=report.id).language == "en"
