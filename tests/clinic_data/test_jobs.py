"""The job queue: leases, recovery, cancelling, and no job twice at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta

import pytest

from clinic_data import jobs
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.tables import JobState

CLAIMS_AND_HANGS = """
import sys, time
from clinic_data import jobs
from clinic_data.database import Database
from tests.keys import TEST_KEYS

database = Database(sys.argv[1], TEST_KEYS)
with database.transaction() as session:
    job = jobs.claim(session=session, worker="doomed", queues=["cpu"])
with database.transaction() as session:
    jobs.heartbeat(session=session, job_id=job.id, worker="doomed", progress=0.5, message="half way")
print(job.id, flush=True)
time.sleep(60)
"""


def _claim(database: Database, worker: str = "w1", now: datetime | None = None, queues=("cpu",), lease_s=30.0):
    with database.transaction() as session:
        return jobs.claim(session=session, worker=worker, queues=queues, now=now, lease_s=lease_s)


def _read(database: Database, job_id: str):
    with database.reading() as session:
        return jobs.get_job(session=session, job_id=job_id)


@pytest.fixture
def job(database, rows):
    with database.transaction() as session:
        return rows.job(session)


def test_a_job_waits_runs_and_is_done(database, now: datetime) -> None:
    with database.transaction() as session:
        payload = {"person": 2, "tasks": ("scoliosis",)}
        queued = jobs.enqueue(session=session, kind="screening", payload=payload)
    assert (queued.state, queued.payload) == (JobState.QUEUED, {"person": 2, "tasks": ["scoliosis"]})
    claimed = _claim(database, now=now)
    assert (claimed.id, claimed.state, claimed.worker, claimed.attempts) == (queued.id, JobState.RUNNING, "w1", 1)
    assert (claimed.started_at, claimed.lease_until) == (now, now + timedelta(seconds=30))
    assert _claim(database, now=now) is None
    with database.transaction() as session:
        jobs.finish(session=session, job_id=queued.id, worker="w1", result={"assessment": "a"}, now=now)
    done = _read(database, queued.id)
    assert (done.state, done.result, done.progress, done.finished_at) == (
        JobState.DONE,
        {"assessment": "a"},
        1.0,
        now,
    )


def test_the_oldest_job_of_the_workers_queues_comes_first(database, rows) -> None:
    with database.transaction() as session:
        far = rows.job(session, queue="gpu")
        first, second = rows.job(session), rows.job(session)
    assert [_claim(database).id, _claim(database).id] == [first.id, second.id]
    assert _claim(database) is None
    assert _claim(database, queues=("cpu", "gpu")).id == far.id


def test_two_hundred_jobs_and_four_workers_without_a_double_claim(database, rows, in_threads) -> None:
    with database.transaction() as session:
        expected = {rows.job(session).id for _ in range(200)}

    def work(number: int) -> list[str]:
        mine = []
        while (job := _claim(database, worker=f"w{number}")) is not None:
            mine.append(job.id)
            with database.transaction() as session:
                jobs.finish(session=session, job_id=job.id, worker=f"w{number}", result={"by": number})
        return mine

    claimed = in_threads(work, 4)
    counts = Counter(job_id for mine in claimed for job_id in mine)
    assert set(counts) == expected
    assert set(counts.values()) == {1}
    with database.reading() as session:
        assert jobs.list_jobs(session=session, state=JobState.DONE).total == 200
        assert {job.attempts for job in jobs.list_jobs(session=session, limit=200).rows} == {1}


def test_a_heartbeat_prolongs_the_lease_and_tells_progress(database, job, now: datetime) -> None:
    _claim(database, now=now, lease_s=10)
    later = now + timedelta(seconds=9)
    with database.transaction() as session:
        cancelled = jobs.heartbeat(
            session=session, job_id=job.id, worker="w1", progress=0.4, message="Finding\x00 people", now=later
        )
    assert not cancelled
    read = _read(database, job.id)
    assert (read.progress, read.message, read.lease_until) == (0.4, "Finding people", later + timedelta(seconds=10))
    assert _claim(database, "w2", now=now + timedelta(seconds=15)) is None


@pytest.mark.parametrize(("told", "kept"), [(-1.0, 0.0), (1.5, 1.0), (float("nan"), 0.0)])
def test_an_impossible_progress_does_not_stop_the_work(database, job, told: float, kept: float) -> None:
    _claim(database)
    with database.transaction() as session:
        jobs.heartbeat(session=session, job_id=job.id, worker="w1", progress=told, message="x" * 1000)
    assert _read(database, job.id).progress == kept


def test_a_job_whose_lease_ran_out_goes_to_another_worker_and_the_first_is_told(database, job, now) -> None:
    _claim(database, "w1", now=now)
    assert _claim(database, "w2", now=now + timedelta(seconds=29)) is None
    again = _claim(database, "w2", now=now + timedelta(seconds=31))
    assert (again.id, again.attempts, again.worker) == (job.id, 2, "w2")
    with database.transaction() as session:
        for use in (
            lambda **job: jobs.heartbeat(progress=0.9, message="", **job),
            lambda **job: jobs.finish(result={}, **job),
            lambda **job: jobs.refuse(result={}, **job),
            lambda **job: jobs.fail(reason="", retry=True, **job),
            jobs.mark_cancelled,
            jobs.release,
        ):
            with pytest.raises(ConflictError, match="no longer this worker's"):
                use(session=session, job_id=job.id, worker="w1")
    assert _read(database, job.id).state is JobState.RUNNING


def test_what_a_worker_without_lease_stored_is_rolled_back(database, rows, job, now: datetime) -> None:
    _claim(database, "w1", now=now)
    _claim(database, "w2", now=now + timedelta(seconds=31))

    def store_and_finish() -> None:
        with database.transaction() as session:
            rows.patient(session)
            jobs.finish(session=session, job_id=job.id, worker="w1", result={})

    with pytest.raises(ConflictError):
        store_and_finish()
    with database.transaction() as session:
        rows.patient(session)  # the same record number is free


def test_a_job_of_a_killed_worker_is_taken_again(database, database_url: str, job) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIMS_AND_HANGS, database_url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline().strip() == job.id
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    lease_until = _read(database, job.id).lease_until
    assert _claim(database, "w2", now=lease_until) is None
    again = _claim(database, "w2", now=lease_until + timedelta(milliseconds=1))
    assert (again.id, again.attempts, again.progress) == (job.id, 2, 0.5)


def test_a_job_that_kills_every_worker_fails_and_says_so(database, job, now: datetime) -> None:
    for attempt in range(3):
        assert _claim(database, f"w{attempt}", now=now + timedelta(minutes=attempt)).attempts == attempt + 1
    assert _claim(database, "w3", now=now + timedelta(minutes=3)) is None
    failed = _read(database, job.id)
    assert failed.state is JobState.FAILED
    assert "3 attempts" in failed.reason
    assert "w2" in failed.reason
    assert failed.finished_at == now + timedelta(minutes=3)


def test_concurrent_claims_recover_abandoned_jobs_once(database, rows, in_threads, now: datetime) -> None:
    with database.transaction() as session:
        for _ in range(20):
            rows.job(session, max_attempts=1)
        for _ in range(20):
            rows.job(session)
    for _ in range(40):
        assert _claim(database, now=now) is not None
    later = now + timedelta(minutes=1)

    def work(number: int) -> list[str]:
        mine = []
        while (job := _claim(database, f"r{number}", now=later)) is not None:
            mine.append(job.id)
        return mine

    recovered = [job_id for mine in in_threads(work, 4) for job_id in mine]
    assert len(recovered) == len(set(recovered)) == 20
    with database.reading() as session:
        assert jobs.list_jobs(session=session, state="failed").total == 20


def test_a_failed_attempt_is_repeated_up_to_three_times(database, job) -> None:
    for attempt in (1, 2):
        assert _claim(database).attempts == attempt
        with database.transaction() as session:
            assert (
                jobs.fail(session=session, job_id=job.id, worker="w1", reason="The disk is full.", retry=True).state
                is JobState.QUEUED
            )
    _claim(database)
    with database.transaction() as session:
        jobs.fail(session=session, job_id=job.id, worker="w1", reason="The disk\x00 is full.", retry=True)
    failed = _read(database, job.id)
    assert (failed.state, failed.attempts, failed.reason) == (JobState.FAILED, 3, "The disk  is full.")


def test_a_failure_that_would_repeat_itself_is_final_at_once(database, job, now: datetime) -> None:
    _claim(database)
    with database.transaction() as session:
        jobs.fail(session=session, job_id=job.id, worker="w1", reason="No model package.", retry=False, now=now)
    failed = _read(database, job.id)
    assert (failed.state, failed.reason, failed.finished_at) == (JobState.FAILED, "No model package.", now)
    assert _claim(database) is None


def test_a_later_success_clears_the_reason_of_an_earlier_failure(database, job) -> None:
    _claim(database)
    with database.transaction() as session:
        jobs.fail(session=session, job_id=job.id, worker="w1", reason="The disk is full.", retry=True)
    _claim(database)
    with database.transaction() as session:
        jobs.finish(session=session, job_id=job.id, worker="w1", result={})
    assert _read(database, job.id).reason == ""


def test_a_recording_that_cannot_be_scored_is_refused_with_its_reasons(database, job) -> None:
    _claim(database)
    with database.transaction() as session:
        jobs.refuse(session=session, job_id=job.id, worker="w1", result={"reasons": ["Film the whole body."]})
    refused = _read(database, job.id)
    assert (refused.state, refused.result) == (JobState.REFUSED, {"reasons": ["Film the whole body."]})
    assert _claim(database) is None


def test_a_waiting_job_is_cancelled_at_once(database, job, now: datetime) -> None:
    with database.transaction() as session:
        jobs.request_cancel(session=session, job_id=job.id, now=now)
    cancelled = _read(database, job.id)
    assert (cancelled.state, cancelled.finished_at) == (JobState.CANCELLED, now)
    assert _claim(database) is None


def test_a_running_job_hears_of_the_cancelling_at_its_heartbeat(database, job) -> None:
    _claim(database)
    with database.transaction() as session:
        assert jobs.request_cancel(session=session, job_id=job.id).state is JobState.RUNNING
    with database.transaction() as session:
        assert jobs.heartbeat(session=session, job_id=job.id, worker="w1", progress=0.1, message="")
        jobs.mark_cancelled(session=session, job_id=job.id, worker="w1")
    assert _read(database, job.id).state is JobState.CANCELLED


def test_a_cancelled_job_does_not_start_again(database, job, now: datetime) -> None:
    _claim(database, now=now)
    with database.transaction() as session:
        jobs.request_cancel(session=session, job_id=job.id)
    assert _claim(database, "w2", now=now + timedelta(minutes=1)) is None
    assert _read(database, job.id).state is JobState.CANCELLED


def test_a_failed_attempt_of_a_cancelled_job_is_not_repeated(database, job) -> None:
    _claim(database)
    with database.transaction() as session:
        jobs.request_cancel(session=session, job_id=job.id)
        jobs.fail(session=session, job_id=job.id, worker="w1", reason="Interrupted.", retry=True)
    assert _read(database, job.id).state is JobState.CANCELLED


def test_cancelling_what_has_ended_changes_nothing(database, job) -> None:
    _claim(database)
    with database.transaction() as session:
        jobs.finish(session=session, job_id=job.id, worker="w1", result={})
        assert jobs.request_cancel(session=session, job_id=job.id).state is JobState.DONE


def test_a_worker_that_is_stopped_gives_its_job_back_without_losing_an_attempt(database, job) -> None:
    _claim(database)
    with database.transaction() as session:
        jobs.release(session=session, job_id=job.id, worker="w1")
    again = _claim(database, "w2", now=utc_now())
    assert (again.id, again.attempts) == (job.id, 1)


def test_jobs_are_listed_newest_first_by_state_and_recording(session, rows) -> None:
    recording = rows.recording(session)
    first, second = rows.job(session, recording.id), rows.job(session, recording.id)
    other = rows.job(session)
    jobs.request_cancel(session=session, job_id=other.id)
    listed = jobs.list_for_recording(session=session, recording_id=recording.id)
    assert [job.id for job in listed] == [second.id, first.id]
    assert [job.id for job in jobs.list_jobs(session=session).rows] == [other.id, second.id, first.id]
    assert [job.id for job in jobs.list_jobs(session=session, state="cancelled").rows] == [other.id]
    assert jobs.list_jobs(session=session, limit=1, offset=2).rows == (first,)


def test_refuses_what_cannot_be_queued(session) -> None:
    with pytest.raises(ValidationError, match="kind"):
        jobs.enqueue(session=session, kind="", payload={})
    with pytest.raises(ValidationError, match="JSON"):
        jobs.enqueue(session=session, kind="screening", payload={"score": float("nan")})
    with pytest.raises(ConflictError):
        jobs.enqueue(session=session, kind="screening", payload={}, recording_id="0" * 32)
    with pytest.raises(NotFoundError):
        jobs.request_cancel(session=session, job_id="0" * 32)
    with pytest.raises(ValidationError, match="queued, running"):
        jobs.list_jobs(session=session, state="lost")
