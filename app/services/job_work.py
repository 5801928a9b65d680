"""What a job does, once for each kind. Doing a job twice leaves the same result as doing it once."""

from __future__ import annotations

import base64
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.services.pulse import Pulse
from app.services.screening import FIND_PEOPLE, SCREEN
from app.services.screening_engine import Engine
from app.settings import Settings
from clinic_data import assessments, audit, jobs, model_registry, recordings
from clinic_data.database import Database
from clinic_data.storage import Storage, StoredFile
from clinic_data.tables import Job, Recording, Stage
from fgait_core.errors import ConfigError, RecordingError
from fgait_core.progress import part_of

if TYPE_CHECKING:
    from fgait_core.inference import GaitAssessment
    from fgait_core.silhouettes import PersonCandidate

_ASSESSING = (0.0, 0.9)
_WORK_PREFIX = "work-"
_LEFT_OVER_AFTER_S = 86_400.0


@dataclass(frozen=True, slots=True)
class JobWork:
    """Does jobs of one worker with one loaded engine.

    Attributes:
        settings: for the folder of unfinished files.
        database: where jobs and results are.
        storage: where files are.
        engine: the networks.
        worker: the name under which jobs are held.
    """

    settings: Settings
    database: Database
    storage: Storage
    engine: Engine
    worker: str

    def register_model(self) -> str:
        """Makes the loaded model known; it goes into production if none is there yet.

        Returns:
            The id of its registry row.
        """
        model = self.engine.model
        with self.database.transaction() as session:
            return model_registry.ensure_version(
                session=session,
                name=model.name,
                version=model.version,
                sha256=model.sha256,
                simulated=self.engine.simulated,
                metrics=self.engine.registry_metrics(),
                stage=Stage.PRODUCTION,
            ).id

    def remove_leftovers(self) -> None:
        """Removes the unfinished files of workers that were killed long ago."""
        for folder in self.settings.data_dir.glob(f"{_WORK_PREFIX}*"):
            if time.time() - folder.stat().st_mtime > _LEFT_OVER_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)

    def do(self, job: Job, pulse: Pulse) -> None:
        """Does one job and stores its result.

        Raises:
            OperationCancelled: if the user asked for a stop.
            FGaitError: a fault with a text for the user.
        """
        kinds = {FIND_PEOPLE: self._find_people, SCREEN: self._screen}
        if job.kind not in kinds:
            raise ConfigError(f"This release knows no job of the kind {job.kind!r}.")
        recording = self._recording(job)
        try:
            kinds[job.kind](job, recording, pulse)
        except RecordingError as refusal:
            self._refuse(job, refusal)

    def _recording(self, job: Job) -> Recording:
        with self.database.reading() as session:
            return recordings.get_recording(session=session, recording_id=job.payload["recording_id"])

    def _refuse(self, job: Job, refusal: RecordingError) -> None:
        result: dict[str, Any] = {"reasons": list(refusal.reasons)}
        full = getattr(refusal, "result", None)
        if full is not None:
            result["result"] = full.to_json()
        with self.database.transaction() as session:
            jobs.refuse(session=session, job_id=job.id, worker=self.worker, result=result)
            self._audit(session, job, "recording.refused", "recording", job.recording_id, {"kind": job.kind})

    def _audit(
        self, session: Any, job: Job, action: str, subject_type: str, subject_id: str | None, details: dict[str, Any]
    ) -> None:
        audit.record(
            session=session,
            actor_id=job.created_by,
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            details=details | {"job_id": job.id},
        )

    def _find_people(self, job: Job, recording: Recording, pulse: Pulse) -> None:
        path = self.storage.path(recording.storage_key)
        found = self.engine.find_people(path, pulse.progress, pulse.stop_wanted)
        people = [_person_json(candidate) for candidate in found]
        with self.database.transaction() as session:
            jobs.finish(session=session, job_id=job.id, worker=self.worker, result={"people": people})

    def _screen(self, job: Job, recording: Recording, pulse: Pulse) -> None:
        path = self.storage.path(recording.storage_key)
        assessment = self.engine.assess(
            path,
            person=job.payload["person"],
            tasks=job.payload["tasks"],
            progress=part_of(pulse.progress, *_ASSESSING),
            cancelled=pulse.stop_wanted,
            file_name=recording.original_name,
        )
        pulse.progress(_ASSESSING[1], "Making the clip")
        silhouettes, overlay = self._store_files(assessment, path)
        pulse.progress(0.99, "Storing the result")
        self._store_result(job, recording, assessment, silhouettes, overlay)

    def _store_files(self, assessment: GaitAssessment, path: Path) -> tuple[StoredFile, StoredFile]:
        with tempfile.TemporaryDirectory(dir=self.settings.data_dir, prefix=_WORK_PREFIX) as folder:
            silhouettes_path = Path(folder) / "silhouettes.npz"
            assessment.walk.sequence.save(silhouettes_path)
            overlay_path = Path(folder) / "overlay.mp4"
            self.engine.write_overlay(path, assessment.walk, overlay_path)
            return self.storage.write_file(silhouettes_path), self.storage.write_file(overlay_path)

    def _store_result(
        self, job: Job, recording: Recording, assessment: GaitAssessment, silhouettes: StoredFile, overlay: StoredFile
    ) -> None:
        model_version_id = self.register_model()
        with self.database.transaction() as session:
            # Read anew: the recording may have been moved to the right patient meanwhile.
            patient_id = recordings.get_recording(session=session, recording_id=recording.id).patient_id
            row = assessments.add_assessment(
                session=session,
                patient_id=patient_id,
                recording_id=recording.id,
                job_id=job.id,
                model_version_id=model_version_id,
                result=assessment.result.model_dump(mode="json"),
                silhouettes_key=silhouettes.key,
                overlay_key=overlay.key,
                created_by=job.created_by,
            )
            jobs.finish(session=session, job_id=job.id, worker=self.worker, result={"assessment_id": row.id})
            self._audit(session, job, "recording.screened", "assessment", row.id, {"model": self.engine.model.version})


def _person_json(candidate: PersonCandidate) -> dict[str, Any]:
    return {
        "number": candidate.number,
        "travel_body_heights": float(candidate.travel_body_heights),
        "visible_s": float(candidate.visible_s),
        "in_full_view": bool(candidate.in_full_view),
        "thumbnail_jpeg": _jpeg_text(candidate.thumbnail_rgb),
    }


def _jpeg_text(rgb: NDArray[np.uint8]) -> str:
    """A small picture for the page, kept in the job's own row so that it is erased with it."""
    done, encoded = cv2.imencode(".jpg", np.ascontiguousarray(rgb[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise ConfigError("A thumbnail could not be encoded.")
    return base64.b64encode(encoded.tobytes()).decode("ascii")
