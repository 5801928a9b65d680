"""Retrainings: checked, queued, watched, stopped and taken up again. The trainer does them (`training_work`)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from app.services.permissions import Actor, Permission, require
from app.services.retraining_checks import Check, check_start
from app.services.training_jobs import EVALUATE, RETRAIN, TRAIN_CPU, TRAIN_GPU, protocol_sha256, queue_of
from app.settings import Settings
from clinic_data import audit, cohorts, jobs, model_registry, retrainings, users
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.paging import Page
from clinic_data.retraining_tables import Cohort, Retraining
from clinic_data.tables import Job, JobState, ModelVersion
from fgait_core.config.retraining import RetrainingProtocol

__all__ = ["EVALUATE", "RETRAIN", "TRAIN_CPU", "TRAIN_GPU", "Check", "RetrainingView", "Retrainings"]

_MAX_ATTEMPTS = 5
_CAN_BE_RETRIED = frozenset({JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class RetrainingView:
    """A retraining with what belongs to it.

    Attributes:
        retraining: protocol, live view, result.
        cohort: what it learns from and is judged by.
        base: the version that it begins with.
        job: how it stands; None while it is being queued.
        candidate: what came of it.
        requested_by: user name.
    """

    retraining: Retraining
    cohort: Cohort
    base: ModelVersion
    job: Job | None
    candidate: ModelVersion | None
    requested_by: str


@dataclass(frozen=True, slots=True)
class Retrainings:
    """Use cases around retrainings."""

    settings: Settings
    database: Database
    storage: FileVault

    def checks(
        self,
        actor: Actor | None,
        cohort_id: str,
        protocol: RetrainingProtocol,
        base_version_id: str | None = None,
    ) -> tuple[Check, ...]:
        """What speaks for and against starting it now; the trainer looks at its own disk and memory again."""
        require(actor, Permission.RETRAIN)
        with self.database.reading() as session:
            cohort = cohorts.get_cohort(session=session, cohort_id=cohort_id)
            base = _base(session, base_version_id)
            return check_start(self.settings, self.storage, session, cohort, base, protocol)

    def start(
        self,
        actor: Actor | None,
        cohort_id: str,
        protocol: RetrainingProtocol,
        base_version_id: str | None = None,
    ) -> Retraining:
        """Stores the protocol for ever and queues the run.

        Args:
            actor: who asks for it.
            cohort_id: of a frozen cohort.
            protocol: what may change, at what cost, and what must come of it.
            base_version_id: the version to begin with; None takes the one in production.

        Raises:
            ValidationError: if a check forbids it; the text says which and what to do.
        """
        actor = require(actor, Permission.RETRAIN)
        failed = [
            check.words
            for check in self.checks(actor, cohort_id, protocol, base_version_id)
            if check.blocking and not check.passed
        ]
        if failed:
            raise ValidationError(" ".join(failed))
        with self.database.transaction() as session:
            base = _base(session, base_version_id)
            if base is None:
                raise ConflictError("No model version is in production to begin with.")
            retraining = retrainings.create(
                session=session,
                cohort_id=cohort_id,
                base_version_id=base.id,
                protocol=protocol.model_dump(mode="json"),
                protocol_sha256=protocol_sha256(protocol),
                actor_id=actor.user_id,
            )
            _enqueue(session, actor, retraining, protocol)
            details = {"cohort_id": cohort_id, "base_version_id": base.id, "scope": protocol.scope}
            _record(session, actor, "retraining.started", retraining, details)
        return retraining

    def get(self, actor: Actor | None, retraining_id: str) -> RetrainingView:
        """One retraining with all that belongs to it."""
        require(actor, Permission.RETRAIN)
        with self.database.reading() as session:
            return _view(session, retrainings.get_retraining(session=session, retraining_id=retraining_id))

    def list(self, actor: Actor | None, limit: int = 50, offset: int = 0) -> Page[RetrainingView]:
        """Retrainings, newest first."""
        require(actor, Permission.RETRAIN)
        with self.database.reading() as session:
            page = retrainings.list_retrainings(session=session, limit=limit, offset=offset)
            rows = tuple(_view(session, each) for each in page.rows)
        return Page(rows=rows, total=page.total, limit=page.limit, offset=page.offset)

    def cancel(self, actor: Actor | None, retraining_id: str) -> None:
        """Asks the trainer to stop; what was computed so far stays for a retry.

        Raises:
            ConflictError: if it has ended already.
        """
        actor = require(actor, Permission.RETRAIN)
        with self.database.transaction() as session:
            retraining = retrainings.get_retraining(session=session, retraining_id=retraining_id)
            if retraining.job_id is None:
                raise ConflictError("This retraining is not queued.")
            jobs.request_cancel(session=session, job_id=retraining.job_id)
            _record(session, actor, "retraining.cancel_requested", retraining, {})

    def retry(self, actor: Actor | None, retraining_id: str) -> Job:
        """Queues a failed or cancelled retraining again; it goes on where it stopped, under the same protocol.

        Raises:
            ConflictError: if it did not fail, or is queued again already.
        """
        actor = require(actor, Permission.RETRAIN)
        with self.database.transaction() as session:
            retraining = retrainings.get_retraining(session=session, retraining_id=retraining_id)
            return requeue(session, actor, retraining)


def requeue(session: Session, actor: Actor, retraining: Retraining) -> Job:
    """Queues a retraining whose job failed or was cancelled; see `Retrainings.retry`."""
    old = None if retraining.job_id is None else jobs.get_job(session=session, job_id=retraining.job_id)
    if retraining.candidate_version_id is not None or (old is not None and old.state not in _CAN_BE_RETRIED):
        raise ConflictError("Only a failed or cancelled retraining can be queued again.")
    job = _enqueue(session, actor, retraining, RetrainingProtocol.model_validate(retraining.protocol))
    _record(session, actor, "retraining.retried", retraining, {"new_job_id": job.id})
    return job


def _enqueue(session: Session, actor: Actor, retraining: Retraining, protocol: RetrainingProtocol) -> Job:
    job = jobs.enqueue(
        session=session,
        kind=RETRAIN,
        payload={"retraining_id": retraining.id},
        queue=queue_of(protocol.budget.device),
        created_by=actor.user_id,
        max_attempts=_MAX_ATTEMPTS,
    )
    retrainings.set_job(session=session, retraining_id=retraining.id, job_id=job.id)
    return job


def _record(session: Session, actor: Actor, action: str, retraining: Retraining, details: dict[str, str]) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="retraining",
        subject_id=retraining.id,
        details={"number": retraining.number, "protocol_sha256": retraining.protocol_sha256, **details},
    )


def _base(session: Session, base_version_id: str | None) -> ModelVersion | None:
    if base_version_id is None:
        return model_registry.production_version(session=session)
    return model_registry.get_version(session=session, model_version_id=base_version_id)


def _view(session: Session, retraining: Retraining) -> RetrainingView:
    candidate_id = retraining.candidate_version_id
    return RetrainingView(
        retraining=retraining,
        cohort=cohorts.get_cohort(session=session, cohort_id=retraining.cohort_id),
        base=model_registry.get_version(session=session, model_version_id=retraining.base_version_id),
        job=None if retraining.job_id is None else jobs.get_job(session=session, job_id=retraining.job_id),
        candidate=model_registry.get_version(session=session, model_version_id=candidate_id) if candidate_id else None,
        requested_by=_username(session, retraining.requested_by),
    )


def _username(session: Session, user_id: str | None) -> str:
    try:
        return users.get_user(session=session, user_id=user_id).username if user_id else ""
    except NotFoundError:
        return ""
