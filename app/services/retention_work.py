"""A run of the retention rules: removes what is due, one piece at a time, and can be killed anywhere.

Each piece is a short transaction that asks again whether it is due, changes the rows, names the files and writes the
audit row; the files go after it. A second run finds what is left. It runs once a day as a job of the worker, and when
an administrator asks for it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from app.services.erasure_work import ErasureWork, require_no_training
from app.services.file_removal import remove_waiting_files, scrub
from app.settings import Settings
from clinic_data import audit, erasures, jobs, removals, retention
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError, ConflictError, NotFoundError
from clinic_data.file_vault import FileVault
from clinic_data.privacy_tables import DataKind
from clinic_data.tables import Job, JobState
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, raise_if_cancelled

RETENTION = "retention"
"""The kind of the job."""
QUEUE = "cpu"
EVERY = timedelta(hours=24)
_AT_ONCE = 100
_log = logging.getLogger(__name__)

Counts = dict[str, int]
"""How much was removed, by kind; `files` is how many files, `left` what could not be removed this time."""


@dataclass(frozen=True, slots=True)
class RetentionWork:
    """Removes what is due.

    Attributes:
        settings: for the data folder.
        database: where rows are.
        storage: where files are.
    """

    settings: Settings
    database: Database
    storage: FileVault

    def run(
        self,
        actor_id: str | None = None,
        *,
        now: datetime | None = None,
        progress: Progress = ignore_progress,
        cancelled: Cancelled = never_cancelled,
    ) -> Counts:
        """Removes everything that is due, and what an interrupted run or erasure left.

        Args:
            actor_id: who asked for it; None: the clock.
            now: the present moment.
            progress: told before each kind.
            cancelled: asked before each piece.

        Raises:
            OperationCancelled: if asked to stop; what was removed stays removed.
            StorageError: if the storage does not answer; the next run goes on.
        """
        counts: Counts = {"erasures_finished": self.erasures.finish_all()}
        counts["files"] = remove_waiting_files(self.database, self.storage)
        with self.database.reading() as session:
            cutoffs = retention.cutoffs(session=session, now=now)
        left = 0
        for number, kind in enumerate(DataKind):
            progress(number / len(DataKind), f"Removing what is due: {kind.value}")
            if kind in cutoffs:
                removed, skipped = self._remove(kind, cutoffs[kind], actor_id, cancelled)
                counts[kind.value] = removed
                left += skipped
            counts["files"] += remove_waiting_files(self.database, self.storage)
        counts["files"] += self.storage.remove_unreferenced()
        counts["left"] = left
        scrub(self.database)
        return counts

    def finish_interrupted(self) -> int:
        """Goes on with what a killed process left: erasures without proof, files that must go; at each start.

        Returns:
            How many erasures came to their end. A storage that does not answer is asked again by the daily run.
        """
        done = self.erasures.finish_all()
        try:
            remove_waiting_files(self.database, self.storage)
        except ClinicDataError as error:
            _log.warning("Files that must go are still there: %s", error)
        return done

    @property
    def erasures(self) -> ErasureWork:
        """What finishes erasures."""
        return ErasureWork(self.settings, self.database, self.storage)

    def _remove(self, kind: DataKind, before: datetime, actor_id: str | None, cancelled: Cancelled) -> tuple[int, int]:
        """How many pieces went, and how many were due but could not go."""
        count, skipped = 0, set[str]()
        while True:
            with self.database.reading() as session:
                due = retention.due(session=session, kind=kind, before=before, limit=_AT_ONCE + len(skipped))
            due = [row_id for row_id in due if row_id not in skipped]
            if not due:
                return count, len(skipped)
            if kind in {DataKind.JOBS, DataKind.SESSIONS}:
                raise_if_cancelled(cancelled)
                count += self._remove_rows(kind, due, actor_id)
                continue
            for row_id in due:
                raise_if_cancelled(cancelled)
                if self._remove_piece(kind, row_id, before, actor_id):
                    count += 1
                else:
                    skipped.add(row_id)

    def _remove_rows(self, kind: DataKind, due: list[str], actor_id: str | None) -> int:
        with self.database.transaction() as session:
            if kind is DataKind.JOBS:
                count = removals.remove_jobs(session=session, job_ids=due)
            else:
                count = removals.remove_sessions(session=session, session_ids=due)
            _record(session, actor_id, kind, kind.value, None, {"count": count})
        return count

    def _remove_piece(self, kind: DataKind, row_id: str, before: datetime, actor_id: str | None) -> bool:
        """Removes one recording, assessment or patient, if it is still due; whether it is gone now."""
        erasure_id: str | None = None
        try:
            with self.database.transaction() as session:
                if not retention.is_due(session=session, kind=kind, before=before, row_id=row_id):
                    return False
                if kind is DataKind.VIDEOS:
                    keys = removals.remove_video(session=session, recording_id=row_id)
                    _record(session, actor_id, kind, "recording", row_id, {"files": len(keys)})
                elif kind is DataKind.SILHOUETTES:
                    keys = removals.remove_silhouettes(session=session, assessment_id=row_id)
                    _record(session, actor_id, kind, "assessment", row_id, {"files": len(keys)})
                elif kind is DataKind.INBOX:
                    removed = removals.remove_recording(session=session, recording_id=row_id)
                    facts = {"rows": removed.rows, "files": removed.files}
                    _record(session, actor_id, kind, "recording", row_id, facts)
                else:
                    require_no_training(session, row_id)
                    erasure = erasures.begin_by_rule(session=session, patient_id=row_id)
                    erasure_id = erasure.id
                    _record(session, actor_id, kind, "patient", row_id, {"erasure_id": erasure.id})
        except (ConflictError, NotFoundError) as error:
            _log.info("%s %s stays for now: %s", kind.value, row_id, error)
            return False
        if erasure_id is not None:
            self.erasures.finish(erasure_id)
        return True


def enqueue(session: Session, actor_id: str | None = None) -> Job:
    """Queues a run, unless one waits or runs already, which is then given back."""
    waiting = select(Job).where(Job.kind == RETENTION, col(Job.state).in_((JobState.QUEUED, JobState.RUNNING)))
    found = session.exec(waiting).first()
    return found or jobs.enqueue(session=session, kind=RETENTION, payload={}, queue=QUEUE, created_by=actor_id)


def enqueue_daily(session: Session, now: datetime | None = None) -> Job | None:
    """Queues a run if none was made within a day and none waits."""
    since = (now or utc_now()) - EVERY
    recent = select(Job.id).where(
        col(Job.state).in_(tuple(JobState)), Job.queue == QUEUE, col(Job.created_at) > since, Job.kind == RETENTION
    )
    if session.exec(recent).first() is not None:
        return None
    return enqueue(session)


def _record(
    session: Session,
    actor_id: str | None,
    kind: DataKind,
    subject_type: str,
    subject_id: str | None,
    details: dict[str, Any],
) -> None:
    audit.record(
        session=session,
        actor_id=actor_id,
        action=f"retention.{kind.value}_removed",
        subject_type=subject_type,
        subject_id=subject_id,
        details=details,
    )
