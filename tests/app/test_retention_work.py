"""A run of the retention rules: what goes, what stays, and what a kill leaves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Clinic
from killing import killed_at, through
from typer.testing import CliRunner

from app.clinic_cli import build
from app.services import retention_work
from app.services.catalogue import Services
from app.services.retention_work import RetentionWork
from clinic_data import jobs, recordings, removals, retention
from clinic_data.audit import AuditFilter
from clinic_data.clock import utc_now
from clinic_data.errors import NotFoundError, ValidationError
from clinic_data.privacy_tables import DataKind, ErasureState
from clinic_data.tables import JobState, Patient
from tests.clinic_data.full_patient import FullPatient, fill_patient

LATER = timedelta(days=91)


@pytest.fixture
def full(clinic: Clinic) -> FullPatient:
    return fill_patient(clinic.services.database, clinic.services.storage)


def _work(services: Services) -> RetentionWork:
    return RetentionWork(services.settings, services.database, services.storage)


def test_a_run_removes_videos_and_keeps_silhouettes_results_and_reports(clinic: Clinic, full: FullPatient) -> None:
    services = clinic.services
    counts = _work(services).run(now=utc_now() + LATER)
    assert counts["videos"] == 4, "three of the full patient, one of the other"
    assert counts["files"] >= 7
    assert counts["left"] == 0
    with services.database.reading() as session:
        for recording_id in full.recording_ids:
            row = recordings.get_recording(session=session, recording_id=recording_id)
            assert row.video_removed_at is not None
            assert row.storage_key not in set(services.storage.keys())
    rows = services.screening.assessments_of_patient(clinic.clinician, full.patient_id)
    assert len(rows) == 3
    assert all(row.silhouettes_key in set(services.storage.keys()) for row in rows)
    assert all(row.overlay_key is None for row in rows)
    reports = services.reporting.list_of_patient(clinic.clinician, full.patient_id)
    assert len(reports) == 3
    assert services.reporting.read_pdf(clinic.clinician, reports[0].id)
    again = _work(services).run(now=utc_now() + LATER)
    assert again["videos"] == 0
    assert again["files"] == 0


def test_a_removed_video_is_said_and_takes_no_new_work(clinic: Clinic) -> None:
    _work(clinic.services).run(now=utc_now() + LATER)
    check = clinic.services.recordings.check_file(clinic.clinician, clinic.recording.id)
    assert check.info is None
    assert "was removed" in check.problem
    with pytest.raises(ValidationError, match="was removed"):
        clinic.services.screening.find_people(clinic.clinician, clinic.recording.id)


def test_each_removal_is_in_the_trail(clinic: Clinic) -> None:
    _work(clinic.services).run(now=utc_now() + LATER)
    rows = clinic.services.audit_trail.list_rows(
        clinic.administrator, 50, 0, AuditFilter(action="retention.videos_removed")
    ).rows
    assert [row.subject_id for row in rows] == [clinic.recording.id]


def test_the_rule_for_whole_records_erases_with_a_proof(clinic: Clinic, full: FullPatient) -> None:
    services = clinic.services
    services.privacy.set_rule(clinic.administrator, "records", 365, 0)
    counts = _work(services).run(now=utc_now() + timedelta(days=366))
    assert counts["records"] == 2
    with services.database.reading() as session:
        assert session.get(Patient, full.patient_id) is None
    found = services.erasures.list(clinic.administrator)
    assert {view.state for view in found.rows} == {ErasureState.DONE}
    assert all(services.erasures.proof(clinic.administrator, view.id) for view in found.rows)
    assert not full.storage_keys & set(services.storage.keys())


def test_a_patient_on_hold_is_left_alone(clinic: Clinic) -> None:
    clinic.services.privacy.place_hold(clinic.administrator, "R-1", "order of the court")
    assert _work(clinic.services).run(now=utc_now() + LATER)["videos"] == 0
    (videos, *_) = [rule for rule in clinic.services.privacy.rules(clinic.administrator)]
    assert videos.kind is DataKind.VIDEOS
    assert clinic.services.storage.read_bytes(clinic.recording.storage_key) == b"walking"


def test_a_run_is_queued_once_a_day_and_on_demand(clinic: Clinic) -> None:
    services = clinic.services
    with services.database.transaction() as session:
        first = retention_work.enqueue_daily(session)
        assert first is not None
        assert retention_work.enqueue_daily(session) is None
    assert services.privacy.start_run(clinic.administrator) == first.id, "the one that waits is taken"
    with services.database.transaction() as session:
        jobs.request_cancel(session=session, job_id=first.id)
        assert retention_work.enqueue_daily(session) is None, "one a day"
        tomorrow = retention_work.enqueue_daily(session, now=utc_now() + timedelta(hours=25))
        assert tomorrow is not None
    assert [run.state for run in services.privacy.runs(clinic.administrator)] == [
        JobState.QUEUED,
        JobState.CANCELLED,
    ]


def test_the_worker_does_the_job(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    from fast_engine import make_engine

    from app.services.job_work import JobWork
    from app.worker import Worker

    services = clinic.services
    with services.database.transaction() as session:
        retention.set_rule(
            session=session, kind=DataKind.VIDEOS, days=1, expected_version=0, actor_id=clinic.administrator.user_id
        )
    monkeypatch.setattr(retention_work.retention, "utc_now", lambda: utc_now() + timedelta(days=2))
    job_id = services.privacy.start_run(clinic.administrator)
    work = JobWork(services.settings, services.database, services.storage, make_engine(None), "w")
    worker = Worker(services.settings, services.database, work, look_after=work.look_after)
    assert worker._claim_and_do()
    (run,) = services.privacy.runs(clinic.administrator)
    assert (run.id, run.state) == (job_id, JobState.DONE)
    assert run.counts["videos"] == 1
    assert run.started_by == "Adam"


def test_rules_are_changed_by_administrators_and_told_to_auditors(clinic: Clinic) -> None:
    privacy = clinic.services.privacy
    privacy.set_rule(clinic.administrator, DataKind.VIDEOS, 30, 0)
    (videos, *_) = privacy.rules(clinic.administrator)
    assert (videos.days, videos.default_days, videos.version, videos.updated_by) == (30, 90, 1, "Adam")
    assert privacy.waiting_files(clinic.administrator) == 0


def test_the_commands_show_change_and_run(clinic: Clinic) -> None:
    runner = CliRunner()
    said = runner.invoke(build(), ["retention", "preview"])
    assert said.exit_code == 0, said.output
    assert "90 days" in said.output
    assert runner.invoke(build(), ["retention", "set", "videos", "never"]).exit_code == 0
    assert "for ever" in runner.invoke(build(), ["retention", "preview"]).output
    assert isinstance(runner.invoke(build(), ["retention", "set", "rocks", "3"]).exception, ValidationError)
    assert runner.invoke(build(), ["retention", "set", "videos", "soon"]).exit_code == 2
    assert runner.invoke(build(), ["retention", "run"]).exit_code == 0


@dataclass(frozen=True)
class Interrupted:
    """An installation in which a run was killed, or not."""

    folder: Path
    clinic: Clinic

    def work(self) -> RetentionWork:
        return _work(Services.open(self.clinic.services.settings.model_copy(update={"data_dir": self.folder})))

    def run(self) -> None:
        self.work().run(now=utc_now() + LATER)

    def start_again(self) -> None:
        """Looks at what the kill left, starts as the worker starts, runs again, and looks whether it is finished."""
        work = self.work()
        work.finish_interrupted()
        key = self.clinic.recording.storage_key
        with work.database.reading() as session:
            row = recordings.get_recording(session=session, recording_id=self.clinic.recording.id)
            assert removals.count_waiting_files(session=session) == 0
        # After a start nothing is half done: either the video is there whole, or it is gone and the row says so.
        if row.video_removed_at is None:
            assert work.storage.read_bytes(key) == b"walking"
        else:
            with pytest.raises(NotFoundError):
                work.storage.open(key)
        counts = work.run(now=utc_now() + LATER)
        assert counts["left"] == 0
        assert key not in set(work.storage.keys())


@pytest.mark.slow
def test_killed_at_each_step_the_next_start_and_run_finish_it(clinic: Clinic, tmp_path: Path) -> None:
    clinic.services.database.dispose()
    steps, killed = 0, True
    while killed:
        steps += 1
        here = Interrupted(tmp_path / f"step-{steps}", clinic)
        shutil.copytree(clinic.services.settings.data_dir, here.folder)
        killed = killed_at(steps, here.folder, here.run)
        through(here.folder, here.start_again)
        shutil.rmtree(here.folder)
    assert steps > 8
