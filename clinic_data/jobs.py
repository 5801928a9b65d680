"""A durable job queue in the clinic's own database.

A worker *claims* a job for some seconds (the lease) and prolongs the lease with each *heartbeat*. When the worker
dies the lease runs out and the next claim takes the job again, up to ``max_attempts`` times: work is done **at least
once**, so a task must be idempotent. A worker that lost its lease is told so by a ConflictError and must stop.

Times are those of the caller: workers on several machines need synchronised clocks (NTP).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, or_, select, update

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.json_values import checked_json
from clinic_data.paging import Page, read_page
from clinic_data.tables import Job, JobState
from clinic_data.text_rules import has_invisible, one_line

MAX_ATTEMPTS = 3
LEASE_S = 30.0
MAX_COUNTED = 10_000
"""Jobs stay for years: beyond so many the list of them is not counted."""
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.REFUSED)


def enqueue(
    *,
    session: Session,
    kind: str,
    payload: dict[str, Any],
    queue: str = "cpu",
    created_by: str | None = None,
    patient_id: str | None = None,
    recording_id: str | None = None,
    max_attempts: int = MAX_ATTEMPTS,
) -> Job:
    """Add a job that a worker of ``queue`` will do.

    Raises:
        ValidationError: the payload is no JSON, or a name is too long.
        ConflictError: the user, patient or recording does not exist.
    """
    if not 1 <= len(kind) <= 40 or not 1 <= len(queue) <= 20 or max_attempts < 1:
        raise ValidationError("A job needs a kind (up to 40 characters), a queue (up to 20) and at least one attempt.")
    job = Job(
        kind=kind,
        payload=checked_json(payload),
        queue=queue,
        created_by=created_by,
        patient_id=patient_id,
        recording_id=recording_id,
        max_attempts=max_attempts,
    )
    with conflict_as(session, "This job refers to a user, patient or recording that does not exist."):
        session.add(job)
    return job


def claim(
    *, session: Session, worker: str, queues: Sequence[str], now: datetime | None = None, lease_s: float = LEASE_S
) -> Job | None:
    """Take the oldest job that waits in ``queues``, or whose worker died; None where there is none.

    Commit at once: the claim counts from then on. ``job.attempts`` greater than 1 tells the task to look for what an
    earlier attempt left.

    Args:
        session: a session of ``Database.transaction()``.
        worker: a name that no other running worker has (host, process id, random).
        queues: which queues the worker serves.
        now: the present moment.
        lease_s: how long the job stays this worker's without a heartbeat.
    """
    moment = now or utc_now()
    _end_abandoned(session, moment)
    claimable = or_(col(Job.state) == JobState.QUEUED, _lease_expired(moment))
    oldest = (
        select(Job.id)
        .where(col(Job.queue).in_(list(queues)), claimable)
        .order_by(col(Job.created_at), col(Job.id))
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite knows no row locks: there the transaction is the lock
        .scalar_subquery()
    )
    statement = (
        update(Job)
        .where(col(Job.id) == oldest)
        .values(
            state=JobState.RUNNING,
            worker=worker,
            lease_s=lease_s,
            lease_until=moment + timedelta(seconds=lease_s),
            attempts=col(Job.attempts) + 1,
            started_at=moment,
            message="",
        )
    )
    return session.scalars(
        statement.returning(Job), execution_options={"synchronize_session": False, "populate_existing": True}
    ).first()


def heartbeat(
    *, session: Session, job_id: str, worker: str, progress: float, message: str, now: datetime | None = None
) -> bool:
    """Prolong the lease, tell how far the job is, and return whether somebody asked to cancel it.

    Args:
        session: a session of ``Database.transaction()``.
        job_id: the job.
        worker: who claimed it.
        progress: 0 to 1; values outside are brought inside.
        message: one line for the screen.
        now: the present moment.

    Raises:
        ConflictError: another worker has the job, or it ended: stop working on it and store nothing.
    """
    moment = now or utc_now()
    job = _held(session, job_id, worker)
    job.lease_until = moment + timedelta(seconds=job.lease_s)
    job.progress = min(1.0, max(0.0, progress)) if progress == progress else 0.0
    job.message = one_line(message, 300)
    session.flush()
    return job.cancel_requested


def finish(*, session: Session, job_id: str, worker: str, result: dict[str, Any], now: datetime | None = None) -> Job:
    """Mark the job as done. Do it in the transaction that stores what the job made: both or neither.

    Raises:
        ConflictError: the lease was lost; roll back.
        ValidationError: the result is no JSON.
    """
    job = _held(session, job_id, worker)
    job.progress = 1.0
    return _end(session, job, JobState.DONE, result=checked_json(result), now=now)


def refuse(*, session: Session, job_id: str, worker: str, result: dict[str, Any], now: datetime | None = None) -> Job:
    """Mark the job as refused: the recording cannot be scored, and ``result`` says why.

    Raises:
        ConflictError: the lease was lost; roll back.
        ValidationError: the result is no JSON.
    """
    job = _held(session, job_id, worker)
    job.progress = 1.0
    return _end(session, job, JobState.REFUSED, result=checked_json(result), now=now)


def fail(*, session: Session, job_id: str, worker: str, reason: str, retry: bool, now: datetime | None = None) -> Job:
    """Record that an attempt failed; with ``retry`` and attempts left the job waits again, else it has failed.

    Raises:
        ConflictError: the lease was lost; there is nothing left to record.
    """
    job = _held(session, job_id, worker)
    if retry and job.cancel_requested:
        return _end(session, job, JobState.CANCELLED, reason=reason, now=now)
    if retry and job.attempts < job.max_attempts:
        return _queue_again(session, job, reason)
    return _end(session, job, JobState.FAILED, reason=reason, now=now)


def release(*, session: Session, job_id: str, worker: str) -> Job:
    """Give the job back unfinished, where the worker is asked to stop; the attempt does not count.

    Raises:
        ConflictError: the lease was lost; there is nothing left to give back.
    """
    job = _held(session, job_id, worker)
    job.attempts -= 1
    return _queue_again(session, job, "")


def request_cancel(*, session: Session, job_id: str, now: datetime | None = None) -> Job:
    """Ask for a stop: a waiting job is cancelled at once, a running one at its next heartbeat.

    A job that has ended stays as it is.

    Raises:
        NotFoundError: there is no such job.
    """
    job = _locked(session, job_id)
    if job.state is JobState.QUEUED:
        return _end(session, job, JobState.CANCELLED, reason="Cancelled before it started.", now=now)
    if job.state is JobState.RUNNING:
        job.cancel_requested = True
        session.flush()
    return job


def mark_cancelled(*, session: Session, job_id: str, worker: str, now: datetime | None = None) -> Job:
    """Record that the worker stopped as it was asked to.

    Raises:
        ConflictError: the lease was lost; there is nothing left to record.
    """
    job = _held(session, job_id, worker)
    return _end(session, job, JobState.CANCELLED, reason="Cancelled while it ran.", now=now)


def get_job(*, session: Session, job_id: str) -> Job:
    """Read one job.

    Raises:
        NotFoundError: there is no such job.
    """
    job = session.get(Job, job_id)
    if job is None:
        raise NotFoundError("This job does not exist.")
    return job


def list_jobs(*, session: Session, state: JobState | str | None = None, limit: int = 50, offset: int = 0) -> Page[Job]:
    """Jobs, newest first, of one state or of all; the total stops at `MAX_COUNTED`.

    Raises:
        ValidationError: there is no such state.
    """
    statement = select(Job)
    if state is not None:
        if state not in set(JobState):
            raise ValidationError(f"The state of a job is one of: {', '.join(JobState)}.")
        statement = statement.where(col(Job.state) == JobState(state))
    order = (col(Job.created_at).desc(), col(Job.id))
    return read_page(session, statement, order=order, limit=limit, offset=offset, max_counted=MAX_COUNTED)


def list_for_recording(*, session: Session, recording_id: str) -> list[Job]:
    """The jobs of one recording, newest first."""
    statement = select(Job).where(col(Job.recording_id) == recording_id)
    return list(session.exec(statement.order_by(col(Job.created_at).desc(), col(Job.id))).all())


def _lease_expired(moment: datetime) -> ColumnElement[bool]:
    return and_(col(Job.state) == JobState.RUNNING, col(Job.lease_until) < moment)


def _end_abandoned(session: Session, moment: datetime) -> None:
    """End the jobs whose worker died and that must not start again: cancelled ones, and those out of attempts."""
    statement = select(Job).where(
        _lease_expired(moment), or_(col(Job.cancel_requested), col(Job.attempts) >= col(Job.max_attempts))
    )
    for job in session.exec(
        statement.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    ).all():
        if job.cancel_requested:
            _end(session, job, JobState.CANCELLED, reason="Cancelled; its worker had stopped.", now=moment)
        else:
            reason = (
                f"The worker stopped without a word in each of {job.attempts} attempts (the last was {job.worker}). "
                "It may have run out of memory; see its log, then queue the work again."
            )
            _end(session, job, JobState.FAILED, reason=reason, now=moment)


def _locked(session: Session, job_id: str) -> Job:
    """The job, read anew and locked until the transaction ends."""
    statement = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    job = session.exec(statement).first()
    if job is None:
        raise NotFoundError("This job does not exist.")
    return job


def _held(session: Session, job_id: str, worker: str) -> Job:
    job = _locked(session, job_id)
    if job.state is not JobState.RUNNING or job.worker != worker:
        raise ConflictError(
            "This job is no longer this worker's: its lease ran out or it has ended. Stop working on it."
        )
    return job


def _end(
    session: Session,
    job: Job,
    state: JobState,
    *,
    reason: str = "",
    result: dict[str, Any] | None = None,
    now: datetime | None,
) -> Job:
    job.state = state
    job.reason = _storable(reason)
    job.result = result
    job.lease_until = None
    job.finished_at = now or utc_now()
    session.flush()
    return job


def _queue_again(session: Session, job: Job, reason: str) -> Job:
    job.state = JobState.QUEUED
    job.worker = None
    job.lease_until = None
    job.reason = _storable(reason)
    session.flush()
    return job


def _storable(text: str) -> str:
    """Several lines of at most 4000 characters, without what PostgreSQL cannot store."""
    return "".join(" " if has_invisible(character, allow_lines=True) else character for character in text)[:4000]
