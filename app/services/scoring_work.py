"""The jobs that make assessments: screening recordings, and scoring stored silhouettes anew.

A screening takes the version that is in production when it begins, and keeps it to its end. What it makes is stored in
one transaction: the assessment with all its recordings, or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from app.services.models_in_use import LoadedModel, ModelsInUse
from app.services.pulse import Pulse
from app.services.screening import chosen_clips
from app.services.screening_engine import Engine
from app.services.shadow import score_beside
from clinic_data import assessment_clips, assessments, audit, jobs, patients, recordings
from clinic_data.assessment_clips import ClipFiles
from clinic_data.database import Database
from clinic_data.errors import ConflictError
from clinic_data.file_vault import FileKind, FileVault, VaultVideo
from clinic_data.tables import Assessment, Job, Patient, Recording, Sex
from fgait_core.gait_parameters.subject import Subject
from fgait_core.progress import part_of, raise_if_cancelled
from fgait_core.screening_result import ScreeningResult
from fgait_core.sequence import SilhouetteSequence

if TYPE_CHECKING:
    from fgait_core.inference import GaitAssessment
    from fgait_core.silhouettes import Walk

WORK_PREFIX = "work-"
_ASSESSING = (0.0, 0.9)
_DAYS_A_YEAR = 365.2425
_SEXES = {Sex.FEMALE: "female", Sex.MALE: "male"}


@dataclass(frozen=True, slots=True)
class ScoringWork:
    """Does the jobs that make assessments.

    Attributes:
        database: where jobs and results are.
        storage: where files are.
        engine: the segmenter, and how packages screen.
        models: the packages that are loaded.
        worker: the name under which jobs are held.
    """

    database: Database
    storage: FileVault
    engine: Engine
    models: ModelsInUse
    worker: str

    def screen(self, job: Job, pulse: Pulse) -> None:
        """Screens a person on one or several recordings.

        Raises:
            RecordingError: if none of them can be scored.
            ConflictError: if they were given to different patients meanwhile.
        """
        from fgait_core.inference import Clip

        model = self.models.production()
        chosen = chosen_clips(job.payload)
        with self.database.reading() as session:
            filmed = [recordings.get_recording(session=session, recording_id=clip.recording_id) for clip in chosen]
            subject = _subject(_patient(session, filmed), filmed[0], job.payload.get("body_height_cm"))
        videos = [self.storage.video(recording.storage_key, recording.original_name) for recording in filmed]
        clips = [Clip(video, clip.person, video.name) for video, clip in zip(videos, chosen, strict=True)]
        assessment = self.engine.pipeline_of(model.package).assess_clips(
            clips,
            tasks=job.payload["tasks"],
            progress=part_of(pulse.progress, *_ASSESSING),
            cancelled=pulse.stop_wanted,
            subject=subject,
        )
        pulse.progress(_ASSESSING[1], "Making the clip")
        files = [
            self._store_files(recording, video, walk)
            for recording, video, walk in zip(filmed, videos, assessment.walks, strict=True)
        ]
        pulse.progress(0.99, "Storing the result")
        assessment_id = self._store(job, model, assessment, files)
        score_beside(self.database, self.models, model, assessment_id, assessment)

    def _store_files(self, recording: Recording, video: VaultVideo, walk: Walk | None) -> ClipFiles:
        if walk is None:
            return ClipFiles(recording.id)
        patient_id = recording.patient_id
        with self.storage.temporary_file() as made:
            walk.sequence.save(made)
            silhouettes = self.storage.write_file(made, patient_id=patient_id, kind=FileKind.SILHOUETTES)
        with self.storage.temporary_file() as made:
            self.engine.write_overlay(video, walk, made)
            overlay = self.storage.write_file(made, patient_id=patient_id, kind=FileKind.OVERLAY)
        return ClipFiles(recording.id, silhouettes.key, overlay.key)

    def _store(self, job: Job, model: LoadedModel, assessment: GaitAssessment, files: Sequence[ClipFiles]) -> str:
        leading = files[assessment.leading]
        keys = [key for each in files for key in (each.silhouettes_key, each.overlay_key)]
        with self.storage.removed_if_refused(*keys), self.database.transaction() as session:
            # Read anew: the recordings may have been moved to the right patient meanwhile.
            filmed = [recordings.get_recording(session=session, recording_id=each.recording_id) for each in files]
            patient = _patient(session, filmed)
            self.storage.give_to(session=session, keys=keys, patient_id=patient.id if patient is not None else None)
            row = assessments.add_assessment(
                session=session,
                patient_id=patient.id if patient is not None else None,
                recording_id=leading.recording_id,
                job_id=job.id,
                model_version_id=model.version.id,
                result=assessment.result.model_dump(mode="json"),
                silhouettes_key=leading.silhouettes_key,
                overlay_key=leading.overlay_key,
                body_height_cm=job.payload.get("body_height_cm"),
                created_by=job.created_by,
            )
            if len(files) > 1:
                assessment_clips.add_clips(session=session, assessment_id=row.id, clips=files)
            self._finish(session, job, row, "recording.screened", model, {"recordings": len(files)})
        return row.id

    def rescore(self, job: Job, pulse: Pulse) -> None:
        """Scores the stored silhouettes of an assessment with the version in production.

        Raises:
            ConflictError: if that version has scored them meanwhile.
        """
        model = self.models.production()
        with self.database.reading() as session:
            first = assessments.get_assessment(session=session, assessment_id=job.payload["assessment_id"])
            clips = assessment_clips.list_clips(session=session, assessment_id=first.id)
        pulse.progress(0.1, "Reading the silhouettes")
        files = [ClipFiles(clip.recording_id, clip.silhouettes_key, clip.overlay_key) for clip in clips]
        keys = [each.silhouettes_key for each in files] if files else [first.silhouettes_key]
        sequences = [self._silhouettes(key) if key else None for key in keys]
        pulse.progress(0.3, "Scoring")
        stored = ScreeningResult.model_validate(first.result)
        result = self.engine.pipeline_of(model.package).rescore(stored, sequences)
        raise_if_cancelled(pulse.stop_wanted)
        with self.database.transaction() as session:
            row = assessments.add_assessment(
                session=session,
                patient_id=assessments.get_assessment(session=session, assessment_id=first.id).patient_id,
                recording_id=first.recording_id,
                job_id=job.id,
                model_version_id=model.version.id,
                result=result.model_dump(mode="json"),
                silhouettes_key=first.silhouettes_key,
                overlay_key=first.overlay_key,
                body_height_cm=first.body_height_cm,
                rescored_from_id=first.id,
                created_by=job.created_by,
            )
            if files:
                assessment_clips.add_clips(session=session, assessment_id=row.id, clips=files)
            self._finish(session, job, row, "assessment.rescored", model, {"rescored_from_id": first.id})

    def _silhouettes(self, key: str) -> SilhouetteSequence:
        with self.storage.open(key) as file:
            return SilhouetteSequence.load(file)

    def _finish(
        self, session: Session, job: Job, row: Assessment, action: str, model: LoadedModel, more: dict[str, Any]
    ) -> None:
        jobs.finish(session=session, job_id=job.id, worker=self.worker, result={"assessment_id": row.id})
        audit.record(
            session=session,
            actor_id=job.created_by,
            action=action,
            subject_type="assessment",
            subject_id=row.id,
            details={"model": model.version.version, "model_version_id": model.version.id, "job_id": job.id} | more,
        )


def _patient(session: Session, filmed: Sequence[Recording]) -> Patient | None:
    """Whom all these recordings show."""
    patient_ids = {recording.patient_id for recording in filmed}
    if len(patient_ids) > 1:
        raise ConflictError(
            "These recordings belong to different patients by now. Start a new assessment with those of one patient."
        )
    (patient_id,) = patient_ids
    return patients.get_patient(session=session, patient_id=patient_id) if patient_id is not None else None


def _subject(patient: Patient | None, recording: Recording, body_height_cm: float | None) -> Subject:
    height_m = body_height_cm / 100 if body_height_cm is not None else None
    if patient is None:
        return Subject(body_height_m=height_m)
    filmed_on = (recording.recorded_at or recording.created_at).date()
    age_years = (filmed_on - patient.birth_date).days / _DAYS_A_YEAR
    return Subject(age_years if age_years >= 0 else None, _SEXES.get(patient.sex), height_m)
