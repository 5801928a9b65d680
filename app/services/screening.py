"""Screening: finding the people of a recording, queueing and watching jobs, and reading their results."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from app.services.permissions import Actor, Permission, require
from clinic_data import assessments, audit, jobs, recordings
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.storage import Storage
from clinic_data.tables import Assessment, Job, JobState, Recording
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import silhouette_strip

FIND_PEOPLE = "find_people"
SCREEN = "screen"
ENDED = frozenset(jobs.ENDED)


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """One person whom the search found, for the page on which the patient is chosen.

    Attributes:
        number: 1 is the sensible default.
        travel_body_heights: how far they walk across the picture.
        visible_s: how long they are seen.
        in_full_view: whether head and feet are seen.
        thumbnail_jpeg: a picture of them.
    """

    number: int
    travel_body_heights: float
    visible_s: float
    in_full_view: bool
    thumbnail_jpeg: bytes


@dataclass(frozen=True, slots=True)
class Screening:
    """Use cases around jobs and results."""

    database: Database
    storage: Storage

    def find_people(self, actor: Actor | None, recording_id: str) -> Job:
        """The job that finds the people of a recording; queued once, and again only after it failed or was stopped."""
        actor = require(actor, Permission.SCREEN)
        with self.database.transaction() as session:
            recording = recordings.get_recording(session=session, recording_id=recording_id)
            for job in jobs.list_for_recording(session=session, recording_id=recording_id):
                if job.kind == FIND_PEOPLE and job.state not in {JobState.FAILED, JobState.CANCELLED}:
                    return job
            return self._enqueue(session, actor, recording, FIND_PEOPLE, {"recording_id": recording_id})

    def last_search(self, actor: Actor | None, recording_id: str) -> Job | None:
        """The newest job that searched the people of a recording, whatever became of it."""
        return next((job for job in self.jobs_of_recording(actor, recording_id) if job.kind == FIND_PEOPLE), None)

    def people(self, actor: Actor | None, job: Job) -> tuple[FoundPerson, ...]:
        """Whom a finished search found, the sensible default first."""
        require(actor, Permission.SCREEN)
        found: Sequence[dict[str, Any]] = (job.result or {}).get("people", ())
        return tuple(
            FoundPerson(
                number=person["number"],
                travel_body_heights=person["travel_body_heights"],
                visible_s=person["visible_s"],
                in_full_view=person["in_full_view"],
                thumbnail_jpeg=base64.b64decode(person["thumbnail_jpeg"]),
            )
            for person in found
        )

    def start(self, actor: Actor | None, recording_id: str, person: int, tasks: Sequence[str]) -> Job:
        """Queues the screening of one person of a recording.

        Raises:
            ConflictError: if the same recording is being screened already.
            ValidationError: if no task was chosen.
        """
        actor = require(actor, Permission.SCREEN)
        if not tasks:
            raise ValidationError("Choose at least one thing to screen for.")
        with self.database.transaction() as session:
            recording = recordings.get_recording(session=session, recording_id=recording_id)
            for job in jobs.list_for_recording(session=session, recording_id=recording_id):
                if job.kind == SCREEN and job.state not in ENDED:
                    raise ConflictError("This recording is being screened already.")
            payload = {"recording_id": recording_id, "person": person, "tasks": list(tasks)}
            return self._enqueue(session, actor, recording, SCREEN, payload)

    def _enqueue(self, session: Session, actor: Actor, recording: Recording, kind: str, payload: dict[str, Any]) -> Job:
        job = jobs.enqueue(
            session=session,
            kind=kind,
            payload=payload,
            created_by=actor.user_id,
            patient_id=recording.patient_id,
            recording_id=recording.id,
        )
        audit.record(
            session=session,
            actor_id=actor.user_id,
            action="job.queued",
            subject_type="job",
            subject_id=job.id,
            details={"kind": kind, "recording_id": recording.id},
        )
        return job

    def job(self, actor: Actor | None, job_id: str) -> Job:
        """One job with its progress."""
        require(actor, Permission.SCREEN)
        with self.database.reading() as session:
            return jobs.get_job(session=session, job_id=job_id)

    def cancel(self, actor: Actor | None, job_id: str) -> None:
        """Asks the worker to stop; a job that nobody started yet is stopped at once."""
        actor = require(actor, Permission.SCREEN)
        with self.database.transaction() as session:
            jobs.request_cancel(session=session, job_id=job_id)
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="job.cancel_requested",
                subject_type="job",
                subject_id=job_id,
            )

    def jobs_of_recording(self, actor: Actor | None, recording_id: str) -> tuple[Job, ...]:
        """All jobs of a recording, newest first."""
        require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            found = jobs.list_for_recording(session=session, recording_id=recording_id)
        return tuple(sorted(found, key=lambda job: job.created_at, reverse=True))

    def assessment(self, actor: Actor | None, assessment_id: str) -> Assessment:
        """One stored result."""
        require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            return assessments.get_assessment(session=session, assessment_id=assessment_id)

    def assessments_of_patient(self, actor: Actor | None, patient_id: str) -> tuple[Assessment, ...]:
        """All results of a patient, newest first."""
        require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            return tuple(assessments.list_assessments(session=session, patient_id=patient_id))

    def overlay_path(self, actor: Actor | None, assessment_id: str) -> Path:
        """The clip of the recording with the outline of the silhouettes."""
        assessment = self.assessment(actor, assessment_id)
        if not assessment.overlay_key:
            raise NotFoundError("This assessment has no clip.")
        return self.storage.path(assessment.overlay_key)

    def silhouette_strip(self, actor: Actor | None, assessment: Assessment) -> NDArray[np.uint8] | None:
        """Twelve silhouettes side by side: uint8 [64, 12 x 44], or None if none were stored."""
        require(actor, Permission.READ_RESULTS)
        if not assessment.silhouettes_key:
            return None
        return silhouette_strip(SilhouetteSequence.load(self.storage.path(assessment.silhouettes_key)), 12)

    def waiting_s(self, actor: Actor | None, job: Job) -> float:
        """For how long a job has been waiting for a worker, in seconds; 0 once it runs."""
        require(actor, Permission.SCREEN)
        return (datetime.now(UTC) - job.created_at).total_seconds() if job.state is JobState.QUEUED else 0.0
