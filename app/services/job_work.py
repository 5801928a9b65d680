"""What a job of the screening worker does, once for each kind. Doing it twice leaves the same result as doing it once.

A screening takes the version that is in production when it begins, and keeps it to its end.
"""

from __future__ import annotations

import base64
import logging
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.services import model_store
from app.services.models_in_use import LoadedModel, ModelsInUse
from app.services.pulse import Pulse
from app.services.screening import FIND_PEOPLE, SCREEN
from app.services.screening_engine import Engine
from app.services.shadow import score_beside
from app.settings import Settings
from clinic_data import assessments, audit, jobs, recordings
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError
from clinic_data.storage import Storage, StoredFile
from clinic_data.tables import Job, Recording
from fgait_core.errors import ConfigError, FGaitError, RecordingError
from fgait_core.progress import part_of

if TYPE_CHECKING:
    from fgait_core.inference import GaitAssessment
    from fgait_core.silhouettes import PersonCandidate

_ASSESSING = (0.0, 0.9)
_WORK_PREFIX = "work-"
_LEFT_OVER_AFTER_S = 86_400.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class JobWork:
    """Does jobs of one worker with one loaded segmenter.

    Attributes:
        settings: for the folders of unfinished files and of unpacked packages.
        database: where jobs and results are.
        storage: where files are.
        engine: the segmenter, and how packages screen.
        worker: the name under which jobs are held.
        models: the packages that are loaded.
    """

    settings: Settings
    database: Database
    storage: Storage
    engine: Engine
    worker: str
    models: ModelsInUse = field(init=False)

    def __post_init__(self) -> None:
        """Begins without any package: `register_model` loads the first."""
        self.models = ModelsInUse(self.settings, self.database, self.storage)

    def prepare(self) -> str:
        """Removes what killed workers left, and loads the model in production. A new clinic gets the bundled one.

        Returns:
            Words for the log: which model it is, or why it cannot be loaded; every screening will say the same.
        """
        self._remove_leftovers()
        self._register_bundled()
        try:
            return f"with model {model_store.label_of(self.models.production().version)}"
        except (ClinicDataError, FGaitError) as error:
            return f"without a model: {error}"

    def limit_s(self, job: Job) -> float:
        """How long a job may take."""
        return 60.0 * self.settings.job_limit_min

    def limit_words(self, job: Job) -> str:
        """What a job that took longer says."""
        minutes = self.settings.job_limit_min
        return f"The work took longer than {minutes:g} minutes and was stopped. Use a shorter video."

    def _register_bundled(self) -> None:
        from fgait_core.model_package import bundled_package_dir

        try:
            model_store.register_bundled(self.database, self.storage, bundled_package_dir())
        except (ClinicDataError, FGaitError) as error:
            # Damaged, or another package has its name and version: what is in production may be sound all the same.
            _log.error("The bundled package was not registered: %s", error)

    def _remove_leftovers(self) -> None:
        patterns = (f"{_WORK_PREFIX}*", f"{model_store.MODELS_FOLDER}/{model_store.UNPACKING_PREFIX}*")
        for folder in [found for pattern in patterns for found in self.settings.data_dir.glob(pattern)]:
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
        model = self.models.production()
        path = self.storage.path(recording.storage_key)
        assessment = self.engine.assess_with(model.package)(
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
        assessment_id = self._store_result(job, recording, model, assessment, (silhouettes.key, overlay.key))
        score_beside(self.database, self.models, model, assessment_id, assessment)

    def _store_files(self, assessment: GaitAssessment, path: Path) -> tuple[StoredFile, StoredFile]:
        with tempfile.TemporaryDirectory(dir=self.settings.data_dir, prefix=_WORK_PREFIX) as folder:
            silhouettes_path = Path(folder) / "silhouettes.npz"
            assessment.walk.sequence.save(silhouettes_path)
            overlay_path = Path(folder) / "overlay.mp4"
            self.engine.write_overlay(path, assessment.walk, overlay_path)
            return self.storage.write_file(silhouettes_path), self.storage.write_file(overlay_path)

    def _store_result(
        self, job: Job, recording: Recording, model: LoadedModel, assessment: GaitAssessment, keys: tuple[str, str]
    ) -> str:
        with self.database.transaction() as session:
            # Read anew: the recording may have been moved to the right patient meanwhile.
            patient_id = recordings.get_recording(session=session, recording_id=recording.id).patient_id
            row = assessments.add_assessment(
                session=session,
                patient_id=patient_id,
                recording_id=recording.id,
                job_id=job.id,
                model_version_id=model.version.id,
                result=assessment.result.model_dump(mode="json"),
                silhouettes_key=keys[0],
                overlay_key=keys[1],
                created_by=job.created_by,
            )
            jobs.finish(session=session, job_id=job.id, worker=self.worker, result={"assessment_id": row.id})
            details = {"model": model.version.version, "model_version_id": model.version.id}
            self._audit(session, job, "recording.screened", "assessment", row.id, details)
        return row.id


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
