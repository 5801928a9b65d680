"""What administrators watch: the job queue. No patient data is read here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.services.permissions import Actor, Permission, require
from app.services.retraining import requeue
from app.services.training_jobs import RETRAIN, unfinished_jobs
from clinic_data import audit, jobs, model_registry, retrainings, users
from clinic_data.database import Database
from clinic_data.errors import ConflictError
from clinic_data.paging import Page
from clinic_data.tables import Job, JobState, ModelVersion


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as administrators see it: without payload, result or patient."""

    id: str
    kind: str
    state: JobState
    attempts: int
    max_attempts: int
    progress: float
    message: str
    reason: str
    worker: str
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Operations:
    """Use cases around the running installation."""

    database: Database

    def list_jobs(self, actor: Actor | None, state: JobState | None, limit: int, offset: int) -> Page[JobRow]:
        """Jobs, newest first, of one state or of all."""
        require(actor, Permission.MANAGE_JOBS)
        with self.database.reading() as session:
            page = jobs.list_jobs(session=session, state=state, limit=limit, offset=offset)
            names = {user.id: user.username for user in users.list_users(session=session)}
        rows = tuple(_job_row(job, names) for job in page.rows)
        return Page(rows=rows, total=page.total, limit=page.limit, offset=page.offset)

    def cancel_job(self, actor: Actor | None, job_id: str) -> None:
        """Asks the worker to stop; a waiting job is stopped at once."""
        actor = require(actor, Permission.MANAGE_JOBS)
        with self.database.transaction() as session:
            jobs.request_cancel(session=session, job_id=job_id)
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="job.cancel_requested",
                subject_type="job",
                subject_id=job_id,
            )

    def retry_job(self, actor: Actor | None, job_id: str) -> str:
        """Queues the work of a failed or cancelled job again.

        Returns:
            The id of the new job; the old one stays as the record of what happened.

        Raises:
            ConflictError: if the job did not fail, or the same work is queued again already.
        """
        actor = require(actor, Permission.MANAGE_JOBS)
        with self.database.transaction() as session:
            old = jobs.get_job(session=session, job_id=job_id)
            if old.state not in {JobState.FAILED, JobState.CANCELLED}:
                raise ConflictError("Only a failed or cancelled job can be queued again.")
            new = _queue_again(session, actor, old)
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="job.retried",
                subject_type="job",
                subject_id=job_id,
                details={"new_job_id": new.id},
            )
            return new.id

    def model(self, actor: Actor | None) -> ModelVersion | None:
        """The model version in production, or None until the first worker has started."""
        require(actor, Permission.READ_MODEL)
        with self.database.reading() as session:
            return model_registry.production_version(session=session)


def _queue_again(session: Session, actor: Actor, old: Job) -> Job:
    """A new job for the same work; a retraining keeps its protocol and goes on in its folder."""
    if old.kind == RETRAIN:
        retraining = retrainings.get_retraining(session=session, retraining_id=old.payload["retraining_id"])
        if retraining.job_id != old.id:
            raise ConflictError("This retraining was queued again already.")
        return requeue(session, actor, retraining)
    if _is_under_way(session, old):
        raise ConflictError("The same work is queued or running already.")
    return jobs.enqueue(
        session=session,
        kind=old.kind,
        payload=old.payload,
        queue=old.queue,
        created_by=old.created_by,
        patient_id=old.patient_id,
        recording_id=old.recording_id,
    )


def _is_under_way(session: Session, old: Job) -> bool:
    """Whether another job does the same: for the same recording, or where there is none, with the same payload."""
    if old.recording_id is not None:
        others = jobs.list_for_recording(session=session, recording_id=old.recording_id)
        same = [job for job in others if job.kind == old.kind]
    else:
        same = [job for job in unfinished_jobs(session, old.kind) if job.payload == old.payload]
    return any(job.state in {JobState.QUEUED, JobState.RUNNING} for job in same)


def _job_row(job: Job, names: dict[str, str]) -> JobRow:
    return JobRow(
        id=job.id,
        kind=job.kind,
        state=job.state,
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        progress=job.progress,
        message=job.message,
        reason=job.reason,
        worker=job.worker or "",
        created_by=names.get(job.created_by or "", ""),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
