"""The queue with real worker processes: results, refusals, faults, cancellation, and kill -9 in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fast_engine import CLIP, SECONDS_VARIABLE

from app.services.screening import ChosenClip
from clinic_data import assessments
from clinic_data.tables import Job, JobState

SCRIPT = Path(__file__).with_name("fast_worker.py")


@pytest.fixture
def start_worker(clinic, root: Path):
    """Starts worker processes on the clinic's folder; ends those that a test leaves."""
    started: list[subprocess.Popen] = []

    def start(job_seconds: float = 0.0, **settings: str) -> subprocess.Popen:
        environment = os.environ | {
            "FGAIT_DATA_DIR": str(clinic.services.settings.data_dir),
            "FGAIT_WORKER_POLL_S": "0.05",
            "FGAIT_WORKER_HEARTBEAT_S": "0.2",
            "FGAIT_WORKER_LEASE_S": "2",
            "PYTHONPATH": str(root),
            SECONDS_VARIABLE: str(job_seconds),
        }
        command, environment = [sys.executable, str(SCRIPT)], environment | settings
        with (clinic.services.settings.data_dir / "worker.log").open("ab") as log:
            worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=root)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.wait(10)


def _queue(clinic, content: bytes) -> Job:
    recording = clinic.add_recording(content)
    return clinic.services.screening.start(clinic.clinician, [ChosenClip(recording.id, 1)], ["scoliosis", "depression"])


def _wait(clinic, job: Job, *states: JobState, timeout_s: float = 60.0) -> Job:
    ends_at = time.monotonic() + timeout_s
    while time.monotonic() < ends_at:
        now = clinic.services.screening.job(clinic.clinician, job.id)
        if now.state in states:
            return now
        time.sleep(0.1)
    log = (clinic.services.settings.data_dir / "worker.log").read_text()
    pytest.fail(f"the job is {now.state} ({now.reason}), not {states}\n{log[-3000:]}")


def test_jobs_of_every_outcome(clinic, start_worker):
    search = clinic.services.screening.find_people(clinic.clinician, clinic.recording.id)
    nobody = clinic.services.screening.find_people(clinic.clinician, clinic.add_recording(b"nobody").id)
    good, refused, broken = _queue(clinic, b"good"), _queue(clinic, b"refuse"), _queue(clinic, b"break")
    start_worker()

    people = clinic.services.screening.people(clinic.clinician, _wait(clinic, search, JobState.DONE).id)
    assert [person.number for person in people] == [1, 2]
    assert people[0].thumbnail_jpeg.startswith(b"\xff\xd8")
    assert "Nobody" in _wait(clinic, nobody, JobState.REFUSED).result["reasons"][0]

    done = _wait(clinic, good, JobState.DONE)
    assessment = clinic.services.screening.assessment(clinic.clinician, done.result["assessment_id"])
    assert [score["task"] for score in assessment.result["scores"]] == ["scoliosis", "depression"]
    assert assessment.result["recording"]["file_name"] == "walk.mp4"
    with clinic.services.screening.overlay(clinic.clinician, assessment.id) as clip:
        assert clip.read() == CLIP
    assert clinic.services.screening.silhouette_strip(clinic.clinician, assessment.id).shape == (64, 12 * 44)
    assert clinic.services.operations.model(clinic.clinician).version == assessment.result["model"]["version"]

    result = _wait(clinic, refused, JobState.REFUSED).result
    assert len(result["reasons"]) == 2
    assert result["result"]["refused"]

    failed = _wait(clinic, broken, JobState.FAILED)
    assert failed.attempts == 3
    assert "incident" in failed.reason
    assert "secret" not in failed.reason
    log = (clinic.services.settings.data_dir / "worker.log").read_text()
    assert failed.reason.split("incident ")[1].rstrip(".") in log
    assert "Example" not in log


def test_kill_in_the_middle_loses_nothing_and_another_worker_finishes(clinic, start_worker):
    job = _queue(clinic, b"good")
    first = start_worker(job_seconds=60)
    running = _wait(clinic, job, JobState.RUNNING)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    start_worker()
    done = _wait(clinic, job, JobState.DONE)
    assert done.attempts == 2
    assert done.worker != running.worker
    with clinic.services.database.reading() as session:
        assert len(assessments.list_assessments(session=session, patient_id=clinic.patient.id)) == 1


def test_cancel_and_orderly_stop(clinic, start_worker):
    job = _queue(clinic, b"good")
    worker = start_worker(job_seconds=60)
    _wait(clinic, job, JobState.RUNNING)
    clinic.services.screening.cancel(clinic.clinician, job.id)
    _wait(clinic, job, JobState.CANCELLED, timeout_s=10)

    other = _queue(clinic, b"good too")
    _wait(clinic, other, JobState.RUNNING)
    worker.terminate()
    assert worker.wait(15) == 0
    given_back = clinic.services.screening.job(clinic.clinician, other.id)
    assert (given_back.state, given_back.attempts) == (JobState.QUEUED, 0)


def test_a_job_without_end_is_given_up_and_says_so(clinic, start_worker):
    job = _queue(clinic, b"good")
    worker = start_worker(job_seconds=60, FGAIT_JOB_LIMIT_MIN="0.01")
    failed = _wait(clinic, job, JobState.FAILED)
    assert "longer than 0.01 minutes" in failed.reason
    assert worker.wait(10) == 70


def test_a_worker_ends_with_its_server(clinic, root: Path, tmp_path: Path):
    code = (
        "import os, subprocess, sys\n"
        "child = 'import os, sys; sys.path[:0] = sys.argv[1:3]\\n"
        "from fast_engine import make_engine; from app.settings import Settings; from app.worker import run_worker\\n"
        "run_worker(Settings(), make_engine, parent_pid=int(sys.argv[3]))'\n"
        "worker = subprocess.Popen([sys.executable, '-c', child, *sys.argv[1:3], str(os.getpid())])\n"
        "print(worker.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(root), str(SCRIPT.parent)]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root
    )
    pid = int(server.stdout.readline())
    job = _queue(clinic, b"good")
    _wait(clinic, job, JobState.DONE)
    server.kill()
    server.communicate()
    ends_at = time.monotonic() + 15
    while time.monotonic() < ends_at and _alive(pid):
        time.sleep(0.1)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_failed_work_can_be_queued_again_once(clinic, start_worker):
    recording = clinic.add_recording(b"good")
    job = clinic.services.screening.start(clinic.clinician, [ChosenClip(recording.id, 1)], ["scoliosis"])
    clinic.services.screening.cancel(clinic.clinician, job.id)
    new = clinic.services.operations.retry_job(clinic.administrator, job.id)
    with pytest.raises(Exception, match="already"):
        clinic.services.operations.retry_job(clinic.administrator, job.id)
    start_worker()
    assert _wait(clinic, clinic.services.screening.job(clinic.clinician, new), JobState.DONE)
