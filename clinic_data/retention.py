"""How long each kind of data is kept: the rules, and what is due by them. Nothing is removed here.

=============  ========  =============================================================================================
kind           default   the clock begins with; what goes
=============  ========  =============================================================================================
``videos``     90 days   the upload; the video, its overlay clips and the pictures of people whom the search found
``inbox``      30 days   the upload; recordings that belong to nobody, with whatever was made of them
``silhouettes``  never   the first assessment; the silhouettes, with which a result can be scored again
``records``      never   the last thing that happened to a patient; all of it, as by an erasure
``jobs``       365 days  the end of the job; jobs to which no result refers
``sessions``   30 days   the end of the session, or its last sign of life
=============  ========  =============================================================================================

Data of a patient under a legal hold, and recordings with unfinished work, are never due.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, exists, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_data.clock import utc_now
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.holds import on_hold
from clinic_data.jobs import ENDED
from clinic_data.privacy_tables import DataKind, RetentionRule
from clinic_data.retraining_tables import Retraining
from clinic_data.tables import Assessment, Job, Patient, Recording, Report, SignInSession
from clinic_data.visit_tables import PatientNote

DEFAULT_DAYS: dict[DataKind, int | None] = {
    DataKind.VIDEOS: 90,
    DataKind.INBOX: 30,
    DataKind.SILHOUETTES: None,
    DataKind.RECORDS: None,
    DataKind.JOBS: 365,
    DataKind.SESSIONS: 30,
}
MAX_DAYS = 36_500
LEAST_DAYS: dict[DataKind, int] = {DataKind.RECORDS: 365}
"""A whole record cannot be given a shorter clock by a slip of the hand; other kinds can be kept for one day."""


def rules(*, session: Session) -> dict[DataKind, RetentionRule]:
    """The rule of every kind; those that nobody changed are the default ones."""
    stored = {rule.kind: rule for rule in session.exec(select(RetentionRule)).all()}
    return {kind: stored.get(kind) or RetentionRule(kind=kind, days=days, version=0) for kind, days in _defaults()}


def _defaults() -> list[tuple[DataKind, int | None]]:
    return list(DEFAULT_DAYS.items())


def set_rule(
    *, session: Session, kind: DataKind | str, days: int | None, expected_version: int, actor_id: str | None
) -> RetentionRule:
    """Change how long a kind is kept; ``days`` None: for ever. The caller writes the audit row.

    Raises:
        ConflictError: somebody changed the rule since ``expected_version`` was read (0: the default).
        ValidationError: there is no such kind, or the days cannot be.
    """
    if kind not in set(DataKind):
        raise ValidationError(f"A kind of data is one of: {', '.join(DataKind)}.")
    kind = DataKind(kind)
    least = LEAST_DAYS.get(kind, 1)
    if days is not None and not least <= days <= MAX_DAYS:
        raise ValidationError(f"Give a number of days from {least} to {MAX_DAYS}, or choose to keep the data for ever.")
    rule = session.get(RetentionRule, kind, with_for_update=True, populate_existing=True)
    if (rule.version if rule is not None else 0) != expected_version:
        raise ConflictError("Somebody else changed this rule meanwhile. Look at it and change it again.")
    rule = rule or RetentionRule(kind=kind, version=0)
    rule.days, rule.version = days, expected_version + 1
    rule.updated_by, rule.updated_at = actor_id, utc_now()
    session.add(rule)
    session.flush()
    return rule


def cutoffs(*, session: Session, now: datetime | None = None) -> dict[DataKind, datetime]:
    """For each kind that does not stay for ever: what began before this moment is due."""
    moment = now or utc_now()
    return {
        kind: moment - timedelta(days=rule.days)
        for kind, rule in rules(session=session).items()
        if rule.days is not None
    }


def due_videos(before: datetime) -> SelectOfScalar[str]:
    """Ids of recordings of patients whose video is still there and due, oldest first."""
    return _oldest_first(
        col(Recording.patient_id).is_not(None),
        col(Recording.created_at) < before,
        col(Recording.video_removed_at).is_(None),
        ~_in_work(),
        ~on_hold(col(Recording.patient_id)),
    )


def held_videos(before: datetime) -> SelectOfScalar[str]:
    """Ids of recordings whose video would be due if it were not for a legal hold."""
    return _oldest_first(
        col(Recording.created_at) < before,
        col(Recording.video_removed_at).is_(None),
        on_hold(col(Recording.patient_id)),
    )


def due_inbox(before: datetime) -> SelectOfScalar[str]:
    """Ids of recordings that belong to nobody and are due, oldest first."""
    return _oldest_first(col(Recording.patient_id).is_(None), col(Recording.created_at) < before, ~_in_work())


def _oldest_first(*conditions: ColumnElement[bool]) -> SelectOfScalar[str]:
    chosen = select(Recording.id).where(*conditions)
    return chosen.order_by(col(Recording.created_at), col(Recording.id))


def due_silhouettes(before: datetime) -> SelectOfScalar[str]:
    """Ids of first assessments whose silhouettes are still there and due, oldest first."""
    chosen = select(Assessment.id).where(
        col(Assessment.rescored_from_id).is_(None),
        col(Assessment.created_at) < before,
        col(Assessment.silhouettes_key).is_not(None),
        ~exists().where(
            col(Job.recording_id) == col(Assessment.recording_id),
            col(Job.state).not_in(ENDED),
        ),
        or_(col(Assessment.patient_id).is_(None), ~on_hold(col(Assessment.patient_id))),
    )
    return chosen.order_by(col(Assessment.created_at), col(Assessment.id))


def due_records(before: datetime) -> SelectOfScalar[str]:
    """Ids of patients to whom nothing has happened since, longest ago first."""
    recent = [
        exists().where(col(table.patient_id) == col(Patient.id), col(table.created_at) >= before)
        for table in (Recording, Assessment, Report, PatientNote, Job)
    ]
    chosen = select(Patient.id).where(col(Patient.updated_at) < before, ~or_(*recent), ~on_hold(col(Patient.id)))
    return chosen.order_by(col(Patient.updated_at), col(Patient.id))


def due_jobs(before: datetime) -> SelectOfScalar[str]:
    """Ids of jobs that ended and to which no result and no retraining refers."""
    return (
        select(Job.id)
        .where(
            col(Job.state).in_(ENDED),
            col(Job.finished_at) < before,
            ~exists().where(col(Assessment.job_id) == col(Job.id)),
            ~exists().where(col(Retraining.job_id) == col(Job.id)),
            or_(col(Job.patient_id).is_(None), ~on_hold(col(Job.patient_id))),
        )
        .order_by(col(Job.finished_at), col(Job.id))
    )


def due_sessions(before: datetime) -> SelectOfScalar[str]:
    """Ids of sign-in sessions that are over."""
    over = or_(col(SignInSession.closed_at) < before, col(SignInSession.last_seen_at) < before)
    return select(SignInSession.id).where(over).order_by(col(SignInSession.id))


def _in_work() -> ColumnElement[bool]:
    """Whether work waits or runs: a job about several recordings names only the leading one, and the patient."""
    waiting = and_(
        or_(
            col(Job.recording_id) == col(Recording.id),
            and_(col(Job.patient_id).is_not(None), col(Job.patient_id) == col(Recording.patient_id)),
        ),
        col(Job.state).not_in(ENDED),
    )
    return exists().where(waiting)


DUE = {
    DataKind.VIDEOS: (due_videos, col(Recording.id)),
    DataKind.INBOX: (due_inbox, col(Recording.id)),
    DataKind.SILHOUETTES: (due_silhouettes, col(Assessment.id)),
    DataKind.RECORDS: (due_records, col(Patient.id)),
    DataKind.JOBS: (due_jobs, col(Job.id)),
    DataKind.SESSIONS: (due_sessions, col(SignInSession.id)),
}
"""For each kind: what is due before a moment, and the column of its ids."""


def due(*, session: Session, kind: DataKind, before: datetime, limit: int) -> list[str]:
    """Some ids of what is due, those that are due the longest first."""
    statement, _ = DUE[kind]
    return list(session.exec(statement(before).limit(limit)).all())


def is_due(*, session: Session, kind: DataKind, before: datetime, row_id: str) -> bool:
    """Whether something is due at this moment; asked again in the transaction that removes it."""
    statement, column = DUE[kind]
    return session.exec(statement(before).where(column == row_id)).first() is not None
