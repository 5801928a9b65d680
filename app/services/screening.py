"""Screening: finding the people of a recording, queueing and watching jobs, and reading their results.

One assessment may be made of several recordings of a visit, for example from the front and from the side.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from app.services.access import (
    assessment_for,
    job_for,
    lock_recordings_for,
    patient_for,
    recording_for,
)
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from app.services.screening_jobs import (
    FIND_PEOPLE,
    RESCORE,
    SCREEN,
    SEARCHES,
    ChosenClip,
    chosen_clips,
)
from clinic_data import assessment_clips, assessments, audit, inbox, jobs, model_registry, recordings
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.tables import Assessment, Job, JobState, Recording
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import silhouette_strip

ENDED = frozenset(jobs.ENDED)
MAX_CLIPS = 8


@dataclass(frozen=True, slots=True)
class BodyHeight:
    """A body height that somebody entered.

    Attributes:
        height_cm: in cm.
        entered_at: when.
    """

    height_cm: float
    entered_at: datetime


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
    storage: FileVault

    def find_people(self, actor: Actor | None, recording_id: str) -> Job:
        """The job that finds the people of a recording; queued once, and again only after it failed or was stopped."""
        actor = require(actor, Permission.SCREEN)
        with self.database.transaction() as session:
            (recording,) = lock_recordings_for(session, actor, Permission.SCREEN, [recording_id])
            for job in jobs.list_for_recording(session=session, recording_id=recording_id):
                if job.kind in SEARCHES and job.state not in {JobState.FAILED, JobState.CANCELLED}:
                    break
            else:
                recordings.require_videos([recording])
                return self._enqueue(session, actor, recording, FIND_PEOPLE, {"recording_id": recording_id})
        note_read(self.database, actor, "job.opened", "job", job.id)
        return job

    def last_search(self, actor: Actor | None, recording_id: str) -> Job | None:
        """The newest job that searched the people of a recording, whatever became of it."""
        return next((job for job in self.jobs_of_recording(actor, recording_id) if job.kind in SEARCHES), None)

    def people(self, actor: Actor | None, job_id: str) -> tuple[FoundPerson, ...]:
        """Whom a finished search found, the sensible default first.

        Raises:
            NotFoundError: if there is no such job.
        """
        job = self.job(actor, job_id)
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

    def start(
        self,
        actor: Actor | None,
        clips: Sequence[ChosenClip],
        tasks: Sequence[str],
        body_height_cm: float | None = None,
    ) -> Job:
        """Queues the screening of one patient on one or several recordings of a visit.

        Args:
            actor: who starts it.
            clips: the recordings, each with the person who is the patient.
            tasks: what to screen for.
            body_height_cm: measured on the day of the recordings; lengths in metres need it.

        Raises:
            ConflictError: if one of the recordings is being screened already.
            ValidationError: if nothing was chosen, the recordings do not belong together, or the height cannot be.
        """
        actor = require(actor, Permission.SCREEN)
        _check_choice(clips, tasks, body_height_cm)
        with self.database.transaction() as session:
            chosen_ids = [clip.recording_id for clip in clips]
            chosen = lock_recordings_for(session, actor, Permission.SCREEN, chosen_ids)
            recordings.require_videos(chosen)
            if len({recording.patient_id for recording in chosen}) > 1:
                raise ValidationError("All recordings of an assessment must be of the same patient.")
            if len({recording.sha256 for recording in chosen}) < len(chosen):
                raise ValidationError("Two of these recordings are the same file. Take one of them away.")
            if set(_being_screened(session)) & set(chosen_ids):
                raise ConflictError("This recording is being screened already.")
            payload = {
                "clips": [{"recording_id": clip.recording_id, "person": clip.person} for clip in clips],
                "tasks": list(tasks),
                "body_height_cm": body_height_cm,
            }
            return self._enqueue(session, actor, chosen[0], SCREEN, payload)

    def rescore(self, actor: Actor | None, assessment_id: str) -> Job:
        """Queues the scoring of an assessment's stored silhouettes by the version in production.

        The result is a new assessment beside the old one, which stays as it is.

        Raises:
            ConflictError: if that version has scored these recordings already, or is about to.
            ValidationError: if no silhouettes are stored.
        """
        actor = require(actor, Permission.SCREEN)
        with self.database.transaction() as session:
            assessment_for(session, actor, Permission.SCREEN, assessment_id)
            first = assessments.list_siblings(session=session, assessment_id=assessment_id)[0]
            (recording,) = lock_recordings_for(session, actor, Permission.SCREEN, [first.recording_id])
            if not first.silhouettes_key:
                raise ValidationError("No silhouettes of this assessment are stored, so it cannot be scored again.")
            if first.id not in {each.id for each in _outdated(session, first.patient_id)}:
                raise ConflictError("The version in production has scored this assessment already.")
            if any(
                job.payload["assessment_id"] == first.id
                for job in inbox.unfinished_jobs(session=session, kinds=[RESCORE])
            ):
                raise ConflictError("This assessment is being scored again already.")
            return self._enqueue(session, actor, recording, RESCORE, {"assessment_id": first.id})

    def outdated(self, actor: Actor | None, patient_id: str) -> tuple[Assessment, ...]:
        """The assessments of a patient that the version in production has not scored but could, newest first."""
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.READ_RESULTS, patient_id)
            found = _outdated(session, patient_id)
        note_read(self.database, actor, "patient.opened", "patient", patient_id)
        return found

    def last_body_height(self, actor: Actor | None, patient_id: str) -> BodyHeight | None:
        """The body height that was entered last for a patient."""
        for assessment in self.assessments_of_patient(actor, patient_id):
            if assessment.body_height_cm is not None and assessment.rescored_from_id is None:
                return BodyHeight(assessment.body_height_cm, assessment.created_at)
        return None

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
        """One job with its progress.

        Raises:
            NotFoundError: if there is no such job, or it is no screening.
        """
        actor = require(actor, Permission.SCREEN)
        with self.database.reading() as session:
            job = job_for(session, actor, Permission.SCREEN, job_id)
        note_read(self.database, actor, "job.opened", "job", job_id)
        return job

    def cancel(self, actor: Actor | None, job_id: str) -> None:
        """Asks the worker to stop; a job that nobody started yet is stopped at once."""
        actor = require(actor, Permission.SCREEN)
        with self.database.transaction() as session:
            job_for(session, actor, Permission.SCREEN, job_id)
            jobs.request_cancel(session=session, job_id=job_id)
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="job.cancel_requested",
                subject_type="job",
                subject_id=job_id,
            )

    def jobs_of_recording(self, actor: Actor | None, recording_id: str) -> tuple[Job, ...]:
        """All jobs of a recording, newest first; those that screen it together with others, too."""
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            recording = recording_for(session, actor, Permission.READ_RESULTS, recording_id)
            found = list(jobs.list_for_recording(session=session, recording_id=recording_id))
            if recording.patient_id is not None:
                for job in inbox.list_jobs_of_patient(session=session, patient_id=recording.patient_id, kind=SCREEN):
                    together = recording_id in {clip.recording_id for clip in chosen_clips(job.payload)}
                    if together and job.recording_id != recording_id:
                        found.append(job)
        if recording.patient_id is not None:
            note_read(self.database, actor, "patient.opened", "patient", recording.patient_id)
        else:
            note_read(self.database, actor, "recording.opened", "recording", recording_id)
        return tuple(sorted(found, key=lambda job: job.created_at, reverse=True))

    def assessment(self, actor: Actor | None, assessment_id: str) -> Assessment:
        """One stored result.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            assessment = assessment_for(session, actor, Permission.READ_RESULTS, assessment_id)
        note_read(self.database, actor, "assessment.opened", "assessment", assessment_id)
        return assessment

    def assessments_of_patient(self, actor: Actor | None, patient_id: str) -> tuple[Assessment, ...]:
        """All results of a patient, newest first.

        Raises:
            NotFoundError: if there is no such patient.
        """
        actor = require(actor, Permission.READ_RESULTS)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.READ_RESULTS, patient_id)
            found = tuple(assessments.list_assessments(session=session, patient_id=patient_id))
        note_read(self.database, actor, "patient.opened", "patient", patient_id)
        return found

    def overlay(self, actor: Actor | None, assessment_id: str, position: int | None = None) -> BinaryIO:
        """A recording with the outline of the silhouettes, as an MP4 that is open for reading; close it after use.

        Args:
            actor: who asks.
            assessment_id: the assessment.
            position: which of the result's `clips`; None is the leading one.

        Raises:
            NotFoundError: if there is none, for example because the recording was refused.
        """
        actor = require(actor, Permission.READ_RESULTS)
        key = self._clip_keys(self._assessment(actor, assessment_id), position)[1]
        if not key:
            raise NotFoundError("This assessment has no clip.")
        note_read(self.database, actor, "overlay.played", "assessment", assessment_id)
        return self.storage.open(key)

    def silhouette_strip(
        self, actor: Actor | None, assessment_id: str, position: int | None = None
    ) -> NDArray[np.uint8] | None:
        """Twelve silhouettes side by side: uint8 [64, 12 x 44], or None if none were stored.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        key = self._clip_keys(self.assessment(actor, assessment_id), position)[0]
        if not key:
            return None
        with self.storage.open(key) as file:
            return silhouette_strip(SilhouetteSequence.load(file), 12)

    def _assessment(self, actor: Actor, assessment_id: str) -> Assessment:
        with self.database.reading() as session:
            return assessment_for(session, actor, Permission.READ_RESULTS, assessment_id)

    def _clip_keys(self, assessment: Assessment, position: int | None) -> tuple[str | None, str | None]:
        """Storage keys of silhouettes and overlay clip."""
        if position is not None:
            with self.database.reading() as session:
                clips = assessment_clips.list_clips(session=session, assessment_id=assessment.id)
            for clip in clips:
                if clip.position == position:
                    return clip.silhouettes_key, clip.overlay_key
            if clips or position != 0:
                raise NotFoundError("This assessment has no such recording.")
        return assessment.silhouettes_key, assessment.overlay_key

    def reference_png(self, actor: Actor | None, reference_id: str) -> bytes:
        """Silhouettes of a simulated walker of the reference bank, as a PNG.

        Raises:
            NotFoundError: if the bank has no such walker.
        """
        from fgait_core.explanation.reference_bank import reference_picture

        require(actor, Permission.READ_RESULTS)
        try:
            picture = reference_picture(reference_id)
        except KeyError as error:
            raise NotFoundError("There is no such reference walker.") from error
        return cv2.imencode(".png", picture)[1].tobytes()

    def waiting_s(self, actor: Actor | None, job_id: str) -> float:
        """For how long a job has been waiting for a worker, in seconds; 0 once it runs."""
        job = self.job(actor, job_id)
        return (datetime.now(UTC) - job.created_at).total_seconds() if job.state is JobState.QUEUED else 0.0


def _check_choice(clips: Sequence[ChosenClip], tasks: Sequence[str], body_height_cm: float | None) -> None:
    if not tasks:
        raise ValidationError("Choose at least one thing to screen for.")
    if not 1 <= len(clips) <= MAX_CLIPS:
        raise ValidationError(f"An assessment takes 1 to {MAX_CLIPS} recordings.")
    if len({clip.recording_id for clip in clips}) < len(clips):
        raise ValidationError("The same recording was chosen twice.")
    low, high = assessments.MIN_HEIGHT_CM, assessments.MAX_HEIGHT_CM
    if body_height_cm is not None and not low <= body_height_cm <= high:
        raise ValidationError(f"A body height is {low:.0f} to {high:.0f} cm.")


def _being_screened(session: Session) -> list[str]:
    """The recordings of all screenings that wait or run."""
    waiting = inbox.unfinished_jobs(session=session, kinds=[SCREEN])
    return [clip.recording_id for job in waiting for clip in chosen_clips(job.payload)]


def _outdated(session: Session, patient_id: str | None) -> tuple[Assessment, ...]:
    model = model_registry.production_version(session=session)
    if model is None:
        return ()
    rows = assessments.list_assessments(session=session, patient_id=patient_id)
    scored = {row.rescored_from_id or row.id for row in rows if row.model_version_id == model.id}
    return tuple(row for row in rows if row.rescored_from_id is None and row.silhouettes_key and row.id not in scored)
