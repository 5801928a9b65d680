"""Privacy: how long data are kept, what is due, runs of the rules, and legal holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.services import retention_work
from app.services.permissions import Actor, Permission, require
from app.services.retention_work import RETENTION
from app.services.user_names import user_names
from clinic_data import audit, holds, patients, removals, retention, retention_preview
from clinic_data.database import Database
from clinic_data.errors import NotFoundError
from clinic_data.privacy_tables import DataKind, LegalHold
from clinic_data.retention_preview import Due
from clinic_data.tables import Job, JobState

UNKNOWN_NUMBER = "No patient has this record number. Compare it with the written order."


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule and what is due by it.

    Attributes:
        kind: of data.
        days: how long it is kept; None: for ever.
        default_days: what holds where nobody changed it.
        least_days: the shortest time that can be chosen.
        version: to change it.
        updated_by, updated_at: who changed it last and when; empty and None for a default.
        due: what a run would remove now.
    """

    kind: DataKind
    days: int | None
    default_days: int | None
    least_days: int
    version: int
    updated_by: str
    updated_at: datetime | None
    due: Due


@dataclass(frozen=True, slots=True)
class HoldView:
    """A legal hold, with the random id of its patient."""

    id: str
    patient_id: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run of the rules.

    Attributes:
        id: of its job.
        state: where it stands.
        started_by: a name, or empty: the daily clock.
        created_at, finished_at: when.
        progress, message: how far it is.
        counts: what was removed, by kind; empty before the end.
        reason: why it failed.
    """

    id: str
    state: JobState
    started_by: str
    created_at: datetime
    finished_at: datetime | None
    progress: float
    message: str
    counts: Mapping[str, int]
    reason: str


@dataclass(frozen=True, slots=True)
class Privacy:
    """Use cases around retention and legal holds."""

    database: Database

    def rules(self, actor: Actor | None) -> tuple[RuleView, ...]:
        """Every rule, with a preview of what a run would remove now."""
        require(actor, Permission.READ_PRIVACY)
        with self.database.reading() as session:
            found = retention.rules(session=session)
            due = retention_preview.preview(session=session)
            names = user_names(session, [rule.updated_by for rule in found.values()])
        return tuple(
            RuleView(
                kind=kind,
                days=rule.days,
                default_days=retention.DEFAULT_DAYS[kind],
                least_days=retention.LEAST_DAYS.get(kind, 1),
                version=rule.version,
                updated_by=names[rule.updated_by] if rule.updated_by else "",
                updated_at=rule.updated_at if rule.version else None,
                due=due[kind],
            )
            for kind, rule in found.items()
        )

    def waiting_files(self, actor: Actor | None) -> int:
        """How many files must go and perhaps have not gone yet; 0 unless a run or an erasure was interrupted."""
        require(actor, Permission.READ_PRIVACY)
        with self.database.reading() as session:
            return removals.count_waiting_files(session=session)

    def set_rule(self, actor: Actor | None, kind: DataKind | str, days: int | None, expected_version: int) -> None:
        """Changes how long a kind of data is kept; None: for ever.

        Raises:
            ConflictError: if somebody changed it meanwhile.
            ValidationError: if the days cannot be.
        """
        actor = require(actor, Permission.MANAGE_RETENTION)
        with self.database.transaction() as session:
            before = {one.value: rule.days for one, rule in retention.rules(session=session).items()}
            rule = retention.set_rule(
                session=session, kind=kind, days=days, expected_version=expected_version, actor_id=actor.user_id
            )
            details = {"kind": rule.kind.value, "before_days": before[rule.kind.value], "days": days}
            _record(session, actor, "retention.rule_changed", "retention_rule", rule.kind.value, details)

    def start_run(self, actor: Actor | None) -> str:
        """Queues a run of the rules and gives the id of its job; one that waits or runs already is taken."""
        actor = require(actor, Permission.MANAGE_RETENTION)
        with self.database.transaction() as session:
            job = retention_work.enqueue(session, actor.user_id)
            _record(session, actor, "retention.run_asked", "job", job.id, {})
        return job.id

    def runs(self, actor: Actor | None, limit: int = 5) -> tuple[RunView, ...]:
        """The last runs, newest first."""
        require(actor, Permission.READ_PRIVACY)
        with self.database.reading() as session:
            statement = select(Job).where(Job.kind == RETENTION).order_by(col(Job.created_at).desc(), col(Job.id))
            found = session.exec(statement.limit(limit)).all()
            names = user_names(session, [job.created_by for job in found])
            return tuple(_run(job, names[job.created_by] if job.created_by else "") for job in found)

    def holds(self, actor: Actor | None) -> tuple[HoldView, ...]:
        """Legal holds, those in force first."""
        require(actor, Permission.READ_PRIVACY)
        with self.database.reading() as session:
            found = holds.list_holds(session=session)
            names = user_names(session, [each for hold in found for each in (hold.placed_by, hold.released_by)])
            return tuple(_hold(hold, names) for hold in found)

    def place_hold(self, actor: Actor | None, record_number: str, reason: str) -> None:
        """Puts a patient under a legal hold, from the record number in the order.

        Raises:
            ConflictError: if there is one already.
            NotFoundError: if nobody has this number.
            ValidationError: if the reason is missing.
        """
        actor = require(actor, Permission.MANAGE_RETENTION)
        with self.database.transaction() as session:
            patient = patients.find_by_record_number(session=session, record_number=record_number)
            if patient is None:
                raise NotFoundError(UNKNOWN_NUMBER)
            hold = holds.place(session=session, patient_id=patient.id, reason=reason, actor_id=actor.user_id)
            _record(session, actor, "legal_hold.placed", "legal_hold", hold.id, {"patient_id": patient.id})

    def release_hold(self, actor: Actor | None, hold_id: str) -> None:
        """Ends a legal hold.

        Raises:
            ConflictError: if it is over already.
            NotFoundError: if there is no such hold.
        """
        actor = require(actor, Permission.MANAGE_RETENTION)
        with self.database.transaction() as session:
            hold = holds.release(session=session, hold_id=hold_id, actor_id=actor.user_id)
            _record(session, actor, "legal_hold.released", "legal_hold", hold.id, {"patient_id": hold.patient_id})


def _run(job: Job, started_by: str) -> RunView:
    return RunView(
        id=job.id,
        state=job.state,
        started_by=started_by,
        created_at=job.created_at,
        finished_at=job.finished_at,
        progress=job.progress,
        message=job.message,
        counts=job.result or {},
        reason=job.reason,
    )


def _hold(hold: LegalHold, names: Mapping[str | None, str]) -> HoldView:
    return HoldView(
        id=hold.id,
        patient_id=hold.patient_id,
        reason=hold.reason,
        placed_by=names[hold.placed_by],
        placed_at=hold.placed_at,
        released_by=names[hold.released_by] if hold.released_by else "",
        released_at=hold.released_at,
    )


def _record(
    session: Session, actor: Actor, action: str, subject_type: str, subject_id: str, details: Mapping[str, object]
) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        details=dict(details),
    )
