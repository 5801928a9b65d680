"""Visits of a patient as a clinic would have stored them, made without an engine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fast_engine import result

from clinic_data import assessments, jobs, model_registry, recordings
from clinic_data.file_vault import FileKind
from clinic_data.storage import StoredFile
from clinic_data.tables import Assessment


def parameter(name: str, value: float | None, unit: str = "steps/min", change: float | None = 6.0) -> dict[str, Any]:
    """A parameter as results store it."""
    return {
        "name": name,
        "unit": unit,
        "value": value,
        "why_not": "" if value is not None else "view",
        "n": 12,
        "standard_error": 1.0,
        "minimal_detectable_change": change,
    }


def gait(view: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    """What was measured of a walk."""
    return {"view": view, "event_detector": "drawn", "events": [], "parameters": list(parameters)}


def visit(
    clinic,
    at: datetime | None,
    *,
    version: str = "1.0",
    positive: float = 0.71,
    typical: bool = True,
    view: str = "side",
    measured: dict[str, Any] | None = None,
    rescored_from: Assessment | None = None,
) -> Assessment:
    """Stores a visit, or what another version said of one."""
    content = result().model_dump(mode="json")
    content["model"].update(version=version, sha256=_sha256(version))
    content["quality"]["view"] = view
    if not typical:
        content["typicality"].update(typical=False, score=1.7, reason="Unlike. Film again.")
    content["gait"] = measured
    for score in content["scores"]:
        score["model_version"] = version
        if not typical:
            score.update(prediction_set=score["class_order"], abstained=True)
        if score["task"] == "scoliosis":
            rest = (1 - positive) / 2
            score["probabilities"] = {"negative": rest, "neutral": rest, "positive": positive}
            score["above_threshold"] = positive >= score["operating_point"]["threshold"]
            score["interval"] = [max(positive - 0.1, 0.0), min(positive + 0.1, 1.0)]
    storage = clinic.services.storage
    video = storage.write_bytes(b"walk", patient_id=clinic.patient.id, kind=FileKind.VIDEO)
    with clinic.services.database.transaction() as session:
        recording_id = rescored_from.recording_id if rescored_from else _recording(session, clinic, at, video).id
        job = jobs.enqueue(session=session, kind="drawn", payload={}, queue="drawn", recording_id=recording_id)
        jobs.claim(session=session, worker="drawn", queues=("drawn",))
        stored = assessments.add_assessment(
            session=session,
            patient_id=clinic.patient.id,
            recording_id=recording_id,
            job_id=job.id,
            model_version_id=_version(session, version),
            result=content,
            rescored_from_id=rescored_from.id if rescored_from else None,
            created_by=clinic.clinician.user_id,
        )
        jobs.finish(session=session, job_id=job.id, worker="drawn", result={"assessment_id": stored.id})
    return stored


def _recording(session, clinic, at: datetime | None, stored: StoredFile):
    return recordings.add_recording(
        session=session,
        patient_id=clinic.patient.id,
        original_name="walk.mp4",
        stored=stored,
        uploaded_by=None,
        recorded_at=at,
    )


def _version(session, version: str) -> str:
    row = model_registry.ensure_version(
        session=session, name="drawn", version=version, sha256=_sha256(version), simulated=True, metrics={}
    )
    return row.id


def _sha256(version: str) -> str:
    return version.encode().hex().ljust(64, "0")
