"""The trainer with the real engine: a whole run, kill -9 in fit and gate, cancel, one device, nothing of a patient."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confirmed import SECRET_NAME, SECRET_NUMBER, confirm, patient_of, production_id, several, withdraw
from conftest import make_clinic
from model_packages import make_package, register
from test_training_process import processes_of, wait_until

from app.services.cohort_selection import CohortFilters
from app.services.device_lock import DeviceLock
from app.services.pulse import Pulse
from app.services.replay_data import ReplayPlan, ensure_replay
from app.services.training_run import RunFolder
from app.services.training_work import TrainingWork
from clinic_data import audit, jobs, model_registry, retrainings
from clinic_data.tables import JobState, Origin, Stage
from fgait_core.config.retraining import AcceptanceConfig, BudgetConfig, RetrainingProtocol
from fgait_core.errors import ConfigError

PROTOCOL = RetrainingProtocol(
    task="scoliosis",
    scope="recalibration",
    budget=BudgetConfig(minutes=10, device="cpu"),
    acceptance=AcceptanceConfig(min_positive=4, min_negative=4, subgroup_min=50),
)
TRAINER = """
import logging
from app.settings import Settings
from app.trainer import run_trainer
logging.basicConfig(level=logging.INFO)
run_trainer(Settings())  # without the low priority of the program, which would wait for all other tests
"""
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@pytest.fixture
def start_trainer(root: Path, tmp_path: Path):
    """Starts trainers on a clinic, all on one device of their own; ends those that a test leaves."""
    started: list[subprocess.Popen] = []
    (tmp_path / "locks").mkdir()

    def start(clinic) -> subprocess.Popen:
        settings = clinic.services.settings
        environment = os.environ | {
            "FGAIT_DATA_DIR": str(settings.data_dir),
            "FGAIT_DATABASE_URL": settings.database_url,
            "FGAIT_MIN_FREE_DISK_MB": "0",
            "FGAIT_MIN_FREE_MEMORY_MB": "0",
            "FGAIT_WORKER_POLL_S": "0.05",
            "FGAIT_WORKER_HEARTBEAT_S": "0.2",
            "FGAIT_WORKER_LEASE_S": "2",
            "PYTHONPATH": str(root),
            "TMPDIR": str(tmp_path / "locks"),
            "OMP_NUM_THREADS": "1",
        }
        with _log(clinic).open("ab") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-c", TRAINER],
                    env=environment,
                    stdout=log,
                    stderr=log,
                    cwd=root,
                )
            )
        return started[-1]

    yield start
    for trainer in started:
        trainer.kill()
        trainer.wait(10)


def _log(clinic) -> Path:
    return clinic.services.settings.data_dir / "trainer.log"


def _queue(clinic, people: int = 36, protocol: RetrainingProtocol = PROTOCOL):
    production_id(clinic.services)
    confirm(clinic, *several(people))
    cohort = clinic.services.cohorts.freeze(clinic.administrator, CohortFilters(task="scoliosis"))
    return clinic.services.retrainings.start(clinic.administrator, cohort.id, protocol)


def _view(clinic, retraining):
    return clinic.services.retrainings.get(clinic.administrator, retraining.id)


def _wait(clinic, retraining, *states: JobState, timeout_s: float = 240.0):
    ends_at = time.monotonic() + timeout_s
    while (view := _view(clinic, retraining)).job.state not in states:
        if view.job.state in ENDED or time.monotonic() > ends_at:
            pytest.fail(f"{view.job.state} ({view.job.reason}), not {states}\n{_log(clinic).read_text()[-3000:]}")
        time.sleep(0.1)
    return view


def _engine(clinic, command: str) -> list[int]:
    """Running commands of the engine on this clinic's folder."""
    return processes_of(clinic.services.settings.data_dir, command)


def _retrained(clinic) -> list:
    with clinic.services.database.reading() as session:
        versions = model_registry.list_versions(session=session)
    return [version for version in versions if version.origin is Origin.RETRAINED]


def _finished(clinic) -> int:
    with clinic.services.database.reading() as session:
        return audit.list_rows(session=session, action="retraining.finished", limit=10).total


def _assert_nothing_of_a_patient(folder: Path) -> None:
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in (SECRET_NAME, SECRET_NUMBER):
            assert secret not in str(path)
            assert secret.encode() not in content, path


@pytest.mark.slow
def test_a_whole_run_on_postgresql_leaves_a_candidate_and_no_sequences(postgresql_url, tmp_path, start_trainer):
    clinic = make_clinic(tmp_path / "var", database_url=postgresql_url)
    retraining = _queue(clinic)
    start_trainer(clinic)
    view = _wait(clinic, retraining, JobState.DONE)
    (version,) = _retrained(clinic)
    assert view.candidate.id == version.id == view.job.result["model_version_id"]
    assert version.stage is (Stage.CANDIDATE if view.job.result["passed"] else Stage.REJECTED)
    assert (version.parent_id, version.manifest_sha256) == (view.base.id, view.cohort.manifest_sha256)
    assert version.config["protocol_sha256"] == view.retraining.protocol_sha256
    assert version.environment["torch"]
    assert version.version.startswith(f"{view.base.version}-r{retraining.number}-")
    report = version.gate_report
    assert (report["gate_sha256"], report["shared_people"]) == (view.cohort.manifest_sha256, 0)
    assert report["trained_people"] == len(
        {one["person"] for one in view.cohort.manifest["entries"] if one["role"] == "development"}
    )
    assert view.retraining.live["fraction"] == 1.0
    assert view.retraining.live["log"]
    run = RunFolder.opened(clinic.services.settings.data_dir, retraining.id)
    assert run.report.exists()
    assert run.config.exists()
    assert not list(run.root.rglob("*.arrow"))
    assert not list(run.root.rglob("*.safetensors"))
    _assert_nothing_of_a_patient(run.root)
    assert SECRET_NAME not in _log(clinic).read_text()
    clinic.services.database.dispose()


@pytest.mark.slow
def test_kill_in_fit_and_gate_resumes_to_one_candidate_and_leaves_no_orphan(clinic, start_trainer):
    retraining = _queue(clinic)
    run = RunFolder.opened(clinic.services.settings.data_dir, retraining.id)
    for command in ("retrain", "gate"):
        trainer = start_trainer(clinic)
        wait_until(lambda command=command: bool(_engine(clinic, command)), 200)
        assert run.gate.exists() == (command == "gate")  # the locked people come only after the fit
        fitted = _view(clinic, retraining).retraining.fitted_sha256
        assert (fitted is not None) == (command == "gate")
        trainer.send_signal(signal.SIGKILL)
        trainer.wait(10)
        wait_until(lambda: not processes_of(clinic.services.settings.data_dir), 10)
    start_trainer(clinic)
    view = _wait(clinic, retraining, JobState.DONE)
    assert view.job.attempts == 3
    assert view.retraining.fitted_sha256 == fitted
    assert len(_retrained(clinic)) == 1
    assert _finished(clinic) == 1


@pytest.mark.slow
def test_cancel_ends_the_engine_and_a_retry_goes_on_in_the_same_folder(clinic, start_trainer):
    retraining = _queue(clinic)
    start_trainer(clinic)
    wait_until(lambda: bool(_engine(clinic, "retrain")), 200)
    clinic.services.retrainings.cancel(clinic.administrator, retraining.id)
    _wait(clinic, retraining, JobState.CANCELLED, timeout_s=30)
    wait_until(lambda: not _engine(clinic, "retrain"), 5)
    clinic.services.retrainings.retry(clinic.administrator, retraining.id)
    _wait(clinic, retraining, JobState.DONE)
    assert len(_retrained(clinic)) == 1
    assert len(list((clinic.services.settings.data_dir / "training").iterdir())) == 1


def test_two_trainers_never_work_on_one_device_at_once(clinic, start_trainer):
    first = _queue(clinic)
    second = clinic.services.retrainings.start(clinic.administrator, first.cohort_id, PROTOCOL)
    start_trainer(clinic)
    start_trainer(clinic)
    wait_until(lambda: bool(_engine(clinic, "retrain")), 200)
    wait_until(lambda: "waiting for it" in _log(clinic).read_text(), 60)
    states = {_view(clinic, each).job.state for each in (first, second)}
    assert len(_engine(clinic, "retrain") + _engine(clinic, "gate")) <= 1
    assert JobState.QUEUED in states or JobState.DONE in states
    for each in (first, second):
        if _view(clinic, each).job.state not in ENDED:
            clinic.services.retrainings.cancel(clinic.administrator, each.id)
    wait_until(lambda: all(_view(clinic, each).job.state in ENDED for each in (first, second)), 60)


def _do(clinic, queue: str = "train-cpu", **options) -> None:
    """Does the oldest job of a queue in this process."""
    services = clinic.services
    work = TrainingWork(services.settings, services.database, services.storage, "test", DeviceLock(("cpu",)), **options)
    with services.database.transaction() as session:
        job = jobs.claim(session=session, worker="test", queues=(queue,))
    with Pulse(
        services.database, job.id, "test", every_s=9.0, limit_s=60.0, on_limit=lambda: None, worker_stops=lambda: False
    ) as pulse:
        work.do(job, pulse)


def test_the_trainer_looks_again_at_disk_and_consent(clinic, monkeypatch):
    retraining = _queue(clinic, 18)
    withdraw(clinic, patient_of(clinic, _view(clinic, retraining).cohort.manifest["entries"][0]["key"]))
    with pytest.raises(ConfigError, match="withdrawn their consent"):
        _do(clinic)
    assert not (clinic.services.settings.data_dir / "training").exists()


def test_a_full_disk_stops_it_before_it_begins(clinic, monkeypatch):
    _queue(clinic, 18)
    monkeypatch.setattr("app.services.resources.free_disk_bytes", lambda _: 1000)
    with pytest.raises(ConfigError, match="Free some space"):
        _do(clinic)


def test_too_little_memory_stops_it_before_it_begins(clinic, monkeypatch):
    _queue(clinic, 18)
    monkeypatch.setattr("app.services.resources.psutil.virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    with pytest.raises(ConfigError, match="End other programs"):
        _do(clinic)


def test_a_fit_that_was_changed_before_the_gate_is_refused(clinic, monkeypatch):
    retraining = _queue(clinic, 18)
    with clinic.services.database.transaction() as session:
        retrainings.set_fitted(session=session, retraining_id=retraining.id, sha256="d" * 64)
    monkeypatch.setattr("app.services.training_attempt.EngineCommand.run", lambda *_, **__: None)
    monkeypatch.setattr("app.services.training_work.identity_of", lambda _: "e" * 64)
    with pytest.raises(Exception, match="fitted before, with other weights"):
        _do(clinic)
    assert not RunFolder.opened(clinic.services.settings.data_dir, retraining.id).gate.exists()


def test_replay_data_are_made_once(tmp_path):
    made: list[list[str]] = []

    def run(arguments, words):
        made.append(list(arguments))
        folder = Path(arguments[arguments.index("--out") + 1])
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")

    plan = ReplayPlan.fitting((600, 300), 12.5, 12)
    assert plan == ReplayPlan((600, 300), 25.0, 30)  # the simulator films 15 to 120 frames a second
    first = ensure_replay(tmp_path, plan, run)
    assert ensure_replay(tmp_path, plan, run) == first
    assert len(made) == 2
    assert [words[words.index("--split") + 1] for words in made] == ["train", "calibration"]
    assert ensure_replay(tmp_path, ReplayPlan.fitting((600, 300), 30.0, 60), run) != first


def test_time_that_killed_attempts_used_counts_for_the_same_job_alone(tmp_path):
    run = RunFolder.opened(tmp_path, "a" * 32)
    run.note_spent("job", 12.5)
    assert run.spent_s("job") == 12.5
    assert run.spent_s("retried") == 0.0
    assert run.root.stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_package_of_another_clinic_is_compared_on_our_own_locked_people(clinic, tmp_path):
    retraining = _queue(clinic)
    clinic.services.retrainings.cancel(clinic.administrator, retraining.id)
    foreign = register(
        clinic, make_package(tmp_path / "foreign", "9.9.9"), stage=Stage.QUARANTINE, origin=Origin.IMPORTED
    )
    job = clinic.services.models.evaluate(clinic.administrator, foreign.id, retraining.cohort_id, PROTOCOL.acceptance)
    _do(clinic)
    with clinic.services.database.reading() as session:
        version = model_registry.get_version(session=session, model_version_id=foreign.id)
        done = jobs.get_job(session=session, job_id=job.id)
    assert done.state is JobState.DONE
    report = version.gate_report
    assert report["candidate"]["sha256"] == foreign.sha256
    assert (report["trained_people"], report["shared_people"]) == (0, 0)
    assert report["possible"]
    assert version.stage is (Stage.CANDIDATE if report["passed"] else Stage.REJECTED)
    assert done.result == {"model_version_id": foreign.id, "passed": report["passed"]}
    run = RunFolder.opened(clinic.services.settings.data_dir, job.id)
    assert not list(run.root.rglob("*.arrow"))
    _assert_nothing_of_a_patient(run.root)


def test_sequences_of_runs_given_up_long_ago_are_removed(clinic):
    data_dir = clinic.services.settings.data_dir
    old, new = (RunFolder.opened(data_dir, letter * 32) for letter in "ab")
    for run in (old, new):
        run.development.mkdir()
        run.config.write_text("kind: retrain")
    os.utime(old.root, (0, 0))
    lock = DeviceLock(("cpu",))
    TrainingWork(clinic.services.settings, clinic.services.database, clinic.services.storage, "t", lock).prepare()
    assert not old.development.exists()
    assert old.config.exists()
    assert new.development.exists()
