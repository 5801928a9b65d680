"""Assessments, reports and the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clinic_data import assessments, audit, reports
from clinic_data.errors import ConflictError, ValidationError

RESULT = {
    "scores": [{"task": "scoliosis", "probabilities": {"negative": 0.25}, "interval": (0.1, 0.4)}],
    "person": None,
}


def test_an_assessment_comes_back_as_the_json_it_was(database, rows) -> None:
    with database.transaction() as session:
        patient = rows.patient(session)
        recording = rows.recording(session, patient.id)
        job, version = rows.job(session, recording.id), rows.model_version(session)
        added = assessments.add_assessment(
            session=session,
            patient_id=patient.id,
            recording_id=recording.id,
            job_id=job.id,
            model_version_id=version.id,
            result=RESULT,
            silhouettes_key="a" * 32,
            overlay_key=None,
        )
    with database.reading() as session:
        read = assessments.get_assessment(session=session, assessment_id=added.id)
        assert read.result["scores"][0]["interval"] == [0.1, 0.4]
        assert read.result["scores"][0]["probabilities"] == {"negative": 0.25}
        assert (read.silhouettes_key, read.overlay_key) == ("a" * 32, None)
        assert assessments.find_for_job(session=session, job_id=job.id) == read
        assert assessments.list_for_recording(session=session, recording_id=recording.id) == [read]
        assert assessments.list_assessments(session=session, patient_id=patient.id) == [read]
        assert assessments.list_assessments(session=session, patient_id=None) == []


def test_assessments_of_a_simulated_clinic_lie_in_the_past(session, rows, now: datetime) -> None:
    first = rows.assessment(session)
    older = assessments.add_assessment(
        session=session,
        patient_id=None,
        recording_id=first.recording_id,
        job_id=rows.job(session).id,
        model_version_id=first.model_version_id,
        result=RESULT,
        created_at=now - timedelta(days=90),
    )
    assert assessments.list_for_recording(session=session, recording_id=first.recording_id) == [first, older]


def test_a_job_that_is_repeated_cannot_make_a_second_assessment(session, rows) -> None:
    first = rows.assessment(session)
    with pytest.raises(ConflictError, match="already"):
        assessments.add_assessment(
            session=session,
            patient_id=None,
            recording_id=first.recording_id,
            job_id=first.job_id,
            model_version_id=first.model_version_id,
            result={},
        )
    assert assessments.list_assessments(session=session, patient_id=None) == [first]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_result_that_is_no_json_is_refused(session, rows, value: object) -> None:
    first = rows.assessment(session)
    with pytest.raises(ValidationError, match="cannot be stored as JSON"):
        assessments.add_assessment(
            session=session,
            patient_id=None,
            recording_id=first.recording_id,
            job_id=rows.job(session).id,
            model_version_id=first.model_version_id,
            result={"value": value},
        )


def test_report_numbers_count_from_one_in_each_year(session) -> None:
    numbers = [
        reports.reserve_number(session=session, now=datetime(year, 12, 31, 23, 59, tzinfo=UTC))
        for year in (2026, 2026, 2027, 2026)
    ]
    assert numbers == ["FG-2026-000001", "FG-2026-000002", "FG-2027-000001", "FG-2026-000003"]


def test_nobody_gets_the_number_of_somebody_else(database, in_threads, now: datetime) -> None:
    def reserve(_: int) -> list[str]:
        mine = []
        for _ in range(25):
            with database.transaction() as session:
                mine.append(reports.reserve_number(session=session, now=now))
        return mine

    numbers = sorted(number for mine in in_threads(reserve, 4) for number in mine)
    assert numbers == [f"FG-2026-{number:06d}" for number in range(1, 101)]


def test_a_report_carries_the_number_that_was_printed_in_it(database, rows) -> None:
    with database.transaction() as session:
        assessment = rows.assessment(session)
        number = reports.reserve_number(session=session)
        reports.reserve_number(session=session)
    stored = rows.stored()
    with database.transaction() as session:
        added = reports.add_report(
            session=session, assessment_id=assessment.id, stored=stored, created_by=None, language="de", number=number
        )
    with database.reading() as session:
        read = reports.get_report(session=session, report_id=added.id)
        assert (read.number, read.storage_key, read.language) == (number, stored.key, "de")
        assert reports.list_reports(session=session, assessment_id=assessment.id) == [read]


def test_a_report_without_a_number_gets_the_next_one(session, rows) -> None:
    assessment = rows.assessment(session)
    made = [
        reports.add_report(session=session, assessment_id=assessment.id, stored=rows.stored(), created_by=None)
        for _ in range(2)
    ]
    assert made[1].number > made[0].number
    assert reports.list_reports(session=session, assessment_id=assessment.id) == made[::-1]


def test_a_report_refuses_a_used_or_invented_number_and_an_unknown_assessment(session, rows) -> None:
    assessment = rows.assessment(session)
    common = {"session": session, "created_by": None}
    used = reports.add_report(assessment_id=assessment.id, stored=rows.stored(), **common).number
    with pytest.raises(ConflictError, match="used already"):
        reports.add_report(assessment_id=assessment.id, stored=rows.stored(), number=used, **common)
    for invented in ("FG-2026-999999", "FG-1999-000001", "FG-2026-000000", "7"):
        with pytest.raises(ValidationError, match="never reserved"):
            reports.add_report(assessment_id=assessment.id, stored=rows.stored(), number=invented, **common)
    with pytest.raises(ConflictError):
        reports.add_report(assessment_id="0" * 32, stored=rows.stored(), **common)
    with pytest.raises(ValidationError, match="language"):
        reports.add_report(assessment_id=assessment.id, stored=rows.stored(), language="english!", **common)


def test_the_audit_row_and_what_it_records_come_together_or_not_at_all(database, rows) -> None:
    def create_and_break() -> None:
        with database.transaction() as session:
            patient = rows.patient(session)
            audit.record(
                session=session,
                actor_id=None,
                action="patient.created",
                subject_type="patient",
                subject_id=patient.id,
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        create_and_break()
    with database.reading() as session:
        assert audit.list_rows(session=session).total == 0


def test_the_trail_is_read_newest_first_and_filtered(session, rows) -> None:
    ada, bea = rows.user(session, "ada"), rows.user(session, "bea")
    for actor, action, subject in [(ada, "patient.read", "1"), (bea, "patient.read", "2"), (ada, "report.made", "3")]:
        audit.record(
            session=session,
            actor_id=actor.id,
            action=action,
            subject_type=action.partition(".")[0],
            subject_id=subject,
            details={"n": 1},
        )
    audit.write_pending(session)

    def subjects(**filters) -> list[str]:
        return [row.subject_id for row in audit.list_rows(session=session, **filters).rows]

    assert subjects() == ["3", "2", "1"]
    assert subjects(actor_id=ada.id) == ["3", "1"]
    assert subjects(action="patient.read", actor_id=bea.id) == ["2"]
    assert subjects(subject_type="report", subject_id="3") == ["3"]
    assert subjects(limit=1, offset=1) == ["2"]


def test_an_audit_row_needs_json_and_names_that_fit(session) -> None:
    common = {"session": session, "actor_id": None, "subject_type": "app", "subject_id": None}
    with pytest.raises(ValidationError):
        audit.record(action="app.started", details={"when": object()}, **common)
    with pytest.raises(ValidationError):
        audit.record(action="x" * 61, **common)
    audit.write_pending(session)
    assert audit.list_rows(session=session).total == 0
