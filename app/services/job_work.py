"""What a job of the screening worker does, once for each kind. Doing it twice leaves the result of doing it once."""

from __future__ import annotations

import base64
import logging
import math
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from app.services import model_store, retention_work
from app.services.models_in_use import ModelsInUse
from app.services.pulse import Pulse
from app.services.retention_work import RETENTION, RetentionWork
from app.services.scoring_work import WORK_PREFIX, ScoringWork
from app.services.screening_engine import Engine
from app.services.screening_jobs import FIND_AND_SCREEN, FIND_PEOPLE, RESCORE, SCREEN
from app.settings import Settings
from clinic_data import audit, jobs, recordings
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError
from clinic_data.file_vault import FileVault
from clinic_data.tables import Job
from fgait_core.errors import ConfigError, FGaitError, RecordingError

if TYPE_CHECKING:
    from fgait_core.silhouettes import PersonCandidate

_LEFT_OVER_AFTER_S = 86_400.0
_LOOK_AFTER_EVERY_S = 600.0
_RETENTION_LIMIT_MIN = 24 * 60.0
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
    storage: FileVault
    engine: Engine
    worker: str
    models: ModelsInUse = field(init=False)
    _looked_at: float = field(init=False, default=-math.inf)

    def __post_init__(self) -> None:
        """Begins without any package: `register_model` loads the first."""
        self.models = ModelsInUse(self.settings, self.database, self.storage)

    def prepare(self) -> str:
        """Removes what killed workers left, and loads the model in production. A new clinic gets the bundled one.

        Returns:
            Words for the log: which model it is, or why it cannot be loaded; every screening will say the same.
        """
        self._remove_leftovers()
        self._retention().finish_interrupted()
        self._register_bundled()
        try:
            return f"with model {model_store.label_of(self.models.production().version)}"
        except (ClinicDataError, FGaitError) as error:
            return f"without a model: {error}"

    def limit_s(self, job: Job) -> float:
        """How long a job may take: as long again for each further recording."""
        return 60.0 * self._limit_min(job)

    def limit_words(self, job: Job) -> str:
        """What a job that took longer says."""
        minutes = self._limit_min(job)
        return f"The work took longer than {minutes:g} minutes and was stopped. Use a shorter video."

    def look_after(self) -> None:
        """Queues the daily run of the retention rules when its time has come; looks at most every ten minutes."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_AFTER_EVERY_S:
            return
        self._looked_at = now
        with self.database.transaction() as session:
            retention_work.enqueue_daily(session)

    def _limit_min(self, job: Job) -> float:
        if job.kind == RETENTION:
            return _RETENTION_LIMIT_MIN
        return self.settings.job_limit_min * max(1, len(job.payload.get("clips", ())))

    def _register_bundled(self) -> None:
        from fgait_core.model_package import bundled_package_dir

        try:
            model_store.register_bundled(self.database, self.storage, bundled_package_dir())
        except (ClinicDataError, FGaitError) as error:
            # Damaged, or another package has its name and version: what is in production may be sound all the same.
            _log.error("The bundled package was not registered: %s", error)

    def _remove_leftovers(self) -> None:
        patterns = (f"{WORK_PREFIX}*", f"{model_store.MODELS_FOLDER}/{model_store.UNPACKING_PREFIX}*")
        for folder in [found for pattern in patterns for found in self.settings.data_dir.glob(pattern)]:
            if time.time() - folder.stat().st_mtime > _LEFT_OVER_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)

    def do(self, job: Job, pulse: Pulse) -> None:
        """Does one job and stores its result.

        Raises:
            OperationCancelled: if the user asked for a stop.
            FGaitError: a fault with a text for the user.
        """
        scoring = ScoringWork(self.database, self.storage, self.engine, self.models, self.worker)
        kinds = {
            FIND_PEOPLE: self._find_people,
            FIND_AND_SCREEN: self._find_people,
            SCREEN: scoring.screen,
            RESCORE: scoring.rescore,
            RETENTION: self._run_retention,
        }
        if job.kind not in kinds:
            raise ConfigError(f"This release knows no job of the kind {job.kind!r}.")
        try:
            kinds[job.kind](job, pulse)
        except RecordingError as refusal:
            self._refuse(job, refusal)

    def _retention(self) -> RetentionWork:
        return RetentionWork(self.settings, self.database, self.storage)

    def _run_retention(self, job: Job, pulse: Pulse) -> None:
        counts = self._retention().run(job.created_by, progress=pulse.progress, cancelled=pulse.stop_wanted)
        with self.database.transaction() as session:
            jobs.finish(session=session, job_id=job.id, worker=self.worker, result=dict(counts))
            audit.record(
                session=session,
                actor_id=job.created_by,
                action="retention.run",
                subject_type="job",
                subject_id=job.id,
                details=dict(counts),
            )

    def _refuse(self, job: Job, refusal: RecordingError) -> None:
        result: dict[str, Any] = {"reasons": list(refusal.reasons)}
        full = getattr(refusal, "result", None)
        if full is not None:
            result["result"] = full.to_json()
        with self.database.transaction() as session:
            jobs.refuse(session=session, job_id=job.id, worker=self.worker, result=result)
            audit.record(
                session=session,
                actor_id=job.created_by,
                action="recording.refused",
                subject_type="recording",
                subject_id=job.recording_id,
                details={"kind": job.kind, "job_id": job.id},
            )

    def _find_people(self, job: Job, pulse: Pulse) -> None:
        with self.database.reading() as session:
            recording = recordings.get_recording(session=session, recording_id=job.payload["recording_id"])
        video = self.storage.video(recording.storage_key, recording.original_name)
        found = self.engine.find_people(video, pulse.progress, pulse.stop_wanted)
        result: dict[str, Any] = {"people": [_person_json(candidate) for candidate in found]}
        with self.database.transaction() as session:
            # Of several people somebody must say who is the patient.
            if job.kind == FIND_AND_SCREEN and len(found) == 1:
                result["screen_job_id"] = _screen_next(session, job, found[0].number).id
            jobs.finish(session=session, job_id=job.id, worker=self.worker, result=result)


def _screen_next(session: Session, search: Job, person: int) -> Job:
    """Queues the screening of the one person whom a search of the batch found."""
    recording = recordings.get_recording(session=session, recording_id=search.payload["recording_id"])
    payload = {
        "clips": [{"recording_id": recording.id, "person": person}],
        "tasks": search.payload["tasks"],
        "body_height_cm": None,
    }
    screening = jobs.enqueue(
        session=session,
        kind=SCREEN,
        payload=payload,
        created_by=search.created_by,
        patient_id=recording.patient_id,
        recording_id=recording.id,
    )
    audit.record(
        session=session,
        actor_id=search.created_by,
        action="job.queued",
        subject_type="job",
        subject_id=screening.id,
        details={"kind": SCREEN, "recording_id": recording.id, "after_job_id": search.id},
    )
    return screening


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
