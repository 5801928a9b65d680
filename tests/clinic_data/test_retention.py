"""Retention: rules, what is due by them, and what a legal hold keeps."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from clinic_data import holds, jobs, recordings, removals, retention, retention_preview
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.privacy_tables import DataKind, FileRemoval
from clinic_data.storage import FolderStorage
from clinic_data.tables import Assessment, Job, Recording, SignInSession
from clinic_data.visit_tables import AssessmentClip
from tests.clinic_data.full_patient import FullPatient, fill_patient

FAR = timedelta(days=91)


@pytest.fixture
def vault(database: Database, tmp_path: Path) -> FileVault:
    return FileVault(FolderStorage(tmp_path / "files"), database)


@pytest.fixture
def full(database: Database, vault: FileVault) -> FullPatient:
    return fill_patient(database, vault)


def _set(session: Session, kind: DataKind, days: int | None, version: int = 0) -> None:
    retention.set_rule(session=session, kind=kind, days=days, expected_version=version, actor_id=None)


def _due(database: Database, kind: DataKind, now: datetime) -> list[str]:
    with database.reading() as session:
        before = retention.cutoffs(session=session, now=now).get(kind)
        return retention.due(session=session, kind=kind, before=before, limit=100) if before else []


def test_without_rows_the_defaults_hold(session: Session) -> None:
    found = {kind: rule.days for kind, rule in retention.rules(session=session).items()}
    assert found == {
        DataKind.VIDEOS: 90,
        DataKind.INBOX: 30,
        DataKind.SILHOUETTES: None,
        DataKind.RECORDS: None,
        DataKind.JOBS: 365,
        DataKind.SESSIONS: 30,
    }
    assert set(retention.cutoffs(session=session)) == set(DataKind) - {DataKind.SILHOUETTES, DataKind.RECORDS}


def test_of_two_who_change_a_rule_the_second_is_told(session: Session) -> None:
    _set(session, DataKind.VIDEOS, 30)
    with pytest.raises(ConflictError, match="meanwhile"):
        _set(session, DataKind.VIDEOS, 60)
    _set(session, DataKind.VIDEOS, None, version=1)
    assert retention.rules(session=session)[DataKind.VIDEOS].days is None


@pytest.mark.parametrize(("kind", "days"), [("videos", 0), ("videos", -1), ("videos", 36_501), ("records", 364)])
def test_days_that_cannot_be_are_refused(session: Session, kind: str, days: int) -> None:
    with pytest.raises(ValidationError):
        _set(session, DataKind(kind), days)
    with pytest.raises(ValidationError):
        retention.set_rule(session=session, kind="everything", days=3, expected_version=0, actor_id=None)


def test_a_video_is_due_on_its_day_and_not_before(database: Database, full: FullPatient) -> None:
    now = utc_now()
    assert _due(database, DataKind.VIDEOS, now + timedelta(days=89, hours=23)) == []
    assert set(_due(database, DataKind.VIDEOS, now + FAR)) == set(full.recording_ids)


def test_a_removed_video_leaves_its_recording_result_and_silhouettes(
    database: Database, vault: FileVault, full: FullPatient
) -> None:
    recording_id = full.recording_ids[2]
    with database.transaction() as session:
        keys = removals.remove_video(session=session, recording_id=recording_id)
    assert len(keys) == 2, "the video and its overlay clip, which the rescored assessment shares"
    for key in keys:
        vault.delete(key)
    with database.reading() as session:
        recording = recordings.get_recording(session=session, recording_id=recording_id)
        assert recording.video_removed_at is not None
        rows = session.exec(select(Assessment).where(Assessment.recording_id == recording_id)).all()
        assert len(rows) == 2
        assert all(row.overlay_key is None and row.silhouettes_key in set(vault.keys()) for row in rows)
        search = jobs.get_job(session=session, job_id=full.search_job_id)
        assert search.result is not None
        assert [person["thumbnail_jpeg"] for person in search.result["people"]] == [""]
        waiting = set(session.exec(select(FileRemoval.storage_key)).all())
    assert waiting == keys
    assert recording_id not in _due(database, DataKind.VIDEOS, utc_now() + FAR)


def test_a_removed_video_of_several_takes_its_own_clip_only(database: Database, full: FullPatient) -> None:
    with database.transaction() as session:
        removals.remove_video(session=session, recording_id=full.recording_ids[1])
    with database.reading() as session:
        clips = session.exec(select(AssessmentClip).order_by(AssessmentClip.position)).all()
        assert [clip.overlay_key is None for clip in clips] == [False, True]
        assert all(clip.silhouettes_key for clip in clips)


def test_removed_files_are_no_longer_referred_to(database: Database, vault: FileVault, full: FullPatient) -> None:
    from clinic_data.file_references import referenced_keys

    with database.reading() as session:
        before = referenced_keys(session=session)
    assert full.storage_keys <= before
    with database.transaction() as session:
        keys = removals.remove_video(session=session, recording_id=full.recording_ids[2])
    with database.reading() as session:
        assert before - referenced_keys(session=session) == keys


def test_a_file_that_is_also_the_silhouettes_stays_with_them(database: Database, vault: FileVault, rows) -> None:
    """Simulated clinics have one file for both."""
    with database.transaction() as session:
        assessment = rows.assessment(session, rows.patient(session).id)
        recording = recordings.get_recording(session=session, recording_id=assessment.recording_id)
        assessment.silhouettes_key = recording.storage_key
    with database.transaction() as session:
        assert removals.remove_video(session=session, recording_id=recording.id) == frozenset()
    with database.transaction() as session:
        keys = removals.remove_silhouettes(session=session, assessment_id=assessment.id)
        assert keys == {recording.storage_key}


def test_a_legal_hold_keeps_everything(database: Database, full: FullPatient) -> None:
    with database.transaction() as session:
        for kind in (DataKind.SILHOUETTES, DataKind.RECORDS, DataKind.JOBS):
            _set(session, kind, 365)
        holds.place(
            session=session, patient_id=full.patient_id, reason="order of the court", actor_id=full.administrator_id
        )
    later = utc_now() + timedelta(days=4000)
    for kind in (DataKind.VIDEOS, DataKind.SILHOUETTES, DataKind.RECORDS, DataKind.JOBS):
        assert _due(database, kind, later) == [], kind
    with database.reading() as session:
        assert retention_preview.preview(session=session, now=later)[DataKind.VIDEOS].held == 3
    with database.transaction() as session:
        with pytest.raises(ConflictError, match="already"):
            holds.place(session=session, patient_id=full.patient_id, reason="a second order", actor_id="x")
        hold = holds.hold_of(session=session, patient_id=full.patient_id)
        assert hold is not None
        assert hold.reason == "order of the court"
        holds.release(session=session, hold_id=hold.id, actor_id=full.administrator_id)
    for kind in (DataKind.VIDEOS, DataKind.SILHOUETTES, DataKind.RECORDS):
        assert _due(database, kind, later), kind


def test_a_hold_needs_a_reason_and_a_patient(database: Database, full: FullPatient) -> None:
    with database.transaction() as session:
        with pytest.raises(ValidationError):
            holds.place(session=session, patient_id=full.patient_id, reason="short", actor_id=full.administrator_id)
        with pytest.raises(ConflictError):
            holds.place(session=session, patient_id="0" * 32, reason="long enough", actor_id=full.administrator_id)
        with pytest.raises(NotFoundError):
            holds.release(session=session, hold_id="0" * 32, actor_id=full.administrator_id)


def test_recordings_with_unfinished_work_are_not_due(database: Database, full: FullPatient) -> None:
    with database.transaction() as session:
        job = jobs.enqueue(
            session=session, kind="screen", payload={}, patient_id=full.patient_id, recording_id=full.recording_ids[0]
        )
    assert _due(database, DataKind.VIDEOS, utc_now() + FAR) == []
    with database.transaction() as session:
        jobs.request_cancel(session=session, job_id=job.id)
    assert len(_due(database, DataKind.VIDEOS, utc_now() + FAR)) == 3


def test_silhouettes_go_from_an_assessment_and_those_scored_again_from_it(
    database: Database, full: FullPatient
) -> None:
    with database.transaction() as session:
        _set(session, DataKind.SILHOUETTES, 10)
    due = _due(database, DataKind.SILHOUETTES, utc_now() + timedelta(days=11))
    assert len(due) == 2, "the rescored one goes with its first"
    with database.transaction() as session:
        keys = {key for one in due for key in removals.remove_silhouettes(session=session, assessment_id=one)}
    assert len(keys) == 3
    with database.reading() as session:
        assert all(row.silhouettes_key is None for row in session.exec(select(Assessment)).all())
        assert all(row.silhouettes_key is None for row in session.exec(select(AssessmentClip)).all())
        assert all(row.overlay_key for row in session.exec(select(Assessment)).all())


def test_a_record_is_due_after_the_last_thing_that_happened(database: Database, full: FullPatient) -> None:
    with database.transaction() as session:
        _set(session, DataKind.RECORDS, 365)
    assert _due(database, DataKind.RECORDS, utc_now() + timedelta(days=364)) == []
    assert _due(database, DataKind.RECORDS, utc_now() + timedelta(days=366)) == [full.patient_id]


def test_an_inbox_recording_goes_with_what_was_made_of_it(database: Database, vault: FileVault, rows) -> None:
    stored = vault.write_bytes(b"video", patient_id=None, kind=FileKind.VIDEO)
    with database.transaction() as session:
        recording = recordings.add_recording(
            session=session, patient_id=None, original_name="walk.mp4", stored=stored, uploaded_by=None
        )
        jobs.enqueue(session=session, kind="find_people", payload={}, recording_id=recording.id)
    later = utc_now() + timedelta(days=31)
    assert _due(database, DataKind.INBOX, later) == [], "its search waits"
    with database.transaction() as session:
        jobs.request_cancel(session=session, job_id=session.exec(select(Job.id)).one())
    assert _due(database, DataKind.INBOX, utc_now() + timedelta(days=29)) == []
    assert _due(database, DataKind.INBOX, later) == [recording.id]
    with database.reading() as session:
        due = retention_preview.preview(session=session, now=later)[DataKind.INBOX]
        assert (due.count, due.files, due.size_bytes) == (1, 1, 5)
    with database.transaction() as session:
        removed = removals.remove_recording(session=session, recording_id=recording.id)
        assert removed.rows == {"job": 1, "recording": 1}
        assert removed.storage_keys == {stored.key}
    with database.reading() as session:
        assert session.exec(select(Recording)).all() == []


def test_a_recording_that_was_given_to_a_patient_is_not_the_inboxs(database: Database, full: FullPatient) -> None:
    with database.transaction() as session, pytest.raises(NotFoundError, match="inbox"):
        removals.remove_recording(session=session, recording_id=full.recording_ids[0])


def test_old_jobs_go_unless_a_result_refers_to_them(database: Database, full: FullPatient) -> None:
    due = _due(database, DataKind.JOBS, utc_now() + timedelta(days=366))
    assert due == [full.search_job_id]
    with database.transaction() as session:
        assert removals.remove_jobs(session=session, job_ids=due) == 1


def test_ended_sessions_go(database: Database, full: FullPatient) -> None:
    now = utc_now()
    with database.transaction() as session:
        for number, (seen, closed) in enumerate(
            ((now - timedelta(days=40), None), (now, now - timedelta(days=31)), (now, None), (now, now))
        ):
            session.add(
                SignInSession(
                    id=f"s{number}",
                    token_sha256=f"{number}" * 64,
                    user_id=full.clinician_id,
                    created_at=now,
                    last_seen_at=seen,
                    closed_at=closed,
                )
            )
    assert _due(database, DataKind.SESSIONS, now) == ["s0", "s1"]
    with database.transaction() as session:
        assert removals.remove_sessions(session=session, session_ids=["s0", "s1"]) == 2


def test_the_preview_counts_what_a_run_would_remove(database: Database, vault: FileVault, full: FullPatient) -> None:
    with database.reading() as session:
        now = retention_preview.preview(session=session)
        later = retention_preview.preview(session=session, now=utc_now() + FAR)
    assert {kind: due.count for kind, due in now.items()} == dict.fromkeys(DataKind, 0)
    videos = later[DataKind.VIDEOS]
    assert (videos.count, videos.files) == (3, 6)
    with database.reading() as session:
        sizes = [vault.size_bytes(recording.storage_key) for recording in session.exec(select(Recording)).all()]
        overlays = {row.overlay_key for row in session.exec(select(Assessment)).all()}
        overlays |= {clip.overlay_key for clip in session.exec(select(AssessmentClip)).all()}
    assert videos.size_bytes == sum(sizes) + sum(vault.size_bytes(key) for key in overlays if key)
