"""A clinic with weeks of screenings, written straight into the database: what monitoring reads, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import fast_engine
import numpy as np
from sqlalchemy import insert

from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.sealed_rows import sealed_values
from clinic_data.tables import Assessment, Job, JobState, ModelVersion, Recording, Stage, new_id

FIRST_MONDAY = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PHONE = (1920, 1080, 30.0, "h264")
TABLET = (1280, 720, 25.0, "hevc")


@dataclass(frozen=True)
class Way:
    """What a week's recordings are like."""

    refused: float = 0.1
    unlikeness: float = 0.0
    abstained: float = 0.3
    probability: float = 0.3
    devices: tuple[tuple, ...] = (PHONE,)


def add_version(clinic, version: str = "1.0", stage: Stage = Stage.PRODUCTION, sha256: str = "a") -> ModelVersion:
    with clinic.services.database.transaction() as session:
        row = ModelVersion(name="drawn", version=version, sha256=sha256 * 64, simulated=True, metrics={}, stage=stage)
        session.add(row)
        session.flush()
        return row


def add_weeks(
    clinic,
    version: ModelVersion,
    weeks: int,
    a_week: int,
    way: Callable[[int], Way],
    *,
    first_week: int = 0,
    outcomes: bool = False,
    seed: int = 1,
) -> None:
    """So many weeks of so many screenings, the first of them `first_week` weeks after `FIRST_MONDAY`."""
    rng = np.random.default_rng(seed)
    recordings, jobs, assessments, confirmed = [], [], [], []
    for week in range(weeks):
        for number in range(a_week):
            at = FIRST_MONDAY + timedelta(weeks=first_week + week, hours=130 * number / a_week)
            recording, job, assessment = new_id(), new_id(), new_id()
            content, positive = _content(rng, way(week), version)
            recordings.append(_recording(recording, at))
            jobs.append(_job(job, recording, at, content))
            if not content["refused"]:
                row = {"id": assessment, "recording_id": recording, "job_id": job, "created_at": at}
                assessments.append(row | {"model_version_id": version.id, "result": content})
                confirmed.append(_outcome(assessment, positive, at))
    with clinic.services.database.transaction() as session:
        tables = {Recording: recordings, Job: jobs, Assessment: assessments}
        for table, rows in (tables | ({ConfirmedOutcome: confirmed} if outcomes else {})).items():
            if rows:
                sealed = sealed_values(session=session, table=table, rows=rows)
                session.connection().execute(insert(table), sealed)


def _content(rng: np.random.Generator, way: Way, version: ModelVersion) -> tuple[dict, bool]:
    content = fast_engine.result(tasks=("scoliosis",)).model_dump(mode="json")
    width, height, rate, codec = way.devices[rng.integers(len(way.devices))]
    content["recording"] |= {"width_px": width, "height_px": height, "frame_rate_hz": rate, "codec": codec}
    content["model"]["sha256"] = version.sha256
    if rng.random() < way.refused:
        content["quality"]["checks"][1] |= {"passed": False, "blocking": True}
        return content | {"refused": True, "scores": [], "typicality": None}, False
    content["quality"]["checks"][1]["passed"] = True
    positive = float(np.clip(rng.normal(way.probability, 0.15), 0.01, 0.99))
    unlikeness = float(rng.normal(way.unlikeness, 0.2))
    content["typicality"] |= {"score": unlikeness, "typical": unlikeness <= content["typicality"]["threshold"]}
    content["scores"][0] |= {
        "probabilities": {"negative": (1 - positive) / 2, "neutral": (1 - positive) / 2, "positive": positive},
        "above_threshold": positive >= 0.42,
        "abstained": bool(rng.random() < way.abstained) or not content["typicality"]["typical"],
    }
    return content, bool(rng.random() < positive)


def _recording(recording: str, at: datetime) -> dict:
    facts = {
        "id": recording,
        "original_name": "walk.mp4",
        "storage_key": recording,
        "size_bytes": 1,
        "sha256": "b" * 64,
    }
    return facts | {"site": "", "simulated": True, "created_at": at}


def _job(job: str, recording: str, at: datetime, content: dict) -> dict:
    refused = content["refused"]
    return {
        "id": job,
        "queue": "cpu",
        "kind": "screen",
        "payload": {},
        "state": JobState.REFUSED if refused else JobState.DONE,
        "result": {"reasons": ["x"], "result": content} if refused else {},
        "recording_id": recording,
        "created_at": at,
        "finished_at": at,
    }


def _outcome(assessment: str, positive: bool, at: datetime) -> dict:
    label = "positive" if positive else "negative"
    facts = {"id": new_id(), "assessment_id": assessment, "task": "scoliosis", "label": label}
    return facts | {"method": "radiograph", "created_at": at}
