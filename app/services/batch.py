"""Batch: many recordings at once, whose patients are said afterwards, and which are then screened by themselves.

A recording without a patient waits in the clinic's inbox. Once its patient is known it can be queued: its people are
searched, and where there is exactly one the screening follows without anybody waiting for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlmodel import Session

from app.services.access import patient_for, recording_for, sees
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from app.services.screening_jobs import FIND_AND_SCREEN, SCREEN, chosen_clips
from clinic_data import audit, inbox, jobs, patients, recordings, teams
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.paging import Page
from clinic_data.tables import Job, JobState, Patient, Recording

_SUGGESTIONS = 3
_WORDS = re.compile(r"[\w-]{2,}")


class BatchState(StrEnum):
    """How far a queued recording is."""

    WAITING = "waiting"
    SEARCHING = "searching"
    CHOOSE_PERSON = "choose the person"
    SCREENING = "screening"
    SCREENED = "screened"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


_SEARCH_STATES = {
    JobState.QUEUED: BatchState.WAITING,
    JobState.RUNNING: BatchState.SEARCHING,
    JobState.DONE: BatchState.CHOOSE_PERSON,
    JobState.REFUSED: BatchState.REFUSED,
    JobState.FAILED: BatchState.FAILED,
    JobState.CANCELLED: BatchState.CANCELLED,
}
_SCREENING_STATES = {
    JobState.QUEUED: BatchState.SCREENING,
    JobState.RUNNING: BatchState.SCREENING,
    JobState.DONE: BatchState.SCREENED,
    JobState.REFUSED: BatchState.REFUSED,
    JobState.FAILED: BatchState.FAILED,
    JobState.CANCELLED: BatchState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class WaitingRecording:
    """A recording for which nothing was queued yet.

    Attributes:
        recording: the recording.
        patient: whom it shows, where somebody said so.
        suggested: patients whose record number stands in the file name.
        same_file: record numbers of other patients whom the actor sees and who have the very same file.
    """

    recording: Recording
    patient: Patient | None
    suggested: tuple[Patient, ...]
    same_file: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueuedRecording:
    """A recording that was queued from the batch.

    Attributes:
        job: the newest work for it: the search for people or the screening.
        recording: the recording.
        patient: whom it shows.
        state: how far it is.
        assessment_id: of its result; "" while there is none.
    """

    job: Job
    recording: Recording
    patient: Patient | None
    state: BatchState
    assessment_id: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Use cases around the inbox and its queue."""

    database: Database
    storage: FileVault

    def waiting(self, actor: Actor | None, limit: int, offset: int) -> Page[WaitingRecording]:
        """The recordings for which nothing was queued yet, the oldest first.

        They are those of nobody yet and of patients whom the actor sees.
        """
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            mine = teams.visible_team_ids(session=session, user_id=actor.user_id)
            page = inbox.list_waiting(session=session, limit=limit, offset=offset, team_ids=mine)
            others = recordings.patients_by_file(session=session, sha256s=[row.sha256 for row in page.rows])
            rows = tuple(_waiting(session, actor, mine, recording, others) for recording in page.rows)
        if rows:
            note_read(self.database, actor, "inbox.opened", "recording", None, {"found": page.total})
        return Page(rows, page.total, page.limit, page.offset)

    def assign(
        self, actor: Actor | None, recording_id: str, patient_id: str, expected_patient_id: str | None
    ) -> Recording:
        """Says whom a waiting recording shows.

        Raises:
            ConflictError: if somebody else did meanwhile, or it is queued already.
            NotFoundError: if there is no such recording or patient.
        """
        actor = require(actor, Permission.ADD_RECORDINGS)
        with self.database.transaction() as session:
            recording_for(session, actor, Permission.ADD_RECORDINGS, recording_id)
            patient = patient_for(session, actor, Permission.ADD_RECORDINGS, patient_id)
            recording = inbox.assign(
                session=session,
                recording_id=recording_id,
                patient_id=patient.id,
                expected_patient_id=expected_patient_id,
            )
            self.storage.give_to(session=session, keys=[recording.storage_key], patient_id=patient.id)
            details = {"patient_id": patient.id, "before": expected_patient_id}
            self._audit(session, actor, "recording.assigned", recording_id, details)
        return recording

    def discard(self, actor: Actor | None, recording_id: str) -> None:
        """Deletes a waiting recording and its file.

        Raises:
            ConflictError: if it is queued or screened.
        """
        actor = require(actor, Permission.ADD_RECORDINGS)
        with self.database.transaction() as session:
            recording = recording_for(session, actor, Permission.ADD_RECORDINGS, recording_id)
            details = {"sha256": recording.sha256, "patient_id": recording.patient_id}
            key = inbox.discard(session=session, recording_id=recording_id)
            self._audit(session, actor, "recording.discarded", recording_id, details)
        self.storage.delete(key)

    def ready(self, actor: Actor | None) -> int:
        """How many recordings of patients whom the actor sees wait to be queued."""
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            mine = teams.visible_team_ids(session=session, user_id=actor.user_id)
            return len(inbox.list_assigned(session=session, team_ids=mine))

    def queue_all(self, actor: Actor | None, tasks: Sequence[str]) -> int:
        """Queues every waiting recording whose patient is known and seen by the actor.

        Returns:
            How many there were.

        Raises:
            ValidationError: if no task was chosen.
        """
        actor = require(actor, Permission.SCREEN)
        if not tasks:
            raise ValidationError("Choose at least one thing to screen for.")
        with self.database.transaction() as session:
            mine = teams.visible_team_ids(session=session, user_id=actor.user_id)
            assigned = inbox.lock_assigned(session=session, team_ids=mine)
            for recording in assigned:
                job = jobs.enqueue(
                    session=session,
                    kind=FIND_AND_SCREEN,
                    payload={"recording_id": recording.id, "tasks": list(tasks)},
                    created_by=actor.user_id,
                    patient_id=recording.patient_id,
                    recording_id=recording.id,
                )
                self._audit(session, actor, "job.queued", job.id, {"kind": job.kind, "recording_id": recording.id})
        return len(assigned)

    def queued(self, actor: Actor | None, limit: int, offset: int) -> Page[QueuedRecording]:
        """The recordings of patients whom the actor sees that were queued from here, the newest first."""
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            mine = teams.visible_team_ids(session=session, user_id=actor.user_id)
            page = inbox.list_jobs(session=session, kind=FIND_AND_SCREEN, limit=limit, offset=offset, team_ids=mine)
            rows = tuple(_queued(session, job) for job in page.rows)
        if rows:
            note_read(self.database, actor, "queue.opened", "job", None, {"found": page.total})
        return Page(rows, page.total, page.limit, page.offset)

    def _audit(self, session: Session, actor: Actor, action: str, subject_id: str, details: dict[str, Any]) -> None:
        audit.record(
            session=session,
            actor_id=actor.user_id,
            action=action,
            subject_type=action.split(".")[0],
            subject_id=subject_id,
            details=details,
        )


def _waiting(
    session: Session,
    actor: Actor,
    team_ids: Collection[str],
    recording: Recording,
    others: Mapping[str, set[str | None]],
) -> WaitingRecording:
    patient = _patient(session, recording.patient_id)
    suggested = () if patient is not None else _suggested(session, recording.original_name, team_ids)
    others_of_file = others.get(recording.sha256, set()) - {recording.patient_id, None}
    same_file = [_patient(session, patient_id) for patient_id in others_of_file if sees(session, actor, patient_id)]
    return WaitingRecording(
        recording, patient, suggested, tuple(sorted(each.record_number for each in same_file if each is not None))
    )


def _patient(session: Session, patient_id: str | None) -> Patient | None:
    return None if patient_id is None else patients.get_patient(session=session, patient_id=patient_id)


def _suggested(session: Session, file_name: str, team_ids: Collection[str]) -> tuple[Patient, ...]:
    """Patients whose record number is a word of the file name."""
    found: dict[str, Patient] = {}
    for word in _WORDS.findall(file_name.replace("_", " ")):
        page = patients.search_patients(session=session, text=word, limit=_SUGGESTIONS, offset=0, team_ids=team_ids)
        found |= {row.id: row for row in page.rows if row.record_number.casefold() == word.casefold()}
    return tuple(found.values())[:_SUGGESTIONS]


def _queued(session: Session, search: Job) -> QueuedRecording:
    recording = recordings.get_recording(session=session, recording_id=search.payload["recording_id"])
    job, state = search, _SEARCH_STATES[search.state]
    screening = _screening_after(session, search, recording)
    if screening is not None:
        job, state = screening, _SCREENING_STATES[screening.state]
    return QueuedRecording(
        job, recording, _patient(session, recording.patient_id), state, (job.result or {}).get("assessment_id", "")
    )


def _screening_after(session: Session, search: Job, recording: Recording) -> Job | None:
    """The newest screening of the recording, by itself or by somebody who chose the person."""
    if recording.patient_id is None:
        return None
    for job in inbox.list_jobs_of_patient(session=session, patient_id=recording.patient_id, kind=SCREEN):
        if recording.id in {clip.recording_id for clip in chosen_clips(job.payload)}:
            return job if job.created_at >= search.created_at else None
    return None
